package logparse_test

import (
	"strings"
	"sync"
	"testing"

	"smtp_reply_exporter/logparse"
)

// TestConcurrent tests that parsers in different goroutines share no data that they
// write. It needs the race detector. `make test` uses that for no other test of
// this package, since the corpus would take minutes.
func TestConcurrent(t *testing.T) {
	var wg sync.WaitGroup
	for _, mta := range logparse.MTAs() {
		var log [][]byte
		for _, c := range casesOf(t, mta) {
			log = append(log, c.lines(t)...)
		}
		for range 2 { // of the same lines
			all, one := logparse.NewParser(), parserFor(t, mta)
			wg.Go(func() {
				var events strings.Builder
				for _, line := range log {
					events.WriteString(showResult(all.Parse(line)))
					events.WriteString(showResult(one.Parse(line)))
				}
				if !strings.Contains(events.String(), "reply ") {
					t.Errorf("%s: no reply", mta)
				}
				if _, err := all.MarshalBinary(); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
}
