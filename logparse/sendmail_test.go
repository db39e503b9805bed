package logparse_test

import (
	"bytes"
	"testing"

	"smtp_reply_exporter/logparse"
)

// sendmailAttempts counts the deliveries in a log of Sendmail by words alone.
func sendmailAttempts(log []byte) (n int) {
	for _, line := range lines(log) {
		_, to, ok := bytes.Cut(line, []byte(": to="))
		recipients, rest, _ := bytes.Cut(to, []byte(", "))
		if ok && bytes.Contains(rest, []byte(" mailer=")) && !bytes.HasSuffix(rest, []byte(" stat=queued")) {
			n += 1 + bytes.Count(recipients, []byte(","))
		}
	}
	return n
}

func TestSendmailDeliveries(t *testing.T) {
	for _, name := range []string{"sendmail/coverage-loglevel9-traditional", "sendmail/transcript-loglevel15-traditional"} {
		t.Run(name, func(t *testing.T) {
			log, n := readCorpus(t, name+".log"), 0
			parseLog(log, func(_ int, e *logparse.Event) { n += e.Deliveries })
			if want := sendmailAttempts(log); n != want {
				t.Errorf("%d deliveries, want %d", n, want)
			}
		})
	}
}
