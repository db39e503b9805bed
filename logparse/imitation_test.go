package logparse_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"smtp_reply_exporter/logparse"
)

// imitable are lines in which a stranger's words, %s, stand as Postfix writes
// them. Lines with a %q have them as a quoted string of an address (RFC 5321
// §4.1.2), those with a %h as a HELO name.
var imitable = []string{
	"postfix/smtp[699]: 4BD8F1A2C3: to=<%q@dest.example>, relay=none, delay=1, delays=0/0/1/0, dsn=4.4.1, " +
		"status=deferred (connect to mx.dest.example[192.0.2.10]:25: Connection refused)",
	"postfix/smtp[699]: 4BD8F1A2C3: to=<ann@dest.example>, orig_to=<%q@src.example>, relay=mx.dest.example[192.0.2.10]:25, delay=1, " +
		"delays=0/0/1/0, dsn=5.1.1, status=bounced (host mx.dest.example[192.0.2.10] said: 550 5.1.1 %s (in reply to RCPT TO command))",
	"postfix/smtp[699]: 4BD8F1A2C3: to=<ann@dest.example>, relay=mx.dest.example[192.0.2.10]:25, delay=1, delays=0/0/1/0, dsn=2.0.0, " +
		"status=sent (250 2.0.0 %s)",
	"postfix/smtp[699]: 4BD8F1A2C3: to=<ann@dest.example>, relay=mx.dest.example[192.0.2.10]:25, delay=1, delays=0/0/1/0, dsn=4.7.0, " +
		"status=deferred (host mx.dest.example[192.0.2.10] refused to talk to me: 421 4.7.0 %s)",
	"postfix/smtp[699]: 4BD8F1A2C3: to=<ann@dest.example>, relay=smart.example[192.0.2.20]:587, delay=1, delays=0/0/1/0, dsn=4.7.8, " +
		"status=deferred (SASL authentication failed; server smart.example[192.0.2.20] said: 535 5.7.8 %s)",
	"postfix/smtp[699]: 4BD8F1A2C3: host mx.dest.example[192.0.2.10] said: 451 4.7.1 %s (in reply to end of DATA command)",
	"postfix/error[700]: 4BD8F1A2C3: to=<%q@dest.example>, relay=none, delay=1, delays=0/0/0/0, dsn=4.7.1, status=deferred " +
		"(delivery temporarily suspended: host mx.dest.example[192.0.2.10] said: 451 4.7.1 %s (in reply to RCPT TO command))",
	"postfix/local[700]: 4BD8F1A2C3: to=<%q@dest.example>, relay=local, delay=1, delays=0/0/0/0, dsn=2.0.0, status=sent (delivered to command: %s)",
	"postfix/smtpd[698]: NOQUEUE: reject: RCPT from unknown[192.0.2.7]: 554 5.7.1 <%q@dest.example>: Relay access denied; " +
		"from=<%q@src.example> to=<%q@dest.example> proto=ESMTP helo=<%h>",
	"postfix/submission/smtpd[698]: NOQUEUE: reject: RCPT from unknown[192.0.2.7]: 554 5.7.1 <%q@dest.example>: Relay access denied; " +
		"from=<%q@src.example> to=<%q@dest.example> proto=ESMTP helo=<%h>",
	"postfix/smtpd[698]: NOQUEUE: reject: MAIL from unknown[192.0.2.7]: 450 4.1.8 <%q@src.example>: Sender address rejected: %s; " +
		"from=<%q@src.example> proto=ESMTP helo=<%h>",
	"postfix/smtpd[698]: NOQUEUE: reject_warning: RCPT from unknown[192.0.2.7]: 554 5.7.1 <%q@dest.example>: no; from=<%q@src.example>",
	"postfix/smtpd[698]: improper command pipelining after EHLO from unknown[192.0.2.7]: %s",
	"postfix/smtpd[698]: warning: non-SMTP command from unknown[192.0.2.7]: %s",
	"postfix/smtpd[698]: warning: Illegal address syntax from unknown[192.0.2.7] in MAIL command: %s",
	"postfix/smtpd[698]: warning: unknown[192.0.2.7]: SASL LOGIN authentication failed: %s, sasl_username=%s",
	"postfix/smtpd[698]: 4BD8F1A2C3: client=unknown[192.0.2.7], sasl_method=PLAIN, sasl_username=%s",
	"postfix/smtpd[698]: < unknown[192.0.2.7]: %s",
	"postfix/smtpd[698]: > unknown[192.0.2.7]: 550 5.1.1 <%q@dest.example>: %s",
	"postfix/smtp[699]: < mx.dest.example[192.0.2.10]:25: 250 2.0.0 %s",
	"postfix/smtp[699]: > mx.dest.example[192.0.2.10]:25: RCPT TO:<%q@dest.example>",
	"postfix/postscreen[697]: PREGREET 14 after 0.02 from [192.0.2.7]:4711: %s",
	"postfix/postscreen[697]: COMMAND PIPELINING from [192.0.2.7]:4711 after MAIL: %s",
	"postfix/postscreen[697]: NON-SMTP COMMAND from [192.0.2.7]:4711 after CONNECT: %s",
	"postfix/postscreen[697]: NOQUEUE: reject: RCPT from [192.0.2.7]:4711: 550 5.7.1 Service unavailable; client [192.0.2.7] blocked; " +
		"from=<%s>, to=<%s>, proto=ESMTP, helo=<%s>",
	"postfix/smtpd[698]: 4BD8F1A2C3: client=unknown[192.0.2.7]\n" +
		"postfix/cleanup[705]: 4BD8F1A2C3: reject: header Subject: %s from unknown[192.0.2.7]; from=<%q@src.example> " +
		"to=<%q@dest.example> proto=ESMTP helo=<%h>: 5.7.1 message content rejected",
	"postfix/smtpd[698]: 4BD8F1A2C3: client=unknown[192.0.2.7]\n" +
		"postfix/cleanup[705]: 4BD8F1A2C3: warning: header Subject: %s from unknown[192.0.2.7]; from=<%q@src.example>: noted",
	"postfix/smtpd[698]: 4BD8F1A2C3: client=unknown[192.0.2.7]\n" +
		"postfix/cleanup[705]: 4BD8F1A2C3: milter-reject: END-OF-MESSAGE from unknown[192.0.2.7]: 5.7.1 Command rejected; " +
		"from=<%q@src.example> to=<%q@dest.example> proto=ESMTP helo=<%h>",
	"postfix/cleanup[705]: 4BD8F1A2C3: message-id=<%s>",
	"postfix/qmgr[600]: 4BD8F1A2C3: from=<%q@src.example>, size=7, nrcpt=1 (queue active)",
	"policyd[706]: %s",
	"opendkim[706]: 4BD8F1A2C3: %s",
}

