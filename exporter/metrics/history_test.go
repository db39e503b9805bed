package metrics_test

import (
	"bytes"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"

	"smtp_reply_exporter/exporter/counter"
	"smtp_reply_exporter/exporter/metrics"
	"smtp_reply_exporter/exporter/pipeline"
	"smtp_reply_exporter/logparse"
)

// A history has the series and values of a scrape, but for counters that are 0.
func TestHistoryIsAsScraped(t *testing.T) {
	snapshot := readLog(t).Commit(pipeline.CommitTime)
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics.NewCollector(snapshot))
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var scrape bytes.Buffer
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(&scrape, f); err != nil {
			t.Fatal(err)
		}
	}
	var want []string
	for line := range strings.Lines(strings.ReplaceAll(scrape.String(), `host="",`, "")) {
		if !strings.HasPrefix(line, "#") && (!strings.HasSuffix(line, " 0\n") || regexp.MustCompile(`_behind_bytes|_caught_up_`).MatchString(line)) {
			want = append(want, line)
		}
	}

	var text bytes.Buffer
	h := metrics.NewHistory(&text, map[string]string{"job": "mail", "instance": "mx1:10451"})
	at := time.UnixMilli(1_795_443_420_250)
	h.Set(snapshot, at.Add(-time.Minute))
	if err := h.Write(at); err != nil {
		t.Fatal(err)
	}
	var got []string
	zeros := 0
	for line := range strings.Lines(text.String()) {
		switch {
		case strings.HasSuffix(line, " 0 1795443360.250\n"):
			zeros++
		case strings.HasSuffix(line, " 1795443420.250\n"):
			got = append(got, strings.Replace(strings.TrimSuffix(line, " 1795443420.250\n")+"\n", `instance="mx1:10451",job="mail",`, "", 1))
		default:
			t.Errorf("line %q", line)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-scrape +history):\n%s", diff)
	}
	if counters := len(got) - strings.Count(strings.Join(got, ""), "smtp_reply_code_info") - len(regexp.MustCompile(`source_up|_behind_bytes|_timestamp_seconds`).FindAllString(strings.Join(got, ""), -1)); zeros != counters {
		t.Errorf("%d counters begin with 0, want %d", zeros, counters)
	}
}

// Gauges that stay the same are written every 4 minutes, counters always.
func TestHistorySteps(t *testing.T) {
	var text bytes.Buffer
	h := metrics.NewHistory(&text, nil)
	start := time.Unix(1_795_443_420, 0)
	counts := counter.NewSource(nil, counter.Hosts{}, time.Time{})
	for i := range 10 {
		at := start.Add(time.Duration(i) * time.Minute)
		if i == 6 {
			counts.Line(&logparse.Result{Outcome: logparse.Foreign}, nil, at.Add(-time.Second))
		}
		h.Set(&pipeline.Snapshot{Sources: []pipeline.SourceSnapshot{{Name: "mail", Snapshot: counts.Snapshot()}}}, at.Add(-time.Minute))
		if err := h.Write(at); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	for series, want := range map[string]string{
		"smtp_reply_exporter_source_up{source=\"mail\"}":                             "0 1795443420, 0 1795443660, 0 1795443900",
		"smtp_reply_exporter_source_last_line_timestamp_seconds{source=\"mail\"}":    "1.795443779e+09 1795443780",
		"smtp_reply_exporter_source_lines_total{result=\"foreign\",source=\"mail\"}": "0 1795443720, 1 1795443780, 1 1795443840, 1 1795443900, 1 1795443960",
	} {
		var got []string
		for line := range strings.Lines(text.String()) {
			if sample, ok := strings.CutPrefix(line, series+" "); ok {
				got = append(got, strings.TrimSpace(sample))
			}
		}
		if got := strings.Join(got, ", "); got != want {
			t.Errorf("%s: %s, want %s", series, got, want)
		}
	}
	if !strings.HasSuffix(text.String(), "\n# EOF\n") {
		t.Error("no end")
	}
}

func TestHistoryEscapes(t *testing.T) {
	var text bytes.Buffer
	h := metrics.NewHistory(&text, map[string]string{"job": "a\\b\"c\nd\té"})
	h.Set(&pipeline.Snapshot{}, time.Time{})
	if err := h.Write(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if want := `{job="a\\b\"c\nd` + "\té\","; !strings.Contains(text.String(), want) {
		t.Errorf("no %q in %.200q", want, &text)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestHistoryWriteError(t *testing.T) {
	h := metrics.NewHistory(full{}, nil)
	h.Set(&pipeline.Snapshot{}, time.Time{})
	if err := h.Write(time.Unix(1, 0)); err == nil {
		t.Error("no error")
	}
}
