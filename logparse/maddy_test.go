package logparse_test

import (
	"bytes"
	"testing"

	"smtp_reply_exporter/logparse"
)

func TestMaddyDeliveries(t *testing.T) {
	log, got, want := readCorpus(t, "maddy/coverage-stderr.log"), 0, 0
	for _, line := range lines(log) {
		if bytes.Contains(line, []byte(" queue: delivered\t")) || bytes.Contains(line, []byte(" queue: delivery attempt failed\t")) {
			want++
		}
	}
	parseLog(log, func(_ int, e *logparse.Event) { got += e.Deliveries })
	if got != want {
		t.Errorf("%d deliveries, want %d", got, want)
	}
}
