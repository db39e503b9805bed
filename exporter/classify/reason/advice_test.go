package reason

import (
	"slices"
	"strings"
	"testing"

	"smtp_reply_exporter/logparse"
)

// Every reason but OK has advice for both directions, in whole sentences.
func TestAdvice(t *testing.T) {
	for _, dir := range []logparse.Direction{logparse.Sent, logparse.Received} {
		for _, reason := range names {
			a, ok := AdviceOn(dir, reason)
			if ok != (reason != OK) {
				t.Errorf("%s %s: advice: %v", dir, reason, ok)
			}
			if !ok {
				continue
			}
			if !slices.Contains([]string{"yes", "later", "no"}, a.Retry) {
				t.Errorf("%s %s: retry %q", dir, reason, a.Retry)
			}
			for _, s := range append(a.Steps, a.Meaning) {
				if !strings.HasSuffix(s, ".") || strings.ContainsAny(s, "|\t") {
					t.Errorf("%s %s: %q is no sentence", dir, reason, s)
				}
			}
		}
	}
	if got, want := len(advice()), 2*(len(names)-1); got != want {
		t.Errorf("%d rows, want %d", got, want)
	}
}
