package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"smtp_reply_exporter/exporter/pipeline"
)

func stateDesc(name, help string) *prometheus.Desc {
	return desc("smtp_reply_exporter_state_"+name, help)
}

// The families of the state file. Without a state file there are none.
var (
	durable      = stateDesc("durable", "Whether the counts in this scrape survive a crash.")
	commits      = stateDesc("commits_total", "Successful writes of the state.")
	failures     = stateDesc("commit_failures_total", "Writes of the state that failed or took too long.")
	committed    = stateDesc("committed_timestamp_seconds", "Time of the last successful write of the state, in seconds since 1970.")
	descsOfState = []*prometheus.Desc{durable, commits, failures, committed}
)

func collectState(ch chan<- prometheus.Metric, s *pipeline.StateSnapshot) {
	ch <- prometheus.MustNewConstMetric(durable, prometheus.GaugeValue, boolean(s.Durable))
	ch <- prometheus.MustNewConstMetric(commits, prometheus.CounterValue, float64(s.Commits))
	ch <- prometheus.MustNewConstMetric(failures, prometheus.CounterValue, float64(s.Failures))
	if !s.Committed.IsZero() {
		ch <- prometheus.MustNewConstMetric(committed, prometheus.GaugeValue, seconds(s.Committed))
	}
}

func boolean(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
