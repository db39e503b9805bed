package dashboards

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A boardRule is a rule for the panels of some types, or of all. broken returns what breaks
// it.
type boardRule struct {
	name   string
	types  []string
	broken func(b board, p panel) string
}

var (
	graphs = []string{"timeseries"}
	tiles  = []string{"stat"}
	tables = []string{"table"}
)

var boardRules = []boardRule{
	{"no panel says No data", nil, func(_ board, p panel) string {
		return unless(p.FieldConfig.Defaults.NoValue != "" && p.FieldConfig.Defaults.NoValue != "No data", p.FieldConfig.Defaults.NoValue)
	}},
	{"no colour without a value", nil, func(_ board, p panel) string {
		steps := p.FieldConfig.Defaults.Thresholds.Steps
		return unless(len(steps) == 0 || steps[0].Value == nil && steps[0].Color == "text", steps)
	}},
	{"no tile is green on null or NaN", tiles, func(_ board, p panel) string {
		for _, m := range p.FieldConfig.Defaults.Mappings {
			if m.Options.Match == "null+nan" && m.Options.Result == (result{"no data", "orange"}) {
				return ""
			}
		}
		return "no mapping of null and NaN"
	}},
	{"no tile shows an old value", tiles, func(_ board, p panel) string {
		return unless(slices.Equal(p.Options.ReduceOptions.Calcs, []string{"last"}) && strings.Contains(p.Targets[0].Expr, "or vector(NaN)") ||
			strings.Contains(p.Targets[0].Expr, "or label_replace(vector(NaN)"), p.Targets[0].Expr)
	}},
	{"no zero for what is absent", nil, func(_ board, p panel) string {
		return unless(!slices.ContainsFunc(p.Targets, func(t target) bool { return strings.Contains(t.Expr, "vector(0)") }), p.Targets)
	}},
	{"no legend sorts by name", graphs, func(_ board, p panel) string {
		l := p.Options.Legend
		return unless(l.DisplayMode == "table" && l.SortBy == "Max" && l.SortDesc, l)
	}},
	{"a legend has room", graphs, func(_ board, p panel) string {
		l := p.Options.Legend
		right := l.Placement == "right" && l.Width >= 250 && p.GridPos.W >= 12
		below := l.Placement == "bottom" && p.GridPos.W < 12
		return unless((right || below) && p.GridPos.H >= 9, l)
	}},
	{"no tooltip is unsorted or longer than the screen", graphs, func(_ board, p panel) string {
		t := p.Options.Tooltip
		return unless(t.Mode == "multi" && t.Sort == "desc" && t.HideZeros && t.MaxHeight > 0 && t.MaxHeight <= 600, t)
	}},
	{"no cryptic unit", nil, func(_ board, p panel) string {
		return unless(!slices.Contains([]string{"cpm", "short", "none", ""}, p.FieldConfig.Defaults.Unit) || p.Type == "table", p.FieldConfig.Defaults.Unit)
	}},
	{"no fraction of a count", nil, func(_ board, p panel) string {
		d := p.FieldConfig.Defaults
		return unless(d.Unit != "locale" || d.Decimals != nil && *d.Decimals == 0, d.Unit)
	}},
	{"nothing bad is green and nothing good is red", nil, func(_ board, p panel) string {
		for _, o := range p.FieldConfig.Overrides {
			for _, q := range o.Properties {
				colour, _ := q.Value.(map[string]any)
				name := colourName(fmt.Sprint(colour["fixedColor"]))
				if q.ID == "color" && (name == "green" && !slices.Contains([]string{"/^2/", "/^reply$/"}, o.Matcher.Options) || name == "red" && o.Matcher.Options != "/^5/") {
					return o.Matcher.Options + " is " + name
				}
			}
		}
		return ""
	}},
	{"no colour by chance", graphs, func(_ board, p panel) string {
		return unless(p.FieldConfig.Defaults.Color.Mode == "shades", p.FieldConfig.Defaults.Color)
	}},
	{"tables filter, and sort", tables, func(_ board, p panel) string {
		return unless(p.FieldConfig.Defaults.Custom.Filterable && len(p.Options.SortBy) == 1, p.Options.SortBy)
	}},
	{"what names a provider leads to it", nil, func(_ board, p panel) string {
		for _, t := range p.Targets {
			switch {
			case p.Type == "table" && strings.Contains(t.Expr, "(provider"):
				return unless(strings.Contains(fmt.Sprint(p.property("Provider", "links")), "/d/smtp-providers?"), "no link")
			case strings.HasPrefix(t.LegendFormat, "{{provider}}"):
				return unless(strings.Contains(fmt.Sprint(p.property("/.*/", "links")), "/d/smtp-providers?"), "no link")
			}
		}
		return ""
	}},
	{"a share of a threshold has a red zone", graphs, func(_ board, p panel) string {
		style, steps := p.FieldConfig.Defaults.Custom.ThresholdsStyle.Mode, p.FieldConfig.Defaults.Thresholds.Steps
		return unless(!strings.Contains(p.Title, "threshold") || style == "line+area" && len(steps) == 2 && *steps[1].Value == 1 && colourName(steps[1].Color) == "red", style)
	}},
	{"variables work wherever they are offered", nil, func(b board, p panel) string {
		for _, t := range p.Targets {
			for _, s := range scan(t.Expr).selectors {
				for _, l := range chosenBy(b, s.metric) {
					if !slices.Contains(s.labels, l) {
						return s.metric + " does not select by " + l
					}
				}
			}
			if strings.Contains(t.Expr, ":smtp_") && strings.Contains(t.Expr, "host=~") && !strings.Contains(t.Expr, "$mta") {
				return "recorded series are not selected by $mta"
			}
		}
		return ""
	}},
}

