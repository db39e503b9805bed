package logparse_test

import (
	"testing"

	"smtp_reply_exporter/logparse"
)

func TestVersion(t *testing.T) {
	for _, tc := range []struct{ line, want string }{
		{"Nov 30 14:00:01 mx1 postfix/master[7732]: daemon started -- version 3.11.7, configuration /etc/postfix", "3.11.7"},
		{"Nov 30 14:00:01 mx1 postfix-out/master[7732]: reload -- version 3.12-20260821, configuration /etc/postfix-out", "3.12-20260821"},
		{"Nov 30 14:00:01 mx1 postfix[7732]: daemon started -- version 2.0.16", "2.0.16"},
		{"Nov 30 14:00:01 mx1 postfix/smtpd[7732]: daemon started -- version 9.9, configuration /etc/postfix", ""},
		{"Nov 30 14:00:01 mx1 postfix/master[7732]: daemon started -- version next", ""},
		{"Nov 30 14:00:01 mx1 postfix/master[7732]: terminating on signal 15", ""},
		{"2026-11-30 13:49:08.734 [45119] exim 4.100.1 daemon started: pid=45119, -q9s, not listening for SMTP", "4.100.1"},
		{"Nov 30 13:49:08 mx1 exim[45119]: exim 4.98-RC2 daemon started: pid=45119, no queue runs, listening for SMTP on port 25", "4.98-RC2"},
		{"2026-11-30 13:49:08 exim x daemon started: pid=45119", ""},
		{"2026-11-30 13:49:08 exim 4.96 daemon failed", ""},
	} {
		r := logparse.NewParser().Parse([]byte(tc.line))
		if got := string(r.Version); got != tc.want {
			t.Errorf("version %q, not %q: %s", got, tc.want, tc.line)
		}
		if len(r.Events) > 0 {
			t.Errorf("events of: %s", tc.line)
		}
	}
}

func TestNewerThanJudged(t *testing.T) {
	for _, tc := range []struct {
		mta, version string
		want         bool
	}{
		{"postfix", "3.11.7", false},
		{"postfix", "3.11", false},
		{"postfix", "3.11.8", true},
		{"postfix", "3.11.7.1", true},
		{"postfix", "3.11.7-RC1", false},
		{"postfix", "3.9.14", false},
		{"postfix", "3.12-20260821", true},
		{"postfix", "4.0", true},
		{"postfix", "x", false},
		{"postfix", "", false},
		{"exim", "4.100.1", false},
		{"exim", "4.99", false},
		{"exim", "4.101", true},
		{"dma", "99", false},
		{"no MTA", "99", false},
	} {
		judged, newer := logparse.NewerThanJudged(tc.mta, []byte(tc.version))
		if newer != tc.want {
			t.Errorf("%s %s, newer than %q: %v", tc.mta, tc.version, judged, newer)
		}
	}
}
