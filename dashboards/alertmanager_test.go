package dashboards

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"smtp_reply_exporter/cmd/replay"
)

// TestRouting tests that every alert goes where its severity says.
func TestRouting(t *testing.T) {
	receivers := map[string]string{"critical": "pager", "warning": "chat", "info": "chat"}
	for _, a := range rules(t, "alerts.yml") {
		want := receivers[a.Labels["severity"]]
		if a.Alert == watchdog {
			want = "watchdog"
		}
		if got, _ := route(t, a.Alert, a.Labels); got != want {
			t.Errorf("%s goes to %s, want %s", a.Alert, got, want)
		}
	}
}

// TestRoutes tests which route an alert takes: two of them lead to one receiver.
func TestRoutes(t *testing.T) {
	for _, tc := range []struct {
		alert                    string
		severity, area, provider string
		receiver, route          string
	}{
		{"SMTP452SentSystemStorage", "critical", "sent", "", "pager", `{service="mail",severity="critical"}`},
		{"SMTPSentRefusedShare", "warning", "sent", "", "chat", "default-route"},
		{"SMTP451SentPolicy", "info", "sent", "", "chat", `{service="mail",severity="info"}`},
		{"SMTP451ReceivedRateLimited", "warning", "received", "google", "chat", "default-route"},
		{"SMTP451ReceivedGreylisted", "info", "received", "google", "chat", `{service="mail",severity="info"}`},
		{"SMTPReplyExporterDown", "critical", "exporter", "", "pager", `{service="mail",severity="critical"}`},
		{"SMTPReplyExporterDown", "warning", "exporter", "", "chat", "default-route"},
		{watchdog, "info", "exporter", "", "watchdog", `{alertname="SMTPReplyExporterWatchdog"}`},
		{watchdog, "", "", "", "watchdog", `{alertname="SMTPReplyExporterWatchdog"}`},
	} {
		receiver, tree := route(t, tc.alert, map[string]string{
			"service": "mail", "severity": tc.severity, "area": tc.area, "provider": tc.provider,
		})
		if last := tree[strings.LastIndexByte(tree, '\n')+1:]; receiver != tc.receiver || !strings.Contains(last, tc.route) {
			t.Errorf("%+v goes to %s by\n%s", tc, receiver, tree)
		}
	}
}

// route returns where the example sends an alert, and the matching part of its routes.
func route(t *testing.T, alert string, labels map[string]string) (receiver, tree string) {
	t.Helper()
	args := []string{"config", "routes", "test", "--tree", "--config.file=alertmanager.example.yml", "alertname=" + alert}
	for name, value := range labels {
		args = append(args, name+"="+value)
	}
	out := strings.TrimSpace(run(t, "amtool", args...))
	end := strings.LastIndexByte(out, '\n')
	return out[end+1:], strings.TrimSpace(out[:max(end, 0)])
}

// TestResolvedMessage tests the message at the end of a fault, which TestMessages does not
// wait for.
func TestResolvedMessage(t *testing.T) {
	got := run(t, "amtool", "template", "render", "--template.glob=alertmanager.tmpl", "--template.data=testdata/resolved.json",
		`--template.text={{ template "smtp.title" . }}|{{ template "smtp.text" . }}`)
	want := `[RESOLVED] SMTPProviderDefersAll google (mail) east|A provider defers all mail.
- mx1.example:10451: 95 % of the deliveries of the last two hours were deferred.
Runbook: https://runbooks.example/#smtpproviderdefersall
`
	if strings.TrimSpace(got) != strings.TrimSpace(want) {
		t.Errorf("got %s, want %s", got, want)
	}
}

// A postable is an alert as Prometheus sends it, or as a webhook gets it.
type postable struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	Fingerprint string            `json:"fingerprint,omitempty"`
}

// alerts returns firings as alerts of a job. Static are the labels in the rules.
func alerts(job string, firings []firing, static map[string]map[string]string) []postable {
	var out []postable
	for _, fires := range firings {
		for host := fires.first; host <= fires.last; host++ {
			labels := map[string]string{
				"alertname": fires.alert, "job": job, "instance": fmt.Sprintf("mx%03d.example:10451", host), "source": "mail",
			}
			maps.Copy(labels, static[fires.alert])
			for _, label := range fires.labels {
				name, value, _ := strings.Cut(label, "=")
				labels[name] = value
			}
			maps.DeleteFunc(labels, func(_, value string) bool { return value == "" })
			annotations := map[string]string{
				"summary":     "This is what " + fires.alert + " is about.",
				"description": fmt.Sprintf("%s sent %d replies in the last hour.", labels["instance"], 10*host),
				"runbook_url": "https://runbooks.example/#" + strings.ToLower(fires.alert),
			}
			if reason := labels["reason"]; reason != "" {
				annotations["reason_url"] = "https://runbooks.example/#" + reason
			}
			out = append(out, postable{Labels: labels, Annotations: annotations})
		}
	}
	return out
}

