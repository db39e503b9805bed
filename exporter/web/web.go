// Package web serves /metrics, the status page, health, readiness and reload over HTTP. NewHandler takes
// the functions that these paths call, NewServer limits what strangers can take.
package web

import (
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Options configure the handler. Its functions are called concurrently.
type Options struct {
	TelemetryPath string // of the metrics, such as /metrics
	// Registry has the metrics of the process. The handler adds its own.
	Registry *prometheus.Registry
	// Counts returns the counts for one scrape. It waits at most the given time until
	// they are durable. Collectors of the same snapshot are equal.
	Counts func(wait time.Duration) prometheus.Collector
	// Ready reports whether the counts have caught up with those before a restart.
	Ready func() bool
	// Blind returns why no source is up; nil if one is.
	Blind func() error
	// Reload loads the configuration again; nil if HTTP must not trigger that.
	Reload func() error
	// Page is served at /, unless the metrics are there; nil if there is none.
	Page http.Handler
}

const notReady = "Not ready: still reading the logs up to the end before the restart"

// NewHandler returns the handler of all paths.
func NewHandler(o Options) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET "+o.TelemetryPath, &answers{options: o})
	mux.HandleFunc("GET /-/healthy", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "Healthy")
	})
	mux.HandleFunc("GET /-/ready", func(w http.ResponseWriter, _ *http.Request) {
		if !o.Ready() {
			http.Error(w, notReady, http.StatusServiceUnavailable)
			return
		}
		if err := o.Blind(); err != nil {
			http.Error(w, fmt.Sprintf("Not ready: no source is up\n%v", err), http.StatusServiceUnavailable)
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
	if o.Page != nil && o.TelemetryPath != "/" {
		mux.Handle("GET /{$}", o.Page)
	}
	return mux
}
