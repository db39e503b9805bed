package web

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func TestHandler(t *testing.T) {
	good := func() error { return nil }
	bad := func() error { return errors.New("config.yaml:3: sources[0].file: missing") }
	for _, tc := range []struct {
		name, request string
		telemetryPath string // /metrics if empty
		notReady      bool
		blind         error
		reload        func() error
		status        int
		want          string // a part of the body
	}{
		{name: "metrics", request: "GET /metrics", status: 200, want: "test_total 1\n"},
		{name: "metrics elsewhere", request: "GET /smtp", telemetryPath: "/smtp", status: 200, want: "test_total 1\n"},
		{name: "not where they usually are", request: "GET /metrics", telemetryPath: "/smtp", status: 404},
		{name: "metrics at the root", request: "GET /", telemetryPath: "/", status: 200, want: "test_total 1\n"},
		{name: "metrics are only read", request: "POST /metrics", status: 405},
		{name: "healthy", request: "GET /-/healthy", status: 200, want: "Healthy\n"},
		{name: "healthy before it is ready", request: "GET /-/healthy", notReady: true, status: 200, want: "Healthy\n"},
		{name: "ready", request: "GET /-/ready", status: 200, want: "Ready\n"},
		{name: "not ready", request: "GET /-/ready", notReady: true, status: 503, want: "Not ready: still reading the logs up to the end before the restart\n"},
		{name: "no source", request: "GET /-/ready", blind: errors.New("source mail: permission denied"), status: 503, want: "Not ready: no source is up\nsource mail: permission denied\n"},
		{name: "metrics without a source", request: "GET /metrics", blind: errors.New("source mail: permission denied"), status: 200, want: "test_total 1\n"},
		{name: "reload", request: "POST /-/reload", reload: good, status: 200, want: "Reloaded\n"},
		{name: "reload fails", request: "POST /-/reload", reload: bad, status: 500, want: "config.yaml:3: sources[0].file: missing\n"},
		{name: "reload is off", request: "POST /-/reload", status: 403, want: "start with --web.enable-lifecycle, or send SIGHUP\n"},
		{name: "reload is no link", request: "GET /-/reload", reload: good, status: 405},
		{name: "page", request: "GET /", status: 200, want: "the page\n"},
		{name: "page before it is ready", request: "GET /", notReady: true, status: 200, want: "the page\n"},
		{name: "nothing else", request: "GET /favicon.ico", status: 404},
	} {
		t.Run(tc.name, func(t *testing.T) {
			registry := prometheus.NewRegistry()
			total := prometheus.NewCounter(prometheus.CounterOpts{Name: "test_total", Help: "Tests."})
			total.Inc()
			registry.MustRegister(total)
			handler := NewHandler(Options{
				TelemetryPath: cmp.Or(tc.telemetryPath, "/metrics"), Registry: registry,
				Counts: func(time.Duration) prometheus.Collector {
					return prometheus.NewGauge(prometheus.GaugeOpts{Name: "test_counts", Help: "Counts."})
				},
				Ready: func() bool { return !tc.notReady }, Blind: func() error { return tc.blind }, Reload: tc.reload,
				Page: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "the page") }),
			})
			method, path, _ := strings.Cut(tc.request, " ")
			answer := httptest.NewRecorder()
			handler.ServeHTTP(answer, httptest.NewRequest(method, path, http.NoBody))
			if answer.Code != tc.status || !strings.Contains(answer.Body.String(), tc.want) {
				t.Errorf("status %d, want %d; body, that should hold %q:\n%s", answer.Code, tc.status, tc.want, answer.Body)
			}
		})
	}
}