// TestMessages tests with a real Alertmanager how many messages a fault makes, and what
// they say. Each group sends one message at most, since the test's group_interval is long.
func TestMessages(t *testing.T) {
	need(t, "prometheus-alertmanager")
	t.Parallel()
	dir, box := t.TempDir(), newInbox(t)
	address, stop, err := replay.Alertmanager(t.Context(), dir, testConfig(t, dir, box.url))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	}()
	static := map[string]map[string]string{}
	for _, r := range slices.Backward(rules(t, "alerts.yml")) {
		static[r.Alert] = r.Labels // of the first and most severe of a name
	}
	var causes, others []postable
	for _, f := range faults {
		causes = append(causes, alerts(f.job, f.fires[:1], static)...)
		others = append(others, alerts(f.job, f.fires[1:], static)...)
	}
	// In one request, an alert could be sent before the inhibitor knows its cause.
	post(t, "http://"+address+"/api/v2/alerts", causes)
	box.wait(t, address, len(causes))
	post(t, "http://"+address+"/api/v2/alerts", others)
	box.wait(t, address, len(causes)+len(others))
	got := box.counts()
	for _, f := range faults {
		if diff := cmp.Diff(f.messages, got[f.job]); diff != "" {
			t.Errorf("%s: messages with their numbers of alerts: -want +got:\n%s", f.job, diff)
		}
	}
	golden(t, "testdata/messages.txt", strings.Join(slices.Sorted(maps.Keys(box.texts)), "\n"))
}

// testConfig writes a copy of the example that waits for a second instead of half a
// minute, sends each group once and at any hour, and sends the pager what the chat gets.
func testConfig(t *testing.T, dir, url string) string {
	t.Helper()
	var config struct {
		Templates []string
		Intervals any `yaml:"time_intervals"`
		Route     map[string]any
		Receivers []map[string]any
		Inhibit   any `yaml:"inhibit_rules"`
	}
	decodeYAML(t, "alertmanager.example.yml", &config)
	template, err := filepath.Abs(config.Templates[0])
	if err != nil {
		t.Fatal(err)
	}
	config.Templates[0] = template
	config.Route["group_wait"], config.Route["group_interval"] = "1s", "1h"
	for _, r := range config.Route["routes"].([]any) {
		delete(r.(map[string]any), "active_time_intervals")
	}
	i := slices.IndexFunc(config.Receivers, func(r map[string]any) bool { return r["slack_configs"] != nil })
	slack := config.Receivers[i]["slack_configs"].([]any)
	slack[0].(map[string]any)["api_url"] = url + "/text"
	for _, r := range config.Receivers {
		if r["email_configs"] == nil {
			r["webhook_configs"], r["slack_configs"] = []any{map[string]string{"url": url + "/json"}}, slack
		}
	}
	content, err := yaml.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "alertmanager.yml")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func post(t *testing.T, url string, what any) {
	t.Helper()
	body, err := json.Marshal(what)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.Post(url, "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("POST %s: %s", url, response.Status)
	}
}

// An inbox receives each message twice: as JSON, and as text in Slack's format.
type inbox struct {
	url string

	mu       sync.Mutex
	messages []message
	texts    map[string]bool
	sent     map[string]bool // fingerprints of the alerts in messages
}

type message struct {
	Receiver    string
	GroupLabels map[string]string
	Alerts      []postable
}

func newInbox(t *testing.T) *inbox {
	t.Helper()
	box := &inbox{texts: map[string]bool{}, sent: map[string]bool{}}
	mux := http.NewServeMux()
	mux.HandleFunc("/json", func(_ http.ResponseWriter, r *http.Request) {
		var m message
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
			t.Errorf("webhook: %v", err)
		}
		box.mu.Lock()
		defer box.mu.Unlock()
		box.messages = append(box.messages, m)
		for _, a := range m.Alerts {
			box.sent[a.Fingerprint] = true
		}
	})
	mux.HandleFunc("/text", func(_ http.ResponseWriter, r *http.Request) {
		var m struct {
			Attachments []struct{ Title, Text string }
		}
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil || len(m.Attachments) != 1 {
			t.Errorf("chat: %v, %+v", err, m)
			return
		}
		box.mu.Lock()
		defer box.mu.Unlock()
		box.texts[m.Attachments[0].Title+"\n"+m.Attachments[0].Text] = true
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	box.url = server.URL
	return box
}

// wait waits until the inbox is complete.
func (box *inbox) wait(t *testing.T, address string, alerts int) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for err := box.complete(address, alerts); err != nil; err = box.complete(address, alerts) {
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// complete returns nil if Alertmanager has all alerts, and has sent each that is not
// inhibited.
func (box *inbox) complete(address string, alerts int) error {
	response, err := http.Get("http://" + address + "/api/v2/alerts")
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var known []struct {
		Fingerprint string
		Status      struct{ State string }
	}
	if err := json.NewDecoder(response.Body).Decode(&known); err != nil {
		return err
	}
	if len(known) != alerts {
		return fmt.Errorf("Alertmanager has %d of %d alerts", len(known), alerts)
	}
	box.mu.Lock()
	defer box.mu.Unlock()
	for _, a := range known {
		if a.Status.State != "suppressed" && !box.sent[a.Fingerprint] {
			return fmt.Errorf("alert %s is %s and not sent", a.Fingerprint, a.Status.State)
		}
	}
	if len(box.texts) < len(box.messages) {
		return errors.New("texts are missing")
	}
	return nil
}

// counts returns the number of alerts in each message by job, and by receiver and group.
func (box *inbox) counts() map[string]map[string]int {
	box.mu.Lock()
	defer box.mu.Unlock()
	out := map[string]map[string]int{}
	for _, m := range box.messages {
		job := m.GroupLabels["job"]
		if out[job] == nil {
			out[job] = map[string]int{}
		}
		key := m.Receiver + " " + m.GroupLabels["alertname"]
		for _, label := range []string{"provider", "cluster"} {
			if value := m.GroupLabels[label]; value != "" {
				key += " " + value
			}
		}
		out[job][key] += len(m.Alerts)
	}
	return out
}

// golden compares a text with a file, or writes the file with -update.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s: -want +got:\n%s", file, diff)
	}
}
