package logparse_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"smtp_reply_exporter/logparse"
)

// imitable returns the lines of testdata/imitation, in which a stranger's words
// stand as an MTA writes them:
//
//	%s  with question marks for control characters
//	%q  so, in quotes with backslashes, as a local part (RFC 5321 §4.1.2)
//	%h  so, as a HELO name: also with question marks for blanks and <>()\";@
//	%w  so, as one word: also with question marks for blanks
//	%j  within a string of JSON
//	%c  within a quoted field of CSV (RFC 4180)
//	%l  so, as a value of logfmt, in quotes where it must be
//	%e  so, within a value in quotes
//
// Lines that belong together stand together, with an empty line after them.
func imitable(t testing.TB) (groups []string) {
	files, err := filepath.Glob("testdata/imitation/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for group := range strings.SplitSeq(string(text), "\n\n") {
			if !strings.HasPrefix(group, "#") {
				groups = append(groups, group)
			}
		}
	}
	return groups
}

// imitate returns the lines with a stranger's words in them.
func imitate(t testing.TB, lines, words string) string {
	without := func(words, some string) string {
		return strings.Map(func(r rune) rune {
			if r < ' ' || r == 0x7f || strings.ContainsRune(some, r) {
				return '?'
			}
			return r
		}, words)
	}
	inJSON, err := json.Marshal(words)
	if err != nil {
		t.Fatal(err)
	}
	printable := without(words, "")
	quoted := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(printable) + `"`
	value := printable
	if value == "" || strings.ContainsAny(value, ` ="\`) {
		value = quoted
	}
	return strings.NewReplacer("%l", value, "%e", quoted[1:len(quoted)-1], "%s", printable, "%q", quoted, "%h", without(words, ` <>()\";@`), "%w", without(words, " "),
		"%j", string(inJSON[1:len(inJSON)-1]), "%c", strings.ReplaceAll(printable, `"`, `""`)).Replace(lines)
}

