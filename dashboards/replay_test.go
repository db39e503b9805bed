package dashboards

import (
	"compress/gzip"
	"io"
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
	parts      = 14
	partLength = 2 * time.Hour
)

// made are the series that Prometheus itself creates when alerts fire.
var made = map[string][]string{"ALERTS": {
	"alertname", "alertstate", "severity", "service", "area", "job", "instance", "source", "provider", "code", "class", "reason",
}}

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

// TestQueries evaluates every query of dashboards, recording rules and alerts in a Prometheus
// that holds a day of real data. A query must name only metrics and labels that exist, and no
// panel may be empty.
func TestQueries(t *testing.T) {
	need(t, "prometheus")
	need(t, "promtool")
	t.Parallel() // with the tests of the rules
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
	end := time.Now().Truncate(time.Minute)
	past := replay.Past{Start: end.Add(-parts*partLength - 10*time.Minute), End: end, Part: partLength}
	prometheus, err := replay.Backfill(ctx, dir, scrapes, past, "recording.yml")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := prometheus.Close(); err != nil {
			t.Error(err)
		}
	}()
	known, err := prometheus.Labels(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for metric, labels := range made {
		known[metric] = labels
	}
	// The hosts of these logs received none, and Prometheus drops the empty label.
	const unseen = "smtp_dialogue_replies_received_total"
	known[unseen] = append(known[unseen], "host")
	// An exporter built without stamps has only some of them.
	const info = "smtp_reply_exporter_build_info"
	known[info] = append(known[info], "branch", "goarch", "goos", "goversion", "revision", "tags", "version")
	for name, labels := range unrecorded {
		known[name] = append(known[name], labels...)
	}

	evaluate := func(t *testing.T, promql string) (values bool) {
		t.Helper()
		checkNames(t, promql, known)
		series, err := prometheus.Query(ctx, promql, end.Add(-24*time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(series, func(s replay.Series) bool {
			return slices.ContainsFunc(s.Points, func(p replay.Point) bool { return !math.IsNaN(p.Value) })
		})
	}
	for _, file := range []string{"recording.yml", "alerts.yml"} {
		for _, r := range rules(t, file) {
			t.Run(r.Record+r.Alert, func(t *testing.T) {
				_, absent := unrecorded[r.Record]
				if values := evaluate(t, r.Expr); !values && r.Record != "" && !absent {
					t.Error("records nothing")
				}
			})
		}
	}
	for file, b := range boards(t) {
		for where, expr := range b.expressions() {
			t.Run(file+" "+where, func(t *testing.T) {
				values := evaluate(t, expr)
				// The rule tests check whether an alert fires.
				if !values && !strings.HasPrefix(where, "annotation") {
					t.Errorf("empty: %s", expr)
				}
			})
		}
	}
}

// checkNames compares the metrics and labels in PromQL with the known ones.
func checkNames(t *testing.T, promql string, known map[string][]string) {
	t.Helper()
	e := scan(promql)
	all := []string{"ago"} // from label_replace
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
