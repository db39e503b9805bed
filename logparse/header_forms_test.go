package logparse_test

import (
	"testing"

	"smtp_reply_exporter/logparse"
)

// An entry of the journal that Docker's driver wrote holds a whole line.
func TestParseEnvelopeOfContainer(t *testing.T) {
	for _, message := range []string{
		"Nov 23 14:16:23 mail postfix/smtpd[534]: NOQUEUE: reject: RCPT from pc[192.0.2.7]: 451 4.7.1 later; from=<a@src.example>",
		"postfix/smtpd[534]: NOQUEUE: reject: RCPT from pc[192.0.2.7]: 451 4.7.1 later; from=<a@src.example>",
	} {
		r := logparse.NewParser().ParseEnvelope(logparse.Envelope{Program: []byte("5f2ab1c2d3e4"), Host: []byte("host1"), Message: []byte(message)})
		if len(r.Events) != 1 || r.Events[0].Code != 451 || string(r.Program) != "postfix/smtpd" || string(r.Envelope.PID) != "534" {
			t.Errorf("%v of program %q: %s", r.Events, r.Program, message)
		}
	}
	for _, message := range []string{"", "x", "Mon 2026-11-23 14:16:23 UTC x"} {
		for _, program := range []string{"", "docker", "5f2ab1c2d3e4"} {
			if r := logparse.NewParser().ParseEnvelope(logparse.Envelope{Program: []byte(program), Message: []byte(message)}); r.Outcome != logparse.Foreign {
				t.Errorf("%v: %q of %q", r.Outcome, message, program)
			}
		}
	}
}
