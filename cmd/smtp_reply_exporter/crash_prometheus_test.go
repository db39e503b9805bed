package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// promServer is a Prometheus server that scrapes a victim.
type promServer struct {
	*testing.T
	v       *victim
	address string
}

// startPrometheus starts a server with rule files and waits until it has scraped.
func startPrometheus(t *testing.T, v *victim, rules ...string) *promServer {
	t.Helper()
	path, err := exec.LookPath("prometheus")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Logf("not scraped by a Prometheus server: %v", err)
		return nil
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "prometheus.yml")
	text := "global: {evaluation_interval: 500ms}\nrule_files: [" + strings.Join(rules, ", ") + "]\nscrape_configs:\n  - job_name: mail\n    scrape_interval: 500ms\n    scrape_timeout: 500ms\n    static_configs: [{targets: ['" + v.address + "']}]\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := &promServer{t, v, freeAddress(t)}
	cmd := exec.CommandContext(t.Context(), path, "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+p.address)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	var stderr syncBuffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Wait() // the context has ended already
		if t.Failed() {
			t.Logf("Prometheus' log:\n%s", &stderr)
		}
	})
	v.wait("Prometheus has scraped", func() bool {
		series, err := p.query("smtp_replies_sent_total[1h]")
		return err == nil && len(series) > 0
	})
	return p
}

// A sampled is a series in the answer to a query.
type sampled struct {
	Metric map[string]string
	Value  [2]any   // of an instant query: seconds, and the value as a string
	Values [][2]any // of a range query
}

func number(t *testing.T, sample [2]any) float64 {
	t.Helper()
	text, _ := sample[1].(string)
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (p *promServer) query(expression string) ([]sampled, error) {
	response, err := http.Get("http://" + p.address + "/api/v1/query?query=" + url.QueryEscape(expression))
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var answer struct {
		Status, Error string
		Data          struct{ Result []sampled }
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return nil, err
	}
	if answer.Status != "success" {
		return nil, fmt.Errorf("%s: %s", expression, answer.Error)
	}
	return answer.Data.Result, nil
}

// checkTruth checks that the raw samples, which started at 0, have grown by the logged
// counts, and that no counter was reset.
func (p *promServer) checkTruth(sessions int) {
	p.Helper()
	for _, family := range []string{"smtp_replies_sent_total", "smtp_replies_received_total"} {
		want := map[string]float64{}
		for series, n := range truth(sessions) {
			if code, ok := strings.CutPrefix(series, family+" "); ok {
				want[code] = n
			}
		}
		got := map[string]float64{}
		p.v.wait("Prometheus has scraped it all", func() bool {
			series, err := p.query(family + "[1d]")
			if err != nil {
				p.Fatal(err)
			}
			clear(got)
			for _, s := range series {
				if grown := number(p.T, s.Values[len(s.Values)-1]) - number(p.T, s.Values[0]); grown != 0 {
					got[s.Metric["code"]] += grown
				}
			}
			for code, n := range want {
				if got[code] < n {
					return false
				}
			}
			return true
		})
		for code, n := range got {
			if n != want[code] {
				p.Errorf("%s: %v replies %s by the raw samples, %v were logged", family, n, code, want[code])
			}
		}
	}
	for family := range families(truth(sessions)) {
		series, err := p.query("max(resets(" + family + "[1d]))")
		if err != nil {
			p.Fatal(err)
		}
		if len(series) != 1 || number(p.T, series[0].Value) != 0 {
			p.Errorf("%s: resets %v", family, series)
		}
	}
}

func families(series map[string]float64) map[string]bool {
	names := map[string]bool{}
	for s := range series {
		family, _, _ := strings.Cut(s, " ")
		names[family] = true
	}
	return names
}
