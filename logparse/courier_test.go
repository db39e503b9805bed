package logparse_test

import (
	"bytes"
	"testing"

	"smtp_reply_exporter/logparse"
)

// TestCourierDeliveries tests that each attempt that Courier logs as started ends
// once, except those under way at the end of the log.
func TestCourierDeliveries(t *testing.T) {
	const underWay = 44
	log, got, want := readCorpus(t, "courier/coverage-traditional.log"), 0, -underWay
	for _, line := range lines(log) {
		if bytes.Contains(line, []byte("courierd: started,id=")) && !bytes.Contains(line, []byte(",module=dsn,")) ||
			bytes.Contains(line, []byte("courierd: id=")) && bytes.Contains(line, []byte(",status: ")) {
			want++
		}
	}
	parseLog(log, func(_ int, e *logparse.Event) { got += e.Deliveries })
	if got != want {
		t.Errorf("%d deliveries, want %d", got, want)
	}
}
