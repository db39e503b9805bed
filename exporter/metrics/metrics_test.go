package metrics_test

import (
	"bytes"
	"compress/gzip"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	versioncollector "github.com/prometheus/client_golang/prometheus/collectors/version"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"smtp_reply_exporter/exporter/classify"
	"smtp_reply_exporter/exporter/config"
	"smtp_reply_exporter/exporter/metrics"
	"smtp_reply_exporter/exporter/pipeline"
	"smtp_reply_exporter/exporter/web"
)

var update = flag.Bool("update", false, "write testdata/metrics.txt anew")

// readLog returns a pipeline that has read a Postfix log to its end.
func readLog(t *testing.T) *pipeline.Pipeline {
	t.Helper()
	log := filepath.Join(t.TempDir(), "mail.log")
	size := unzip(t, "../../logparse/testdata/corpus/postfix/hard-cases.log.gz", log)
	cfg, err := config.Parse("config.yaml", fmt.Appendf(nil,
		"internal_networks: [192.0.2.0/24]\nsources:\n  - {name: mail, file: %s, start: beginning}\n", log))
	if err != nil {
		t.Fatal(err)
	}
	classifier, err := classify.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	p, err := pipeline.New(cfg, classifier, slog.New(slog.DiscardHandler), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.Run(t.Context())
	}()
	t.Cleanup(func() { <-done }) // after t's context has ended
	for deadline := time.Now().Add(time.Minute); p.Commit(pipeline.CommitTime).Sources[0].Stats.ReadBytes < size; {
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d bytes read within a minute", p.Commit(pipeline.CommitTime).Sources[0].Stats.ReadBytes, size)
		}
		time.Sleep(10 * time.Millisecond)
	}
	return p
}

// register returns a registry like the daemon's, without the metrics of Go and
// of the process.
func register(p *pipeline.Pipeline) *prometheus.Registry {
	registry := process()
	registry.MustRegister(metrics.NewCollector(p.Commit(pipeline.CommitTime)))
	return registry
}

func process() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(versioncollector.NewCollector("smtp_reply_exporter"))
	metrics.NewReloads(registry)
	return registry
}

func serve(t *testing.T, p *pipeline.Pipeline) http.Handler {
	t.Helper()
	return web.NewHandler(web.Options{TelemetryPath: "/metrics", Registry: process(), Counts: func(wait time.Duration) prometheus.Collector {
		return metrics.NewCollector(p.Commit(wait))
	}, Ready: p.Ready})
}

func unzip(t *testing.T, from, to string) (size int64) {
	t.Helper()
	f, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return int64(len(text))
}

// scrape returns the body and the media type of /metrics.
func scrape(t *testing.T, handler http.Handler, accept string) (body []byte, contentType string) {
	t.Helper()
	request := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	request.Header.Set("Accept", accept)
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, request)
	if answer.Code != http.StatusOK {
		t.Fatalf("status %d: %s", answer.Code, answer.Body)
	}
	return answer.Body.Bytes(), answer.Header().Get("Content-Type")
}

// TestScrape reads a log once and checks scrapes of it.
func TestScrape(t *testing.T) {
	p := readLog(t)
	handler := serve(t, p)
	t.Run("golden", func(t *testing.T) { testGolden(t, handler) })
	t.Run("mission codes", func(t *testing.T) { testMissionCodes(t, handler) })
	t.Run("lint", func(t *testing.T) { testLint(t, p) })
	t.Run("promtool", func(t *testing.T) { testPromtool(t, handler) })
	t.Run("negotiation", func(t *testing.T) { testNegotiation(t, handler) })
	t.Run("created timestamps", func(t *testing.T) { testCreatedTimestamps(t, p) })
}

// volatile matches the values that differ from run to run, and the labels of the
// build.
var volatile = regexp.MustCompile(`(?m)^(\w+_timestamp_seconds(?:\{.*\})?) \S+$|^(smtp_reply_exporter_build_info)\{.*\}( 1)$`)

func testGolden(t *testing.T, handler http.Handler) {
	const golden = "testdata/metrics.txt"
	body, _ := scrape(t, handler, "text/plain")
	got := volatile.ReplaceAll(body, []byte("$1$2$3"))
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(got), "\n")); diff != "" {
		t.Errorf("%s (-want +got); go test ./exporter/metrics -update writes it anew:\n%s", golden, diff)
	}
}

