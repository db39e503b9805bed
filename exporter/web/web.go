// Package web serves /metrics, health, readiness and reload over HTTP. NewHandler takes
// the functions that these paths call.
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

// Options configure the handler. Its functions are called concurrently.
type Options struct {
	Name          string // of the program
	TelemetryPath string // of the metrics, such as /metrics
	// Registry has the metrics of the process. The handler adds its own.
	Registry *prometheus.Registry
	// Counts returns the counts for one scrape. It waits at most the given time until
	// they are durable.
	Counts func(wait time.Duration) prometheus.Collector
	// Ready reports whether the counts have caught up with those before a restart.
	Ready func() bool
	// Reload loads the configuration again; nil if HTTP must not trigger that.
	Reload func() error
}

const notReady = "Not ready: still reading the logs up to the end before the restart"

// metrics answers a scrape with one snapshot of the counts. If there is a state file,
// the snapshot is durable before the answer. metrics does not show counts that are
// behind an answer from before the restart, since they would look like a reset.
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

// commitTime returns how long a scrape waits at most until its counts are durable: two
// seconds, or half of the scrape timeout that Prometheus sends if that is less.
func commitTime(r *http.Request) time.Duration {
	const least, most = 100 * time.Millisecond, 2 * time.Second
	seconds, err := strconv.ParseFloat(r.Header.Get("X-Prometheus-Scrape-Timeout-Seconds"), 64)
	if err != nil || !(seconds > 0 && seconds <= 2*most.Seconds()) { // NaN too
		return most
	}
	return max(least, time.Duration(seconds/2*float64(time.Second)))
}

// NewHandler returns the handler of all paths. Its error is one of the landing page's
// template.
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
				{Address: "/-/ready", Text: "Readiness", Description: "of the counts"},
			},
		})
		if err != nil {
			return nil, fmt.Errorf("landing page: %w", err)
		}
		mux.Handle("GET /{$}", landing)
	}
	return mux, nil
}
