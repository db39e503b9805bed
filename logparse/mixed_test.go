package logparse_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"smtp_reply_exporter/logparse"
)

// TestMixedLog tests that the lines of all MTAs in one log yield the same events as
// each MTA's lines alone.
func TestMixedLog(t *testing.T) {
	logs := map[string][][]byte{} // the first log of each MTA
	for _, name := range logNames(t) {
		if mta, _, _ := strings.Cut(name, "/"); logs[mta] == nil {
			logs[mta] = lines(readLog(t, name))
		}
	}
	alone, mixed := map[string]*strings.Builder{}, map[string]*strings.Builder{}
	for mta, log := range logs {
		alone[mta], mixed[mta] = new(strings.Builder), new(strings.Builder)
		p := parserFor(t, mta)
		for _, line := range log {
			r := p.Parse(line)
			// Whose line without a header is, only a log of one MTA says.
			alone[mta].WriteString(strings.Replace(showResult(r), "not_understood header", "foreign", 1))
		}
		if !strings.Contains(alone[mta].String(), "reply ") {
			t.Errorf("%s has no reply", mta)
		}
	}
	p := logparse.NewParser()
	for i := 0; len(logs) > 0; i++ {
		for _, mta := range logparse.MTAs() {
			log := logs[mta]
			// Mix the lines as unevenly as in a central log.
			n := min(len(log), 1+(i+len(mta))%7)
			for _, line := range log[:n] {
				mixed[mta].WriteString(strings.Replace(showResult(p.Parse(line)), "not_understood header", "foreign", 1))
			}
			if logs[mta] = log[n:]; len(log) == n {
				delete(logs, mta)
			}
		}
	}
	for _, mta := range logparse.MTAs() {
		if diff := cmp.Diff(strings.Split(alone[mta].String(), "\n"), strings.Split(mixed[mta].String(), "\n")); diff != "" {
			t.Errorf("%s (-alone +mixed):\n%.4000s", mta, diff)
		}
	}
}

// TestSixCodes counts, in real logs, the codes that administrators ask about first.
func TestSixCodes(t *testing.T) {
	for _, test := range []struct {
		code               logparse.Code
		class              string // by the first digit
		category           string // by the second
		meaning            string
		sentIn, receivedIn string // logs of the corpus
	}{
		{code: 220, class: "positive_completion", category: "connections", meaning: "service_ready", sentIn: "sendmail/transcript-loglevel15-traditional", receivedIn: "postfix/transcript-verbose"},
		{code: 221, class: "positive_completion", category: "connections", meaning: "closing", sentIn: "sendmail/transcript-loglevel15-traditional", receivedIn: "postfix/transcript-verbose"},
		{code: 250, class: "positive_completion", category: "mail_system", meaning: "ok", sentIn: "sendmail/transcript-loglevel15-traditional", receivedIn: "exim/default-selector"},
		{code: 354, class: "positive_intermediate", category: "mail_system", meaning: "start_input", sentIn: "sendmail/transcript-loglevel15-traditional", receivedIn: "postfix/transcript-verbose"},
		{code: 451, class: "transient_negative", category: "mail_system", meaning: "local_error", sentIn: "exim/default-selector", receivedIn: "opensmtpd/coverage-traditional"},
		{code: 452, class: "transient_negative", category: "mail_system", meaning: "insufficient_storage", sentIn: "haraka/coverage-info-default", receivedIn: "courier/coverage-traditional"},
	} {
		t.Run(test.code.String(), func(t *testing.T) {
			info, _ := test.code.Info()
			if test.code.ClassName() != test.class || test.code.Category() != test.category || info.Meaning != test.meaning {
				t.Errorf("%s, %s, %s", test.code.ClassName(), test.code.Category(), info.Meaning)
			}
			for direction, name := range map[string]string{"sent": test.sentIn, "received": test.receivedIn} {
				want, got := 0, 0
				shown, ignored := map[int]bool{}, readIgnored(t, name)
				for _, row := range readRows(t, name+".truth.jsonl") {
					shown[row.Line] = !ignored[row.Line]
					if row.Direction == direction && row.Code == test.code && !row.Repeat && shown[row.Line] {
						want++
					}
				}
				parseLog(readCorpus(t, name+".log"), func(line int, e *logparse.Event) {
					if e.Kind == logparse.Reply && e.Direction.String() == direction && e.Code == test.code && !e.Repeat && shown[line] {
						got += e.Count
					}
				})
				if got != want || want == 0 {
					t.Errorf("%s: %d were %s, counted %d", name, want, direction, got)
				}
			}
		})
	}
}

// TestLineOfNobody tests that no MTA owns the lines of other programs.
func TestLineOfNobody(t *testing.T) {
	for _, line := range []string{
		"", " ", "{}", "[]", "hello world", "Nov 23 14:16:23 mx1 dovecot: imap-login: Login: user=<ann>",
		"daemon: started", "2026-11-23 14:26:53 daemon: started", "2026-11-23T14:26:53Z [INFO] server started",
		`{"level":"info","msg":"started"}`, "1,2,3,4", "<22>Nov 23 14:16:23 mx1 kernel: eth0: up", "2026-11-23 14:26:53 [1234] LOG:  checkpoint complete",
		"2026/11/23 14:26:53 [error] 12#12: *1 connect() failed", `192.0.2.7 - - [23/Nov/2026:14:26:53 +0000] "GET / HTTP/1.1" 451 12`,
	} {
		if r := logparse.NewParser().Parse([]byte(line)); r.Outcome != logparse.Foreign {
			t.Errorf("%q: %v of %s: %s", line, r.Outcome, r.MTA, bytes.TrimSpace(fmt.Append(nil, showResult(r))))
		}
	}
}
