package logparse_test

import (
	"strings"
	"testing"
	"time"

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
	podman := logparse.Envelope{Program: []byte("mail"), Message: []byte("postfix/smtpd[534]: timeout after RCPT from a[192.0.2.7]")}
	for _, podman.Container = range []bool{false, true} {
		if r := logparse.NewParser().ParseEnvelope(podman); (r.MTA == "postfix") != podman.Container {
			t.Errorf("%q of program %q, in a container: %v", r.MTA, r.Program, podman.Container)
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

// TestForms tests that the example of each form is read, and is the nearest one to itself.
func TestForms(t *testing.T) {
	for _, form := range logparse.Forms() {
		line := strings.Replace(form.Example, "MSG", "NOQUEUE: reject: RCPT from pc[192.0.2.7]: 451 4.7.1 later; from=<a@src.example>", 1)
		r := logparse.NewParser().Parse([]byte(line))
		if len(r.Events) != 1 || string(r.Program) != "postfix/smtpd" || strings.Contains(line, "699") && string(r.Envelope.PID) != "699" {
			t.Errorf("%s: %v of %s[%s]: %s", form.Name, r.Outcome, r.Program, r.Envelope.PID, line)
		}
		if host := string(r.Envelope.Host); strings.Contains(line, "mx1") && host != "mx1" {
			t.Errorf("%s: host %q: %s", form.Name, host, line)
		}
		if at, ok := r.Envelope.Time.In(2026, time.UTC); ok && !strings.HasPrefix(line, "@") && at.UTC().Format("01-02") != "11-23" {
			t.Errorf("%s: %v: %s", form.Name, at, line)
		}
		if name, example := logparse.NearestForm([]byte(form.Example)); name != form.Name && !strings.HasPrefix(example, form.Example[:6]) {
			t.Errorf("%s: nearest is %s", form.Name, name)
		}
	}
}

// TestHeaderOfOneMTA tests that a log of one MTA has no line whose header nobody could
// read and nobody counts.
func TestHeaderOfOneMTA(t *testing.T) {
	for _, test := range []struct {
		mta, line string
		want      string
	}{
		{"postfix", "Nov 23 14:16:23 mx1 hello world", "not_understood header"},
		{"postfix", "hello world", "not_understood header"},
		{"postfix", `{"unknown":"connect from unknown[192.0.2.7]"}`, "not_understood header"},
		{"postfix", "", "foreign"},
		{"postfix", "Nov 23 14:16:23 mx1 nginx[7]: x", "foreign"},
		{"postfix", "Nov 23 14:16:23 mx1 -- MARK --", "foreign"},
		{"postfix", "Nov 23 14:16:23 mx1 last message repeated 2 times", "foreign"},
		{"postfix", "-- Boot 4f1c --", "foreign"},
		{"postfix", "\tat x (y.js:1)", "foreign"},
		{"exim", "2026-11-23 14:24:12 daemon: fork of queue-runner process failed", "foreign"},
		{"exim", "P Received: from x by mx1", "foreign"},
		{"exim", "Envelope-from: <a@src.example>", "foreign"},
		{"exim", "23.11.2026 14:24:12 1xVUxo-0001BI-1d <= a@src.example H=pc [192.0.2.7] P=smtp S=7", "not_understood header"},
		{"auto", "23.11.2026 14:24:12 1xVUxo-0001BI-1d <= a@src.example H=pc [192.0.2.7] P=smtp S=7", "not_understood header"},
		{"auto", "23.11.2026 14:24:12 mx1 sm-mta[7]: x", "not_understood header"},
		{"auto", `192.0.2.7 - - [23/Nov/2026:14:16:23 +0000] "GET / postfix/smtpd[1]: x"`, "foreign"},
		{"auto", `  Subject: postfix/smtpd[1]: x`, "foreign"},
		{"auto", " 4月 29 14:16:26 mail postfix/smtpd[1]: connect from unknown[192.0.2.7]", "not_understood header"},
	} {
		p := logparse.NewParser()
		if test.mta != "auto" {
			p = parserFor(t, test.mta)
		}
		r := p.Parse([]byte(test.line))
		if got := strings.TrimSpace(showResult(r)); got != test.want {
			t.Errorf("%s: %q is %s, want %s", test.mta, test.line, got, test.want)
		}
	}
}
