// Package web serves /metrics, health and reload over HTTP.
package web

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/version"
	toolkit "github.com/prometheus/exporter-toolkit/web"
)

// Options are what the handler serves.
type Options struct {
	Name          string
	TelemetryPath string // of the metrics
	// Registry has the metrics of the process.
	Registry *prometheus.Registry
	// Counts returns the counts for one scrape, after at most the given time.
	Counts func(wait time.Duration) prometheus.Collector
	// Ready reports whether the counts are where they were before a restart.
	Ready func() bool
	// Reload reads the configuration again; nil where that is not allowed over HTTP.
	Reload func() error
}

const notReady = "Not ready: the logs are being read up to where they were before the restart"

// metrics answers a scrape. The counts are one snapshot, taken for this scrape and,
// where a state is kept, made durable before the answer. Counts that are behind
// what was answered before the restart are not shown: they would look like a
// reset.
func (o Options) metrics(w http.ResponseWriter, r *http.Request) {
	if !o.Ready() {
		http.Error(w, notReady, http.StatusServiceUnavailable)
		return
	}
	counts := prometheus.NewRegistry()
	counts.MustRegister(o.Counts(commitTime(r)))
	promhttp.HandlerFor(prometheus.Gatherers{o.Registry, counts}, promhttp.HandlerOpts{
		EnableOpenMetrics: true, Registry: o.Registry,
	}).ServeHTTP(w, r)
}

// commitTime is how long a scrape waits at most for its counts to be durable:
// two seconds, or half of what Prometheus says that it waits for the answer.
func commitTime(r *http.Request) time.Duration {
	const least, most = 100 * time.Millisecond, 2 * time.Second
	seconds, err := strconv.ParseFloat(r.Header.Get("X-Prometheus-Scrape-Timeout-Seconds"), 64)
	if err != nil || !(seconds > 0 && seconds <= 2*most.Seconds()) { // NaN too
		return most
	}
	return max(least, time.Duration(seconds/2*float64(time.Second)))
}

// NewHandler returns the handler of all paths.
func NewHandler(o Options) (http.Handler, error) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+o.TelemetryPath, o.metrics)
	mux.HandleFunc("GET /-/healthy", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "Healthy")
	})
	mux.HandleFunc("GET /-/ready", func(w http.ResponseWriter, _ *http.Request) {
		if !o.Ready() {
			http.Error(w, notReady, http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "Ready")
	})
	mux.HandleFunc("POST /-/reload", func(w http.ResponseWriter, _ *http.Request) {
		if o.Reload == nil {
			http.Error(w, "Reload over HTTP is off: start with --web.enable-lifecycle, or send SIGHUP", http.StatusForbidden)
			return
		}
		if err := o.Reload(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprintln(w, "Reloaded")
	})
	if o.TelemetryPath != "/" {
		landing, err := toolkit.NewLandingPage(toolkit.LandingConfig{
			Name:        o.Name,
			Description: "Counts the SMTP replies that mail servers log.",
			Version:     version.Info(),
			Links: []toolkit.LandingLinks{
				{Address: o.TelemetryPath, Text: "Metrics"},
				{Address: "/-/healthy", Text: "Health", Description: "of the process"},
				{Address: "/-/ready", Text: "Readiness", Description: "of the logs"},
			},
		})
		if err != nil {
			return nil, fmt.Errorf("landing page: %w", err)
		}
		mux.Handle("GET /{$}", landing)
	}
	return mux, nil
}
