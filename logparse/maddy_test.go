package logparse_test

import (
	"bytes"
	"testing"

	"smtp_reply_exporter/logparse"
)

func TestMaddyDeliveries(t *testing.T) {
	for _, name := range []string{"maddy/coverage-stderr", "maddy/coverage-0.9.4"} {
		log, got, want := readCorpus(t, name+".log"), 0, 0
		for _, line := range lines(log) {
			if bytes.Contains(line, []byte(" delivered\t")) || bytes.Contains(line, []byte(" delivery attempt failed\t")) {
				want++
			}
		}
		parseLog(log, func(_ int, e *logparse.Event) { got += e.Deliveries })
		if got != want {
			t.Errorf("%s: %d deliveries, want %d", name, got, want)
		}
	}
}
