package logparse_test

import (
	"bytes"
	"fmt"
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"

	"smtp_reply_exporter/logparse"
)

// onceOnly are the MTAs with a case by syslog in which a message was delivered, so that
// the test below must see one.
var onceOnly = []string{"courier", "dma", "exim", "haraka", "opensmtpd", "postfix", "sendmail"}

// resumed returns a Parser that resumes where another one is.
func resumed(t *testing.T, p *logparse.Parser) *logparse.Parser {
	t.Helper()
	state, err := p.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	next := logparse.NewParser()
	if err := next.UnmarshalBinary(state); err != nil {
		t.Fatal(err)
	}
	return next
}

// sumOf returns the replies and deliveries that a line counts.
func sumOf(r logparse.Result) map[string]int {
	sum := map[string]int{}
	for i := range r.Events {
		e := &r.Events[i]
		if e.Kind == logparse.Reply && !e.Repeat {
			sum[fmt.Sprintf("%s %s", e.Direction, e.Code)] += e.Count
		}
		sum["deliveries"] += e.Deliveries
	}
	return sum
}

// TestLoggerRepeatsDelivery tests, with each delivery in a case, that it counts once if
// the logger says that its line came three times more, or three times.
func TestLoggerRepeatsDelivery(t *testing.T) {
	tested := map[string]int{}
	for _, mta := range logparse.MTAs() {
		if mta == "msmtp" {
			continue // has no ids
		}
		for _, c := range casesOf(t, mta) {
			p := logparse.NewParser()
			seen := map[string]bool{}
			for _, line := range c.lines(t) {
				before := resumed(t, p)
				r := p.Parse(line)
				message := r.Envelope.Message
				whole, isLast := bytes.CutSuffix(line, message)
				sum := maps.Clone(sumOf(r))
				again := seen[string(message)]
				seen[string(message)] = true
				if sum["deliveries"] == 0 || again || !isLast || r.Envelope.Host == nil ||
					bytes.HasPrefix(message, []byte("message repeated ")) || len(message) > 700 {
					continue
				}
				tested[mta]++
				repeated := fmt.Appendf(bytes.Clone(whole), "message repeated 3 times: [ %s]", message)
				if got := sumOf(resumed(t, p).Parse(repeated)); got["deliveries"] != 0 || len(got) > 1 {
					t.Errorf("%s: three more count %v\n%s", mta, got, line)
				}
				if d := cmp.Diff(sum, sumOf(before.Parse(repeated))); d != "" {
					t.Errorf("%s: three count otherwise than one (-one +three)\n%s\n%s", mta, d, line)
				}
			}
		}
	}
	for _, mta := range onceOnly {
		if tested[mta] == 0 {
			t.Errorf("no delivery of %s", mta)
		}
	}
	t.Log(tested)
}
