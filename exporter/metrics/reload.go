package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
)

// Reloads exposes whether the configuration in force is the one in the file. It is
// safe for concurrent use.
type Reloads struct {
	successful, success prometheus.Gauge
}

// NewReloads registers the metrics with r. It counts the configuration of the start
// as a successful load. It panics if r has metrics with these names.
func NewReloads(r prometheus.Registerer) *Reloads {
	m := &Reloads{
		successful: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "smtp_reply_exporter_config_last_reload_successful",
			Help: "Whether the last load of the configuration succeeded.",
		}),
		success: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "smtp_reply_exporter_config_last_reload_success_timestamp_seconds",
			Help: "Time of the last successful load of the configuration, in seconds since 1970.",
		}),
	}
	r.MustRegister(m.successful, m.success)
	m.Done(nil)
	return m
}

// Done records the result of a load of the configuration; err is nil if it succeeded.
func (m *Reloads) Done(err error) {
	if err != nil {
		m.successful.Set(0)
		return
	}
	m.successful.Set(1)
	m.success.SetToCurrentTime()
}