// testMissionCodes checks the codes for which the exporter was made.
func testMissionCodes(t *testing.T, handler http.Handler) {
	body, _ := scrape(t, handler, "text/plain")
	for _, code := range []string{"220", "221", "250", "354", "451", "452"} {
		series := regexp.MustCompile(`(?m)^smtp_(dialogue_)?replies_sent_total\{.*code="` + code + `".*\} [1-9]`)
		if !series.Match(body) {
			t.Errorf("no reply %s in the scrape", code)
		}
	}
}

func testLint(t *testing.T, p *pipeline.Pipeline) {
	families, err := register(p).Gather()
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func testPromtool(t *testing.T, handler http.Handler) {
	promtool, err := exec.LookPath("promtool")
	if err != nil && os.Getenv("CI") == "" {
		t.Skip("promtool is not installed")
	}
	if err != nil {
		t.Fatal(err)
	}
	body, _ := scrape(t, handler, "text/plain")
	check := exec.CommandContext(t.Context(), promtool, "check", "metrics")
	check.Stdin = bytes.NewReader(body)
	if out, err := check.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}

func testNegotiation(t *testing.T, handler http.Handler) {
	for _, tc := range []struct{ name, accept, want, end string }{
		{name: "text", accept: "text/plain", want: "text/plain; version=0.0.4", end: "\n"},
		{name: "nothing", accept: "", want: "text/plain; version=0.0.4", end: "\n"},
		{name: "OpenMetrics", accept: "application/openmetrics-text;version=1.0.0", want: "application/openmetrics-text; version=1.0.0", end: "\n# EOF\n"},
		{
			name:   "protobuf",
			accept: "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
			want:   "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			body, contentType := scrape(t, handler, tc.accept)
			if !strings.HasPrefix(contentType, tc.want) || !bytes.HasSuffix(body, []byte(tc.end)) {
				t.Errorf("%s that ends with %q, want %s with %q", contentType, body[max(0, len(body)-10):], tc.want, tc.end)
			}
		})
	}
}

// created returns the created timestamp of each series of replies, deliveries and
// refusals, from a scrape in protobuf.
func created(t *testing.T, p *pipeline.Pipeline) map[string]time.Time {
	t.Helper()
	families, err := register(p).Gather()
	if err != nil {
		t.Fatal(err)
	}
	at := map[string]time.Time{}
	for _, family := range families {
		if family.GetType().String() != "COUNTER" || strings.HasPrefix(family.GetName(), "smtp_reply_exporter_") {
			continue
		}
		for _, m := range family.Metric {
			at[fmt.Sprint(family.GetName(), m.Label)] = m.Counter.GetCreatedTimestamp().AsTime()
		}
	}
	return at
}

func testCreatedTimestamps(t *testing.T, p *pipeline.Pipeline) {
	first := created(t, p)
	if len(first) < 100 {
		t.Errorf("%d counters", len(first))
	}
	for series, at := range first {
		if time.Since(at) > time.Hour { // 1970 if there is none
			t.Errorf("%s was created at %v", series, at)
		}
	}
	for snapshot := p.Commit(pipeline.CommitTime); snapshot == p.Commit(pipeline.CommitTime); { // the second scrape must show another snapshot
		time.Sleep(10 * time.Millisecond)
	}
	if diff := cmp.Diff(first, created(t, p)); diff != "" {
		t.Errorf("created timestamps of two scrapes (-first +second):\n%s", diff)
	}
}

func TestReloads(t *testing.T) {
	registry := prometheus.NewRegistry()
	reloads := metrics.NewReloads(registry)
	value := func(name string) float64 {
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if f.GetName() == "smtp_reply_exporter_config_last_reload_"+name {
				return f.Metric[0].Gauge.GetValue()
			}
		}
		t.Fatalf("no metric %s", name)
		return 0
	}
	for _, tc := range []struct {
		name string
		err  error
		want float64
	}{
		{name: "good", want: 1},
		{name: "bad", err: os.ErrNotExist, want: 0},
		{name: "good again", want: 1},
	} {
		before := value("success_timestamp_seconds")
		reloads.Done(tc.err)
		if got := value("successful"); got != tc.want {
			t.Errorf("%s: successful is %v, want %v", tc.name, got, tc.want)
		}
		if moved := value("success_timestamp_seconds") > before; moved != (tc.err == nil) {
			t.Errorf("%s: the time of the last success moved: %t", tc.name, moved)
		}
	}
}
