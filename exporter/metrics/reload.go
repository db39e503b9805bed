package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
)

// Reloads reports whether the configuration in force is the one in the file. It
// is safe for concurrent use.
type Reloads struct {
	successful, success prometheus.Gauge
}

// NewReloads registers the metrics of reloads. The configuration of the start
// counts as one.
func NewReloads(r prometheus.Registerer) *Reloads {
	m := &Reloads{
		successful: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "smtp_reply_exporter_config_last_reload_successful",
			Help: "Whether the last reading of the configuration succeeded.",
		}),
		success: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "smtp_reply_exporter_config_last_reload_success_timestamp_seconds",
			Help: "When the configuration was last read with success, in seconds since 1970.",
		}),
	}
	r.MustRegister(m.successful, m.success)
	m.Done(nil)
	return m
}

// Done notes the result of a reading of the configuration.
func (m *Reloads) Done(err error) {
	if err != nil {
		m.successful.Set(0)
		return
	}
	m.successful.Set(1)
	m.success.SetToCurrentTime()
}
