package dashboards

import (
	"compress/gzip"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"smtp_reply_exporter/cmd/replay"
	// TestQueries builds the exporter. A change to the exporter's metrics must invalidate
	// its cached result.
	_ "smtp_reply_exporter/exporter/metrics"
	_ "smtp_reply_exporter/exporter/pipeline"
)

// logs are the logs of a Postfix with scripted peers, by source.
var logs = map[string]string{
	"mail":    "syslog-traditional",
	"filters": "hard-cases",
	"stores":  "lmtp-unix",
}

// The logs are played in parts, each of which covers partLength.
const (
	parts      = 16
	partLength = 2 * time.Hour
)

// A state is a situation of the monitoring, at the end of the day that a dashboard shows.
type state struct {
	name string
	at   time.Time
}

// firingSeries are series that Prometheus makes of alerts.
const firingSeries = `ALERTS{alertname="SMTP452SentSystemStorage",alertstate="firing",severity="critical",area="sent",service="mail",source="mail"} 1
ALERTS_FOR_STATE{alertname="SMTP452SentSystemStorage",severity="critical",area="sent",service="mail",source="mail"} %d
`

// unrecorded are what an operator records, and rules that record nothing on a healthy host or
// in its first week, with their labels. The rule tests cover these.
var unrecorded = map[string][]string{
	"smtp:override:own_fault_floor":                        {"instance"},
	"smtp:override:own_fault_share":                        {"instance"},
	"smtp:override:provider_floor":                         {"instance"},
	"smtp:override:provider_share":                         {"instance"},
	"source_reason:smtp_own_faults:major":                  {"instance", "source", "host", "reason"},
	"source_reason:smtp_own_faults:minor":                  {"instance", "source", "host", "reason"},
	"source_reason:smtp_own_faults:week_ratio1h":           {"instance", "source", "host", "reason"},
	"source:smtp_sent:lack1h":                              {"instance", "source", "host"},
	"source:smtp_sent:nothing_accepted":                    {"instance", "source", "host"},
	"source:smtp_sent:refused_instead1h":                   {"instance", "source", "host"},
	"source:smtp_sent:authenticated_max3d":                 {"instance", "source", "host"},
	"source_provider:smtp_deliveries:unreachable_ratio15m": {"instance", "source", "host", "provider"},
	"provider:smtp_deliveries:deferring_hosts":             {"job", "provider"},
	"source:smtp_deliveries:failed_ratio2h":                {"instance", "source", "host"},
	"pool:smtp_deliveries:failed_ratio2h":                  {"job", "source"},
	"instance:smtp_reply_exporter:down":                    {"job", "instance"},
}

// TestQueries evaluates every query of dashboards and alerts in a Prometheus that holds a day
// of real data and what the recording rules make of it. A query must name only metrics and
// labels that exist, and none may be empty after that day. What each panel shows then and in
// worse states is in testdata/shown.txt.
func TestQueries(t *testing.T) {
	need(t, "prometheus")
	need(t, "promtool")
	t.Parallel() // with the tests of the rules
	ctx := t.Context()
	past := replay.Until(time.Now().Truncate(5*time.Minute), parts, partLength, 20*time.Minute)
	prometheus := replayed(t, past)
	defer func() {
		if err := prometheus.Close(); err != nil {
			t.Error(err)
		}
	}()
	known, err := prometheus.Labels(ctx)
	if err != nil {
		t.Fatal(err)
	}
	// The hosts of these logs received none, and Prometheus drops the empty label.
	const unseen = "smtp_dialogue_replies_received_total"
	known[unseen] = append(known[unseen], "host")
	// Of other alerts than the one here.
	known["ALERTS_FOR_STATE"] = append(known["ALERTS_FOR_STATE"], "host", "provider", "code", "reason")
	known["ALERTS"] = append(known["ALERTS"], "host", "provider", "code", "class", "reason")

	// An exporter built without stamps has only some of them.
	const info = "smtp_reply_exporter_build_info"
	known[info] = append(known[info], "branch", "goarch", "goos", "goversion", "revision", "tags", "version")
	recorded := maps.Clone(known)
	for name, labels := range unrecorded {
		known[name] = append(known[name], labels...)
	}

	query := func(t *testing.T, promql string, at time.Time) []replay.Series {
		t.Helper()
		series, err := prometheus.Query(ctx, promql, at.Add(-24*time.Hour), at, 30*time.Minute)
		if err != nil {
			t.Error(err)
		}
		return slices.DeleteFunc(series, func(s replay.Series) bool { return len(s.Points) == 0 })
	}
	for _, r := range rules(t, "recording.yml") {
		checkNames(t, r.Expr, known)
		if _, absent := unrecorded[r.Record]; recorded[r.Record] == nil && !absent {
			t.Errorf("%s records nothing", r.Record)
		}
	}
	for _, r := range rules(t, "alerts.yml") {
		checkNames(t, r.Expr, known)
		query(t, r.Expr, past.End)
	}
	// Between two samples, so that all versions of Prometheus see the same ones.
	states := []state{
		{"after a day", past.End.Add(-time.Minute)},
		{"5 min after the start", past.Start.Add(5 * time.Minute)},
		{"3 h after the last sample", past.End.Add(3*time.Hour - time.Minute)},
		{"no sample in sight", past.End.Add(49 * time.Hour)},
	}
	shown := map[string]string{}
	for file, b := range boards(t) {
		for where, expr := range b.expressions() {
			checkNames(t, expr, known)
			if !strings.HasPrefix(where, "panel ") && empty(query(t, expr, past.End)) {
				t.Errorf("%s %s is empty: %s", file, where, expr)
			}
		}
		for _, p := range b.all() {
			if p.Type == "row" {
				continue
			}
			shown[file+": "+p.Title] = p.inStates(t, file, states, query)
		}
	}
	golden(t, "testdata/shown.txt", written(shown))
}

