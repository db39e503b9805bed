package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"smtp_reply_exporter/cmd/replay"
)

// While a disk is full, the exporter is terminated twice and killed once, and a
// Prometheus with the bundled rules scrapes it. The alerts must fire on, and again when
// their windows begin in one of the gaps. An hour of the rules takes a minute.
func TestAlertsOutliveRestarts(t *testing.T) {
	t.Parallel()
	const scale = 60
	var rules []string
	for _, name := range []string{"recording.yml", "alerts.yml"} {
		text, err := os.ReadFile(filepath.Join("../../dashboards", name))
		if err != nil {
			t.Fatal(err)
		}
		scaled, err := replay.Scale(string(text), scale)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, []byte(scaled), 0o600); err != nil {
			t.Fatal(err)
		}
		rules = append(rules, file)
	}
	v := newVictim(t, "")
	v.start()
	v.scrapeOnce()
	p := startPrometheus(t, v, rules...)
	if p == nil {
		t.Skip("to run this test: apt-get install prometheus")
	}

	alerts := []string{"SMTP452SentSystemStorage", "SMTP451SentSystemError", "SMTP451ReceivedRateLimited"}
	since := map[string]float64{}
	for _, name := range alerts {
		v.wait(name+" fires", func() bool {
			v.refuse()
			return len(p.samples(`ALERTS{alertstate="firing", alertname="`+name+`"}`)) == 1
		})
		since[name] = number(t, p.samples(`ALERTS_FOR_STATE{alertname="` + name + `"}`)[0].Value)
	}
	for _, end := range []func(){v.terminate, v.kill, v.terminate} {
		end()
		v.wait("a failed scrape", func() bool { v.refuse(); return number(t, p.samples("up")[0].Value) == 0 })
		v.start()
		v.wait("a scrape", func() bool { v.refuse(); return number(t, p.samples("up")[0].Value) == 1 })
	}
	shortest := 30 * time.Minute / scale
	restarted := time.Now()
	v.wait("the window begins after the last restart", func() bool { v.refuse(); return time.Since(restarted) > shortest+time.Second })

	for _, name := range alerts {
		series := p.samples(`ALERTS{alertstate="firing", alertname="` + name + `"}`)
		state := p.samples(`ALERTS_FOR_STATE{alertname="` + name + `"}`)
		if len(series) != 1 || len(state) != 1 {
			t.Errorf("%s fires no longer: %v", name, series)
		} else if began := number(t, state[0].Value); began != since[name] {
			t.Errorf("%s was resolved: it fires since %v, before since %v", name, began, since[name])
		}
	}
	for _, s := range p.samples("max_over_time(smtp_reply_exporter_source_caught_up_timestamp_seconds[10m]) or ALERTS{alertname=~'SMTPReplyExporter.*'}") {
		if number(t, s.Value) != 0 {
			t.Errorf("after a restart: %v", s)
		}
	}
}

// refuse logs a refusal of each kind.
func (v *victim) refuse() {
	v.Helper()
	f, err := os.OpenFile(filepath.Join(v.dir, "mail.log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		v.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(testdata(v.T, "refusals.log")); err != nil {
		v.Fatal(err)
	}
}

// samples returns the result of an instant query.
func (p *promServer) samples(expression string) []sampled {
	p.Helper()
	series, err := p.query(expression)
	if err != nil {
		p.Fatal(err)
	}
	return series
}
