package counter

import (
	"strings"
	"testing"
	"time"

	"smtp_reply_exporter/exporter/classify"
	"smtp_reply_exporter/logparse"
)

// Any local user can log under any identifier. None may break a scrape.
func TestProgram(t *testing.T) {
	for name, tc := range map[string]struct{ identifier, want string }{
		"ordinary":  {"postfix/submission/smtpd", "postfix/submission/smtpd"},
		"none":      {"", "none"},
		"not UTF-8": {"post\xff/smtpd", "other"},
		"long":      {strings.Repeat("x", 65) + "/smtpd", "other"},
	} {
		t.Run(name, func(t *testing.T) {
			s := NewSource(logparse.MTAs(), Hosts{}, time.Now())
			s.Line(&logparse.Result{
				Outcome: logparse.Understood, MTA: "postfix", Program: []byte(tc.identifier),
				Events: []logparse.Event{{Direction: logparse.Sent, Code: 554, Count: 1}},
			}, []classify.Labels{{Peer: "external", Reason: "policy"}}, time.Now())
			for key := range s.Snapshot().SentDetail {
				if key.Program != tc.want {
					t.Errorf("program %q, want %q", key.Program, tc.want)
				}
			}
		})
	}
}
