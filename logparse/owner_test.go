package logparse_test

import (
	"testing"

	"smtp_reply_exporter/logparse"
)

func TestOwner(t *testing.T) {
	const (
		smtpd  = "Nov 23 14:16:23 mx1 postfix/smtpd[699]: connect from unknown[192.0.2.7]"
		node   = "Nov 23 14:16:23 mx1 node[699]: [NOTICE] [-] [server] Listening on 192.0.2.1:25"
		exim   = "2026-11-23 14:24:11 1xVUxo-0001BI-1e Completed"
		milter = "Nov 23 14:16:23 mx1 opendkim[699]: 4BD8F1A2C3: to=<a@dest.example>, relay=mx[192.0.2.1]:25, delays=1, status=sent (250 ok)"
	)
	for _, test := range []struct{ name, mta, line, want string }{
		{name: "a program's name", line: smtpd, want: "postfix"},
		{name: "a log of its own", line: exim, want: "exim"},
		{name: "another program's name", line: node},
		{name: "another program's name, of the one MTA", mta: "haraka", line: node, want: "haraka"},
		{name: "the same, of another MTA", mta: "exim", line: node},
		{name: "of the one MTA", mta: "postfix", line: smtpd, want: "postfix"},
		{name: "of another MTA", mta: "haraka", line: smtpd},
		{name: "a milter's line with a queue id", mta: "postfix", line: milter},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := logparse.NewParser()
			if test.mta != "" {
				p = parserFor(t, test.mta)
			}
			if r := p.Parse([]byte(test.line)); r.MTA != test.want {
				t.Errorf("%q, want %q", r.MTA, test.want)
			}
		})
	}
}