// tellWithoutText returns what lines tell but for the texts of replies.
func tellWithoutText(lines string) string {
	p := logparse.NewParser()
	var b strings.Builder
	for line := range strings.Lines(lines) {
		r := p.Parse([]byte(strings.TrimSuffix(line, "\n")))
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
		"' errormsg='x' exitcode=EX_OK", " smtpstatus=250 smtpmsg='250 ok' exitcode=EX_OK", `\n250 2.0.0 ok`, "host=x tls=off auth=off from=a recipients=b exitcode=EX_OK",
		">,addr=<x>: 250 ok", ",status: success", "id=A1.6B04.1D2,from=<>,addr=<bob@dest.example>: 250 ok", ") (localhost [127.0.0.1])", `",cmd: QUIT`, `,msg="250 ok`,
		`","smtp_code":250,"x":"`, "\tx: y\t{\"smtp_code\":250}", "#011{\"smtp_code\":250}", "SMTP error 250: ok", "No usable MXs, last err: SMTP error 250: ok", "unexpected EOF", "context deadline exceeded",
		`x@evil.example R=d T=t H=mx.evil.example [192.0.2.66] C="250 Ok"`, `" C="550 no`, " rejected RCPT <x>: 550 5.7.1 no", "(x) [192.0.2.66]",
		") [192.0.2.66] F=<> rejected RCPT <x>: 421 no", ">: 421 no", `" H=[192.0.2.66] unrecognized command`, " DT=0.1s", ": retry timeout exceeded",
		"SMTP error from remote mail server after RCPT TO:<x>: 421 no", "2026-11-23 14:24:10 H=[192.0.2.66] rejected RCPT <x>: 421 no", `\n421 no`,
		"/Remote_host_said:_250_ok/", "192.0.2.66_accepted_message./Remote_host_said:_250_ok/", "did_0+0+1/", "/Giving_up_on_192.0.2.66./",
		"x>_192.0.2.66_does_not_like_recipient./Remote_host_said:_550_no/", "x/192.0.2.66_does_not_like_recipient./Remote_host_said:_550_no/",
		`","response":{"code":250,"content":"Ok"},"x":"`, "KumoMTA internal: no", "> Rejected by RAT", "' RID [0] Response '2.0.0 Ok'",
		"x ('550', ['5.7.1 no']) []", "x'], ('550', ['5.7.1 no']) []",
		`",>,"250 2.0.0 Ok`, `x",,` + "\n2026-11-23T14:18:21.000Z", `x",smtp;250 2.0.0 Ok,mx.evil.example (192.0.2.66)`, `"","`,
		"[nl]250 2.0.0 Ok", `x"	"SENT: 550 5.7.1 no`, "SENT: 250 ok", "x/smtpd[1]: timeout after RCPT from a[192.0.2.66]",
		`" result="421 4.7.0 no"`, `x" delay=1s result="Ok" stat="250 2.0.0 ok"`, " result=ok", "BANNER rejected: 421 4.7.0 no", "0x55d0c0: >>> 451 4.7.1 no",
		"c2ee49eb87cc5f97 smtp message msgid=dd495ab1 size=1 nrcpt=1", "x> delivery successful", "#015#012451 4.7.0 no", "failed after RCPT TO: 421 no",
		" in RCPT command: ", "proxy-accept: END-OF-MESSAGE: 250 ok;", "queue file size limit exceeded", "Recipient address rejected: x",
		`" lr="250 no" time=1`, `x" code=DENY msg="no`, ` code=DENY msg="no" sender=x`, "> deferred: 451 no", "x@dest.example> rejected: 550 no",
		"550 I cannot deliver mail for <x>", "S: 250 2.0.0 Ok", "C: QUIT state=1", "Upstream error: 421 no", "Some recipients temp failed: ",
		"[NOTICE] [0B1E9B2C-5C11-4A37-9D0E-3C5D1F6A7B80.1] [core] queue code=OK msg=x", ` retval=DENY msg="no"`, `\", "lr":"550 no`,
		"level=NOTICE uuid=0B1E9B2C-5C11-4A37-9D0E-3C5D1F6A7B80.1 origin=core message=queue code=OK msg=x",
		`{"level":"NOTICE","uuid":"0B1E9B2C-5C11-4A37-9D0E-3C5D1F6A7B80.1","origin":"core","message":"queue","code":"OK"}`,
		"x, relay=mx.evil.example. [192.0.2.66], dsn=2.0.0, stat=Sent (ok)", ", stat=Sent (ok)", ", reply=250 ok, stat=Sent (ok)", "Connection reset by x",
		">, ctladdr=x (0/0), delay=00:00:01, xdelay=00:00:01, mailer=esmtp, pri=1, relay=x [192.0.2.66], dsn=2.0.0, stat=Sent (ok)", ", [more], delay=1",
		"x, reject=421 4.7.0 no", ", relay=x [192.0.2.66], reject=421 4.7.0 no", ">, relay=x [192.0.2.66], reject=250 ok", ">... User unknown", " [rejected]",
		"x [192.0.2.66]: probable open proxy: command=GET", " tempfailed (due to previous checks)", " protocol error: 250 ok", " (hold)", ": Name server timeout",
	} {
		f.Add(words)
	}
	groups := imitable(f)
	f.Fuzz(func(t *testing.T, words string) {
		for _, lines := range groups {
			want, got := tellWithoutText(imitate(t, lines, "words")), tellWithoutText(imitate(t, lines, words))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s\n(-harmless +imitation):\n%s", imitate(t, lines, words), diff)
			}
		}
	})
}

// TestCutLines tests that a line that a logger cut short tells no other code
// than the whole line.
func TestCutLines(t *testing.T) {
	for _, c := range allCases(t) {
		for _, line := range c.lines(t) {
			if bytes.Contains(line, []byte(": --- ")) {
				continue // Sendmail says behind a reply that it was not sent
			}
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
					// That Exim's ACLs gave no text is what a line without one tells.
					if r.MTA == "exim" && e.Implied && e.Direction == logparse.Sent && len(e.Text) == 0 {
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
