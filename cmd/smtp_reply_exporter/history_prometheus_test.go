package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"smtp_reply_exporter/cmd/replay"
	"smtp_reply_exporter/exporter/source/follow"
)

// calmLog returns the log of some hours in which a mail arrived every 10 minutes, another
// was delivered, and a stranger was put off.
func calmLog(begin time.Time, hours int) string {
	var log strings.Builder
	for i := range 6 * hours {
		at := begin.Add(time.Duration(i) * 10 * time.Minute).Format(time.Stamp)
		fmt.Fprintf(&log, "%s mx1 postfix/smtpd[698]: NOQUEUE: reject: RCPT from unknown[203.0.113.7]: 451 4.7.1 <bob@dest.example>: Recipient address rejected: Greylisted; "+
			"from=<a@src.example> to=<bob@dest.example> proto=ESMTP helo=<pc>\n", at)
		fmt.Fprintf(&log, "%s mx1 postfix/smtpd[698]: disconnect from unknown[203.0.113.7] ehlo=1 mail=1 rcpt=1/2 data=1 quit=1 commands=5/6\n", at)
		fmt.Fprintf(&log, "%s mx1 postfix/smtp[699]: 4BD8F1A2C%03X: to=<bob@dest.example>, relay=mx.dest.example[198.51.100.9]:25, delay=1, delays=0/0/0.5/0.5, "+
			"dsn=2.0.0, status=sent (250 2.0.0 ok)\n", at, i)
	}
	return log.String()
}

// A Prometheus with the history of two logs has the replies that the peers of the one
// recorded, and the past of the rules for the other. After the latter, counters begin at 0
// again, as those of the exporter do at its first start. Over both no alert would have fired.
func TestHistoryInPrometheus(t *testing.T) {
	for _, program := range []string{"prometheus", "promtool"} {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal(err)
			}
			t.Skip("to run this test: apt-get install prometheus")
		}
	}
	t.Parallel()
	begin := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	var files []string
	for _, log := range []struct{ source, file string }{
		{"calm", write(t, "mail.log", calmLog(begin, 48))},
		{"calm", write(t, "live", calmLog(begin.Add(48*time.Hour+20*time.Minute), 5))},
		{"corpus", "../../logparse/testdata/corpus/postfix/hard-cases.log.gz"},
	} {
		text, err := run(t, "parse", "--output=openmetrics", "--year=2026", "--timezone=UTC", "--until=2026-11-24T00:00:00Z",
			"--label=job=mail", "--label=instance=mx1:10451", "--label=source="+log.source, log.file)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, write(t, "samples", text))
	}
	past := replay.Past{Start: begin, End: begin.Add(54 * time.Hour)}
	p, err := replay.Import(t.Context(), t.TempDir(), files, past, "../../dashboards/recording.yml")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}()
	h := imported{t, p, begin}
	h.checkTruth()
	for _, rule := range []string{"increase1h", "past_increase1h"} {
		h.checkRule("source_peer_code_reason:smtp_replies_sent:" + rule)
	}
	h.checkAlerts()
}

// imported is a Prometheus with the histories.
type imported struct {
	*testing.T
	*replay.Prometheus
	begin time.Time
}

func (h *imported) query(promql string) []replay.Series {
	h.Helper()
	series, err := h.Query(h.Context(), promql, h.begin, h.begin.Add(54*time.Hour), 5*time.Minute)
	if err != nil {
		h.Fatal(err)
	}
	return series
}

// checkTruth checks that the counters of the corpus have grown by the replies that the
// peers recorded.
func (h *imported) checkTruth() {
	h.Helper()
	got := map[string]float64{}
	for _, s := range h.query(`sum by (code) (last_over_time(smtp_replies_received_total{source="corpus"}[1d]) - min_over_time(smtp_replies_received_total{source="corpus"}[1d]))`) {
		if n := s.Points[len(s.Points)-1].Value; n > 0 {
			got[s.Labels["code"]] = n
		}
	}
	if diff := cmp.Diff(receivedBy(h.T, "hard-cases"), got); diff != "" {
		h.Errorf("replies received in the corpus, by code (-truth +history):\n%s", diff)
	}
}

// checkRule checks the values of a rule for the calm log, whose strangers were put off
// 6 times an hour, before and after the counters begin again.
func (h *imported) checkRule(rule string) {
	h.Helper()
	series := h.query(rule + `{source="calm", code="451", reason="greylisted", job="mail", instance="mx1:10451"}`)
	if len(series) != 1 {
		h.Fatalf("%d series of %s, want 1", len(series), rule)
	}
	values := map[time.Time]float64{}
	for _, p := range series[0].Points {
		values[p.At.UTC()] = p.Value
		if p.Value > 7.1 {
			h.Errorf("%s is %v at %s, want about 6 at most", rule, p.Value, p.At)
		}
	}
	for _, hours := range []time.Duration{47, 50} {
		if at := h.begin.Add(hours * time.Hour); values[at] < 5.9 {
			h.Errorf("%s is %v at %s, want about 6", rule, values[at], at)
		}
	}
}

// checkAlerts checks that no alert would have fired over the calm log, but one over the
// corpus, which has a full disk.
func (h *imported) checkAlerts() {
	h.Helper()
	fired := map[string]bool{}
	for _, expression := range alertExpressions(h.T) {
		for _, s := range h.query(expression) {
			fired[s.Labels["source"]] = true
			if s.Labels["source"] == "calm" {
				h.Errorf("an alert would have fired from %v on: %v, %s", s.Points[0].At.UTC(), s.Labels, expression)
			}
		}
	}
	if !fired["corpus"] {
		h.Error("no alert would have fired over the corpus")
	}
}

// receivedBy returns how many replies the server of a log of the corpus received, by code,
// as its peers recorded them.
func receivedBy(t *testing.T, log string) map[string]float64 {
	t.Helper()
	n := map[string]float64{}
	for _, rows := range []string{"truth", "implied"} {
		f, err := os.Open("../../logparse/testdata/corpus/postfix/" + log + "." + rows + ".jsonl.gz")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		text, err := follow.Decompress(f)
		if err != nil {
			t.Fatal(err)
		}
		for in := json.NewDecoder(text); in.More(); {
			var row struct {
				Direction string
				Code      int
				Repeat    bool
			}
			if err := in.Decode(&row); err != nil {
				t.Fatal(err)
			}
			if row.Direction == "received" && !row.Repeat {
				n[fmt.Sprint(row.Code)]++
			}
		}
	}
	return n
}

// alertExpressions returns the expressions of the bundled alerts.
func alertExpressions(t *testing.T) (all []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../dashboards", "alerts.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct{ Rules []struct{ Expr string } }
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			all = append(all, r.Expr)
		}
	}
	if len(all) == 0 {
		t.Fatal("no alerts")
	}
	return all
}