// imitate returns the lines with a stranger's words in them. Postfix writes
// control characters as question marks (util/printable.c), and in a HELO name
// those with a meaning too (smtpd.c, NEUTER_CHARACTERS).
func imitate(lines, words string) string {
	words = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, words)
	helo := strings.Map(func(r rune) rune {
		if strings.ContainsRune(` <>()\";@`, r) {
			return '?'
		}
		return r
	}, words)
	quoted := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(words) + `"`
	return strings.NewReplacer("%s", words, "%q", quoted, "%h", helo).Replace(lines)
}

// tellWithoutText returns what lines tell but for the texts of replies.
func tellWithoutText(lines string) string {
	p := logparse.NewParser()
	var b strings.Builder
	for line := range strings.Lines(lines) {
		r := p.Parse([]byte("Nov 23 14:16:23 mx1 " + strings.TrimSuffix(line, "\n")))
		for i := range r.Events {
			e := r.Events[i]
			e.Text = nil
			fmt.Fprintln(&b, showEvent(&e))
		}
	}
	return b.String()
}

// FuzzImitation tests that no stranger's words change what a line counts.
func FuzzImitation(f *testing.F) {
	for _, words := range []string{
		"x", "", " ", `"`, `\`, `">, `, "[", "]", "(", ")", "); ", ": ", "; from=<", " from ",
		"a>, relay=mx.evil.example[192.0.2.66]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 2.0.0 Ok)",
		`a">, relay=mx.evil.example[192.0.2.66]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 2.0.0 Ok)`,
		"host mx.evil.example[192.0.2.66] said: 550 5.1.1 no (in reply to RCPT TO command)", "no (in reply to RCPT TO command)",
		"(in reply to end of DATA command))", "250 2.0.0 Ok", "250-2.0.0 Ok 250 2.0.0 Ok", "421 4.7.0 no", "5.7.2 no",
		"; from=<a@src.example> to=<b@dest.example> proto=ESMTP helo=<x>: 4.7.1 later", "helo=<x>: 4.7.1 later", "SMTP: 4.7.1 later",
		"x; from=<a> proto=ESMTP helo=<x> sasl_username=<boss", " sasl_username=<boss>", ", sasl_method=PLAIN, sasl_username=boss",
		"NOQUEUE: reject: RCPT from evil.example[192.0.2.66]: 550 5.7.1 no; from=<>", "4BD8F1A2C3: milter-reject: END-OF-MESSAGE from x[192.0.2.66]: 5.7.1 Command rejected;",
		"disconnect from evil.example[192.0.2.66] ehlo=1 mail=9 rcpt=9 data=9 quit=1 commands=29", "SASL LOGIN authentication aborted",
		"warning: x[192.0.2.66]: SASL LOGIN authentication failed: ", "message repeated 9 times: [ timeout after RCPT from x[192.0.2.66]]",
		"Nov 23 14:16:23 mx1 postfix/smtpd[1]: timeout after RCPT from x[192.0.2.66]", "> unknown[192.0.2.7]: 250 2.0.0 Ok", "EHLO x", "QUIT",
		" in RCPT command: ", "proxy-accept: END-OF-MESSAGE: 250 ok;", "queue file size limit exceeded", "Recipient address rejected: x",
	} {
		f.Add(words)
	}
	f.Fuzz(func(t *testing.T, words string) {
		for _, lines := range imitable {
			want, got := tellWithoutText(imitate(lines, "words")), tellWithoutText(imitate(lines, words))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s\n(-harmless +imitation):\n%s", imitate(lines, words), diff)
			}
		}
	})
}

// TestCutLines tests that a line that a logger cut short tells no other code
// than the whole line.
func TestCutLines(t *testing.T) {
	for _, c := range allCases(t) {
		for _, line := range c.lines(t) {
			whole := map[wire]bool{}
			for _, e := range logparse.NewParser().Parse(line).Events {
				whole[wire{e.Direction.String(), e.Code}] = true
			}
			for end := range line {
				r := logparse.NewParser().Parse(line[:end])
				for i := range r.Events {
					e := &r.Events[i]
					if n := len(e.Text); n > 0 && n <= len("550") { // of a word such as "5500", or less
						continue
					}
					if e.Code != 0 && !whole[wire{e.Direction.String(), e.Code}] {
						t.Errorf("%q: %s", line[:end], showEvent(e))
						break
					}
				}
			}
		}
	}
}
