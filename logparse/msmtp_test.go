package logparse_test

import (
	"bytes"
	"testing"

	"smtp_reply_exporter/logparse"
)

func TestMsmtpDeliveries(t *testing.T) {
	log, got, want := readCorpus(t, "msmtp/coverage-logfile.log"), 0, 0
	for _, line := range lines(log) {
		_, list, _ := bytes.Cut(line, []byte(" recipients="))
		list, _, _ = bytes.Cut(list, []byte(" "))
		want += 1 + bytes.Count(list, []byte(","))
	}
	parseLog(log, func(_ int, e *logparse.Event) { got += e.Deliveries })
	if got != want {
		t.Errorf("%d deliveries, want %d", got, want)
	}
}
