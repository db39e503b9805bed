// Package web serves /metrics, health and reload over HTTP.
package web

import (
	"fmt"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/version"
	toolkit "github.com/prometheus/exporter-toolkit/web"
)

// Options are what the handler serves.
type Options struct {
	Name          string
	TelemetryPath string // of the metrics
	Registry      *prometheus.Registry
	// Ready tells whether every source is being read.
	Ready func() bool
	// Reload reads the configuration again; nil where that is not allowed over HTTP.
	Reload func() error
}

// NewHandler returns the handler of all paths.
func NewHandler(o Options) (http.Handler, error) {
	mux := http.NewServeMux()
	mux.Handle("GET "+o.TelemetryPath, promhttp.HandlerFor(o.Registry, promhttp.HandlerOpts{
		EnableOpenMetrics: true, Registry: o.Registry,
	}))
	mux.HandleFunc("GET /-/healthy", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "Healthy")
	})
	mux.HandleFunc("GET /-/ready", func(w http.ResponseWriter, _ *http.Request) {
		if !o.Ready() {
			http.Error(w, "Not ready: the logs have not been opened yet", http.StatusServiceUnavailable)
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