// inStates says what a panel shows in each state. In the first one, no query may be empty.
func (p panel) inStates(t *testing.T, file string, states []state, query func(t *testing.T, promql string, at time.Time) []replay.Series) string {
	t.Helper()
	var text strings.Builder
	for i, s := range states {
		data := make([][]replay.Series, len(p.Targets))
		for j, target := range p.Targets {
			data[j] = query(t, concrete.Replace(target.Expr), s.at)
			// The data are not as old as a week.
			if i == 0 && empty(data[j]) && !strings.Contains(target.Expr, "offset 1w") && empty(query(t, unfiltered(target.Expr), s.at)) {
				t.Errorf("%s %s is empty: %s", file, p.Title, target.Expr)
			}
		}
		fmt.Fprintf(&text, "  %-26s %s\n", s.name, p.shows(data, s.at))
	}
	return text.String()
}

// replayed returns a Prometheus with the logs, played over the past.
func replayed(t *testing.T, past replay.Past) *replay.Prometheus {
	t.Helper()
	dir, ctx := t.TempDir(), t.Context()
	exporter := filepath.Join(dir, "smtp_reply_exporter")
	build := exec.Command("go", "build", "-o", exporter, "-ldflags", "-X github.com/prometheus/common/version.Version=0.0.0", "../cmd/smtp_reply_exporter")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	content := map[string][]byte{}
	for source, name := range logs {
		content[source] = unpack(t, name)
	}
	scrapes, err := replay.Record(ctx, dir, exporter, content, parts)
	if err != nil {
		t.Fatal(err)
	}
	last := &scrapes[len(scrapes)-1]
	last.Text = fmt.Appendf(last.Text, firingSeries, past.End.Add(-time.Hour).Unix())
	prometheus, err := replay.Backfill(ctx, dir, scrapes, past, "recording.yml")
	if err != nil {
		t.Fatal(err)
	}
	return prometheus
}

// unfiltered returns an expression without the filter that hides what stayed 0.
func unfiltered(promql string) string {
	promql, _, _ = strings.Cut(promql, " and on (")
	return concrete.Replace(strings.TrimSuffix(promql, " > 0.5"))
}

// empty reports whether series have no values.
func empty(series []replay.Series) bool {
	return !slices.ContainsFunc(series, func(s replay.Series) bool { return !math.IsNaN(highest(s)) })
}

// highest returns the highest value of a series, or NaN.
func highest(s replay.Series) float64 {
	out := math.NaN()
	for _, p := range s.Points {
		if !(p.Value <= out) && !math.IsNaN(p.Value) {
			out = p.Value
		}
	}
	return out
}

// checkNames compares the metrics and labels in PromQL with the known ones.
func checkNames(t *testing.T, promql string, known map[string][]string) {
	t.Helper()
	e := scan(promql)
	all := []string{"ago", "of"} // from label_replace
	for _, s := range e.selectors {
		labels, ok := known[s.metric]
		if !ok {
			t.Errorf("no such metric: %s", s.metric)
		}
		for _, l := range s.labels {
			if !slices.Contains(labels, l) {
				t.Errorf("%s has no label %s", s.metric, l)
			}
		}
		all = append(all, labels...)
	}
	for _, l := range e.grouping {
		if !slices.Contains(all, l) {
			t.Errorf("no metric in %s has the label %s", promql, l)
		}
	}
}

// unpack returns a log of the corpus.
func unpack(t *testing.T, name string) []byte {
	t.Helper()
	f, err := os.Open("../logparse/testdata/corpus/postfix/" + name + ".log.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
