//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	exporterAddress     = mailHost + ":10451"
	prometheusAddress   = "127.0.0.1:9090"
	alertmanagerAddress = "127.0.0.1:9093"
)

// startExporter builds the exporter and runs it on the mail host.
func startExporter(t *testing.T, dir, log string) {
	t.Helper()
	binary := filepath.Join(dir, "smtp_reply_exporter")
	build := exec.Command("go", "build", "-o", binary, "../../cmd/smtp_reply_exporter")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	// It keeps no state, since fsync on a busy disk takes longer than a scaled scrape may.
	config := write(t, filepath.Join(dir, "exporter.yaml"), `state: ""
sources:
  - {name: mail, file: %s, start: beginning}
providers:
  throttling: [.throttling.example]
  crowded: [.crowded.example]
  outofspace: [.outofspace.example]
`, log)
	start(t, dir, "exporter", "ip", onMailHost(binary, "--config.file="+config, "--web.listen-address="+exporterAddress)...)
	ready(t, "the exporter", "http://"+exporterAddress+"/-/ready")
}

// slack is the configuration of the example's chat.
var slack = regexp.MustCompile(`(?s)slack_configs:.*?\n  - name: mail\n`)

// startAlertmanager runs an Alertmanager with the example's routes to the webhook, at any
// hour.
func startAlertmanager(t *testing.T, dir, webhook string) {
	t.Helper()
	template, err := filepath.Abs("../alertmanager.tmpl")
	if err != nil {
		t.Fatal(err)
	}
	text := slack.ReplaceAllString(read(t, "../alertmanager.example.yml"), "webhook_configs: [{url: "+webhook+"/chat}]\n  - name: mail\n")
	text = strings.NewReplacer("https://pager.example/hooks/mail", webhook+"/pager", "active_time_intervals: [office_hours]", "",
		"- alertmanager.tmpl", "- "+template).Replace(text)
	start(t, dir, "alertmanager", "prometheus-alertmanager",
		"--config.file="+write(t, filepath.Join(dir, "alertmanager.yml"), "%s", scaled(t, text)),
		"--storage.path="+filepath.Join(dir, "alertmanager"),
		"--web.listen-address="+alertmanagerAddress, "--cluster.listen-address=")
	ready(t, "Alertmanager", "http://"+alertmanagerAddress+"/-/ready")
}

// startPrometheus runs a Prometheus with the scaled rules that scrapes the exporter.
func startPrometheus(t *testing.T, dir string) {
	t.Helper()
	for _, name := range []string{"recording.yml", "alerts.yml"} {
		write(t, filepath.Join(dir, name), "%s", scaled(t, read(t, "../"+name)))
	}
	config := write(t, filepath.Join(dir, "prometheus.yml"), `
global: {scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 500ms}
rule_files: [recording.yml, alerts.yml]
alerting: {alertmanagers: [{static_configs: [{targets: ["%s"]}]}]}
scrape_configs:
  - job_name: smtp_reply_exporter
    static_configs: [{targets: ["%s"]}]
`, alertmanagerAddress, exporterAddress)
	start(t, dir, "prometheus", "prometheus", "--config.file="+config,
		"--storage.tsdb.path="+filepath.Join(dir, "tsdb"), "--web.listen-address="+prometheusAddress,
		// 5 min and 1 min, divided by scale.
		"--query.lookback-delta=5s", "--rules.alert.resend-delay=1s")
	ready(t, "Prometheus", "http://"+prometheusAddress+"/-/ready")
}

func ready(t *testing.T, what, url string) {
	t.Helper()
	wait(t, time.Minute, what+" is ready", func() error {
		response, err := http.Get(url)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("%s", response.Status)
		}
		return nil
	})
}

// get decodes a JSON answer.
func get(url string, into any) error {
	response, err := http.Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %s", url, response.Status, body)
	}
	return json.Unmarshal(body, into)
}

// A sample is one sample in the result of an instant query.
type sample struct {
	labels map[string]string
	value  float64
}

// query evaluates PromQL in Prometheus at the current time.
func query(promql string) ([]sample, error) {
	var answer struct {
		Data struct {
			Result []struct {
				Metric map[string]string
				Value  [2]any
			}
		}
	}
	if err := get("http://"+prometheusAddress+"/api/v1/query?query="+url.QueryEscape(promql), &answer); err != nil {
		return nil, err
	}
	var out []sample
	for _, r := range answer.Data.Result {
		value, err := strconv.ParseFloat(fmt.Sprint(r.Value[1]), 64)
		if err != nil {
			return nil, err
		}
		out = append(out, sample{r.Metric, value})
	}
	return out, nil
}

// An alert is an alert as Alertmanager sends it to a webhook.
type alert struct {
	Status              string
	Labels, Annotations map[string]string
	receiver            string
}

// A webhook keeps the first notification of each alert by name.
type webhook struct {
	url string

	mu    sync.Mutex
	fired map[string][]alert
}

func newWebhook(t *testing.T) *webhook {
	t.Helper()
	w := &webhook{fired: map[string][]alert{}}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		var message struct {
			Receiver string
			Alerts   []alert
		}
		if err := json.NewDecoder(r.Body).Decode(&message); err != nil {
			t.Errorf("webhook: %v", err)
			http.Error(rw, err.Error(), http.StatusBadRequest)
			return
		}
		if r.URL.Path != "/"+message.Receiver {
			t.Errorf("receiver %q sends to %s", message.Receiver, r.URL.Path)
		}
		for _, a := range message.Alerts {
			a.receiver = message.Receiver
			w.keep(a)
		}
	}))
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

// keep keeps a firing alert with new labels. A repeated alert has the same labels, but its
// numbers may differ.
func (w *webhook) keep(a alert) {
	w.mu.Lock()
	defer w.mu.Unlock()
	name := a.Labels["alertname"]
	if a.Status != "firing" {
		return
	}
	for _, known := range w.fired[name] {
		if fmt.Sprint(known.Labels, known.receiver) == fmt.Sprint(a.Labels, a.receiver) {
			return
		}
	}
	w.fired[name] = append(w.fired[name], a)
}

// notified returns the alerts with that name that have arrived.
func (w *webhook) notified(name string) []alert {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.fired[name]
}

// names returns the names of all alerts that have arrived.
func (w *webhook) names() map[string]bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	names := map[string]bool{}
	for name := range w.fired {
		names[name] = true
	}
	return names
}

// inhibited reports whether another alert inhibits an alert in Alertmanager.
func inhibited(name string) error {
	var alerts []struct {
		Status struct{ InhibitedBy []string }
	}
	filter := url.QueryEscape(fmt.Sprintf("alertname=%q", name))
	if err := get("http://"+alertmanagerAddress+"/api/v2/alerts?filter="+filter, &alerts); err != nil {
		return err
	}
	if len(alerts) != 1 || len(alerts[0].Status.InhibitedBy) == 0 {
		return fmt.Errorf("%s: %+v", name, alerts)
	}
	return nil
}
