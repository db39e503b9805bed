package logparse_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"smtp_reply_exporter/logparse"
)

const headerReject = "NOQUEUE: reject: RCPT from pc[192.0.2.7]: 451 4.7.1 later; from=<a@src.example>"

func newHeader(t *testing.T, expression string) *logparse.Header {
	t.Helper()
	h, err := logparse.NewHeader(expression)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestHeader(t *testing.T) {
	const whole = `(?P<time>[^|]*)\|(?P<host>[^|]*)\|(?P<program>[^|]*)\|(?P<pid>\d*)\|(?P<message>.*)`
	const prefix = `\[[^]]*\] (?P<host>\w+) (?P<message>.*)`
	at := time.Date(2026, 11, 23, 14, 16, 23, 0, time.UTC)
	for name, tc := range map[string]struct {
		expression, line       string
		host, program, process string
		at                     time.Time
	}{
		"all groups": {whole, "2026-11-23T14:16:23Z|mx1|postfix/smtpd|12|" + headerReject, "mx1", "postfix/smtpd", "12", at},
		"seconds":    {whole, "1795443383.941|mx1|postfix/smtpd|12|" + headerReject, "mx1", "postfix/smtpd", "12", at},
		"old time":   {whole, "Nov 23 14:16:23|mx1|postfix/smtpd|12|" + headerReject, "mx1", "postfix/smtpd", "12", at},
		"no time":    {whole, "today|mx1|postfix/smtpd|12|" + headerReject + "\r", "mx1", "postfix/smtpd", "12", time.Time{}},
		"no program": {prefix, "[shipper 7] mx1 postfix/smtpd[12]: " + headerReject, "mx1", "postfix/smtpd", "12", time.Time{}},
		"a line within": {
			prefix, "[shipper 7] mx1 Nov 23 14:16:23 mx2 postfix/smtpd[12]: " + headerReject, "mx1", "postfix/smtpd", "12", at,
		},
		"a container within": {
			prefix, "[shipper 7] mx1 Nov 23 14:16:23 mx2 docker[7]: postfix/smtpd[12]: " + headerReject, "mx1", "postfix/smtpd", "12", at,
		},
		"not matched": {whole, "Nov 23 14:16:23 mx1 postfix/smtpd[12]: " + headerReject, "mx1", "postfix/smtpd", "12", at},
	} {
		t.Run(name, func(t *testing.T) {
			p := logparse.NewParser()
			p.SetHeader(newHeader(t, tc.expression))
			r := p.Parse([]byte(tc.line))
			if len(r.Events) != 1 || r.Events[0].Code != 451 || r.MTA != "postfix" {
				t.Fatalf("%v of %s: %v", r.Outcome, r.MTA, r.Events)
			}
			got, _ := r.Envelope.Time.In(2026, time.UTC)
			want := []string{tc.host, tc.program, tc.process, tc.at.String()}
			if diff := cmp.Diff(want, []string{string(r.Envelope.Host), string(r.Program), string(r.Envelope.PID), got.String()}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// What a stranger writes into a line never becomes a header.
func TestHeaderBeginsTheLine(t *testing.T) {
	h := newHeader(t, `<(?P<host>\w+)> (?P<program>\S+): (?P<message>.*)|!(?P<pid>\d+)`)
	if line := "dovecot: login <mx1> postfix/smtpd: " + headerReject; h.Matches([]byte(line)) {
		t.Error(line)
	}
	if line := "cron: !12"; h.Matches([]byte(line)) {
		t.Error(line)
	}
}

func TestNewHeaderError(t *testing.T) {
	for expression, want := range map[string]string{
		`(?P<host>\S+`:                           "missing closing )",
		`(?P<host>\S+) (?P<text>.*)`:             `group "text" is not one of message, host, program, pid, time`,
		`(?P<host>\S+) .*`:                       "no group (?P<message>...)",
		`(?P<pid>\d+) (?P<message>.*)`:           "a group pid without a group program",
		`a)(?P<message>.*)`:                      "unexpected )",
		`(?P<message>a)|(?P<message>b)`:          `group "message" occurs twice`,
		`(?P<code>\d{3}) (?P<message>.*)(?P<x>)`: `group "code" is not one of`,
	} {
		if _, err := logparse.NewHeader(expression); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", expression, err, want)
		}
	}
}

// A Format reads the message that the header leaves.
func TestHeaderOfFormat(t *testing.T) {
	f := logparse.NewFormat("house")
	if err := f.Add(`^said (?P<code>\d{3})`, "sent"); err != nil {
		t.Fatal(err)
	}
	p := f.NewParser()
	p.SetHeader(newHeader(t, `(?P<host>\S+) (?P<program>\S+) (?P<message>.*)`))
	r := p.Parse([]byte("mx1 housed said 451"))
	if len(r.Events) != 1 || string(r.Envelope.Host) != "mx1" || string(r.Program) != "housed" {
		t.Errorf("%v of %q", r.Events, r.Envelope.Host)
	}
}