// unless returns "" if a rule holds, or else what breaks it.
func unless(holds bool, detail any) string {
	if holds {
		return ""
	}
	return fmt.Sprintf("%v", detail)
}

// chosenBy returns the labels by which a query must select series of a metric.
func chosenBy(b board, metric string) []string {
	labels := []string{"job", "instance"}
	switch {
	case !strings.HasPrefix(metric, "smtp_") && !strings.Contains(metric, ":smtp_"), metric == "smtp_reply_code_info":
	case strings.Contains(metric, "smtp_reply_exporter_source"):
		if !strings.Contains(metric, ":") { // the sign that rules are evaluated
			labels = append(labels, "source")
		}
	case strings.HasPrefix(metric, "smtp_reply_exporter_"):
	case strings.Contains(metric, ":"):
		labels = append(labels, "source", "host")
	default:
		labels = append(labels, "source", "host", "mta")
		if b.UID == "smtp-providers" {
			labels = append(labels, "provider")
		}
	}
	return labels
}

// TestBoardRules tests every panel by every rule.
func TestBoardRules(t *testing.T) {
	for _, r := range boardRules {
		t.Run(r.name, func(t *testing.T) {
			for file, b := range boards(t) {
				for _, p := range b.all() {
					if p.Type == "row" || r.types != nil && !slices.Contains(r.types, p.Type) {
						continue
					}
					if broken := r.broken(b, p); broken != "" {
						t.Errorf("%s, %s: %s", file, p.Title, broken)
					}
				}
			}
		})
	}
}

var address = regexp.MustCompile(`"url": "(/d/[^"]*)"`)

// TestBoardsAsAWhole tests what is not about one panel.
func TestBoardsAsAWhole(t *testing.T) {
	uids := map[string]bool{}
	for _, b := range boards(t) {
		uids[b.UID] = true
	}
	colours := map[string]string{}
	for file, b := range boards(t) {
		text, err := os.ReadFile(filepath.Join("grafana", file))
		if err != nil {
			t.Fatal(err)
		}
		for _, slipped := range []string{"placement\": \"in", "repeatDirection", "auto_min"} {
			if strings.Contains(string(text), slipped) {
				t.Errorf("%s has the SDK's %q", file, slipped)
			}
		}
		for _, link := range address.FindAllStringSubmatch(string(text), -1) {
			board, values, _ := strings.Cut(strings.TrimPrefix(link[1], "/d/"), "?")
			if !uids[board] || !strings.HasPrefix(values, "${__url_time_range}&${datasource:queryparam}") {
				t.Errorf("%s leads nowhere, or to another time: %s", file, link[1])
			}
		}
		for _, v := range b.Templating.List {
			if !strings.Contains(string(text), "$"+v.Name) && !strings.Contains(string(text), "${"+v.Name) {
				t.Errorf("%s offers $%s, and nothing uses it", file, v.Name)
			}
		}
		for _, a := range b.Annotations.List {
			if !strings.Contains(a.Expr, `severity="critical"`) {
				t.Errorf("%s is washed red by alerts that are not critical", file)
			}
		}
		for _, p := range b.all() {
			for _, o := range p.FieldConfig.Overrides {
				for _, q := range o.Properties {
					if colour := fmt.Sprint(q.Value); q.ID == "color" && strings.HasPrefix(o.Matcher.Options, "/^") {
						if other, ok := colours[o.Matcher.Options]; ok && other != colour {
							t.Errorf("%s, %s: %s has two colours", file, p.Title, o.Matcher.Options)
						}
						colours[o.Matcher.Options] = colour
					}
				}
			}
		}
	}
}

// TestOverviewFits tests that what is open of the overview fits on two screens.
func TestOverviewFits(t *testing.T) {
	open := 0
	for _, p := range boards(t)["overview.json"].Panels {
		if !p.Collapsed {
			open += p.GridPos.W * p.GridPos.H
		}
	}
	if rows := open / 24; rows > 40 {
		t.Errorf("%d grid rows are open", rows)
	}
}
