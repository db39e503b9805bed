package dashboards

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"smtp_reply_exporter/cmd/replay"
)

// shows says what a panel shows of the data of its queries at the end of the time shown: the
// text and colour of a tile, the curves of a graph, the rows of a table.
func (p panel) shows(data [][]replay.Series, at time.Time) string {
	var out []string
	switch p.Type {
	case "stat":
		for _, s := range slices.Concat(data...) {
			last := math.NaN() // Grafana takes the last point, however old
			if len(s.Points) > 0 {
				last = s.Points[len(s.Points)-1].Value
			}
			out = append(out, strings.TrimSpace(s.Labels["code"]+" "+p.value(last)))
		}
	case "table":
		rows := 0
		for _, s := range slices.Concat(data...) {
			if !s.Points[len(s.Points)-1].At.Equal(at) { // the query is of an instant
				continue
			}
			rows++
			if name := s.Labels["alertname"]; name != "" {
				out = append(out, name)
			}
		}
		if rows > 0 {
			return strings.TrimSpace(fmt.Sprintf("%d rows %s", rows, strings.Join(out, ", ")))
		}
	default:
		for i, series := range data {
			for _, s := range series {
				if !math.IsNaN(highest(s)) {
					out = append(out, legend(p.Targets[i].LegendFormat, s.Labels))
				}
			}
		}
		slices.Sort(out)
		if len(out) > 8 {
			out = append(out[:8], fmt.Sprintf("%d more", len(out)-8))
		}
	}
	if len(out) == 0 {
		return strconv.Quote(p.FieldConfig.Defaults.NoValue)
	}
	return strings.Join(out, ", ")
}

var labelName = regexp.MustCompile(`{{(\w+)}}`)

func legend(format string, labels map[string]string) string {
	return strings.TrimSpace(labelName.ReplaceAllStringFunc(format, func(name string) string { return labels[strings.Trim(name, "{}")] }))
}

// value returns the text and the colour of a value, as Grafana finds them: from the
// mappings, else from unit and thresholds.
func (p panel) value(v float64) string {
	d := p.FieldConfig.Defaults
	for _, m := range d.Mappings {
		if r, ok := m.of(v); ok {
			return fmt.Sprintf("%q %s", r.Text, colourName(r.Color))
		}
	}
	text := strconv.FormatFloat(v, 'f', 0, 64)
	if d.Unit == "percentunit" {
		text = strconv.FormatFloat(100*v, 'f', 0, 64) + " %"
	}
	if d.Color.Mode != "thresholds" {
		return text
	}
	return text + " " + colourName(d.Thresholds.colour(v))
}

// of returns the result of a mapping for a number, if it has one.
func (m mapping) of(v float64) (result, bool) {
	switch m.Type {
	case "special":
		return m.Options.Result, math.IsNaN(v) && slices.Contains([]string{"nan", "null+nan"}, m.Options.Match)
	case "value":
		r, ok := m.values[strconv.FormatFloat(v, 'f', -1, 64)]
		return r, ok
	}
	return result{}, false
}

// colour returns the colour of a value.
func (t thresholds) colour(v float64) string {
	colour := ""
	for _, s := range t.Steps {
		if s.Value == nil || v >= *s.Value {
			colour = s.Color
		}
	}
	return colour
}

// colourName returns a word for a colour of the generator.
func colourName(colour string) string {
	names := map[string]string{"#2FB58C": "green", "#F2C744": "yellow", "#F08A24": "orange", "#B5174F": "red", "text": "grey"}
	return cmp.Or(names[colour], colour)
}

// written returns what the panels show as text.
func written(shown map[string]string) string {
	var text strings.Builder
	for _, where := range slices.Sorted(maps.Keys(shown)) {
		fmt.Fprintf(&text, "%s\n%s", where, shown[where])
	}
	return text.String()
}
