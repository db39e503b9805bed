package logparse_test

import (
	"bytes"
	"testing"

	"smtp_reply_exporter/logparse"
)

// TestCorpusAttempts tests that each attempt counts as one delivery. It finds attempts by
// the words that end one.
func TestCorpusAttempts(t *testing.T) {
	for name, ends := range map[string][]string{
		"opensmtpd/coverage-traditional": {" mta delivery evpid=", " mda delivery evpid="},
		"dma/coverage-traditional": {
			" failed after ", "]: Could not perform server greeting at ", "]: connect to ", " DNS lookup failure: ", "> delivery successful",
		},
	} {
		t.Run(name, func(t *testing.T) {
			log := readCorpus(t, name+".log")
			var got, want int
			parseLog(log, func(_ int, e *logparse.Event) { got += e.Deliveries })
			for _, line := range lines(log) {
				for _, end := range ends {
					if bytes.Contains(line, []byte(end)) {
						want++
						break
					}
				}
			}
			if got != want || want == 0 {
				t.Errorf("%d deliveries, want %d", got, want)
			}
		})
	}
}
