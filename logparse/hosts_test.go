package logparse_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"smtp_reply_exporter/logparse"
)

// withHost returns a line with another host in its envelope.
func withHost(t *testing.T, p *logparse.Parser, line []byte, host string) []byte {
	t.Helper()
	logged := p.Parse(line).Envelope.Host
	if len(logged) == 0 {
		return nil
	}
	field := "%s"
	if line[0] == '{' { // the message may come first
		field = `"%s"`
	}
	before, after, ok := strings.Cut(string(line), fmt.Sprintf(field, logged))
	if !ok {
		t.Fatalf("%q is not in %q", logged, line)
	}
	return []byte(before + fmt.Sprintf(field, host) + after)
}

// TestHostsOfOneLog tests that two hosts which log into one file have sessions of their own:
// the same processes, queue ids and times of both yield what each yields alone.
func TestHostsOfOneLog(t *testing.T) {
	for _, name := range logNames(t) {
		t.Run(name, func(t *testing.T) {
			mta, _, _ := strings.Cut(name, "/")
			log := lines(readLog(t, name))
			log = log[:min(len(log), 2000)]
			var alone, mixed [2]strings.Builder
			for i := range alone {
				p, q := parserFor(t, mta), parserFor(t, mta)
				for _, line := range log {
					if line = withHost(t, q, line, hostNames[i]); line != nil {
						alone[i].WriteString(showResult(p.Parse(line)))
					}
				}
			}
			if alone[0].Len() == 0 {
				t.Skip("the MTA's own log names no host")
			}
			p, q := parserFor(t, mta), parserFor(t, mta)
			for n, line := range log {
				for i := range mixed {
					i = (i + n/3) % 2 // not always the same host first
					if line := withHost(t, q, line, hostNames[i]); line != nil {
						mixed[i].WriteString(showResult(p.Parse(line)))
					}
				}
			}
			for i := range alone {
				if diff := cmp.Diff(strings.Split(alone[i].String(), "\n"), strings.Split(mixed[i].String(), "\n")); diff != "" {
					t.Errorf("%s (-alone +mixed):\n%.3000s", hostNames[i], diff)
				}
			}
		})
	}
}

var hostNames = [2]string{"mx-one", "mx-two"}
