package classify

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"smtp_reply_exporter/exporter/config"
	"smtp_reply_exporter/logparse"
)

const sources = "sources: [{name: mail, file: mail.log}]\n"

func newClassifier(t *testing.T, text string) *Classifier {
	t.Helper()
	cfg, err := config.Parse("config.yaml", []byte(sources+text))
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var labelCases = []struct {
	name  string
	event logparse.Event
	want  Labels
}{
	{
		name: "refusal to a client",
		event: logparse.Event{
			Code: 554, Enhanced: logparse.EnhancedCode{Class: 5, Subject: 7, Detail: 1}, Command: logparse.Rcpt,
			Remote: []byte("mail.google.com"), Addr: []byte("203.0.113.7"), Text: []byte("554 5.7.1 <a@example.net>: Relay access denied"),
		},
		want: Labels{"external", "other", "relay_denied"}, // clients have no provider
	},
	{
		name: "refusal to a user",
		event: logparse.Event{
			Code: 450, Enhanced: logparse.EnhancedCode{Class: 4, Subject: 1, Detail: 2}, Command: logparse.Rcpt, Authenticated: true,
			Addr: []byte("198.51.100.9"), Text: []byte("450 4.1.2 <a@nosuch.example>: Recipient address rejected: Domain not found"),
		},
		want: Labels{"authenticated", "other", "bad_domain"},
	},
	{
		name: "refusal by a provider",
		event: logparse.Event{
			Direction: logparse.Received, Code: 451, Enhanced: logparse.EnhancedCode{Class: 4, Subject: 7, Detail: 500}, Command: logparse.Rcpt,
			Remote: []byte("contoso-example.mail.protection.outlook.com"), Addr: []byte("203.0.113.16"),
			Text: []byte("451 4.7.500 Server busy. Please try again later from [192.0.2.10]. (AS77712)"),
		},
		want: Labels{"external", "microsoft", "rate_limited"},
	},
	{
		name: "configured provider, network and reason",
		event: logparse.Event{
			Direction: logparse.Received, Code: 550, Command: logparse.EndOfData,
			Remote: []byte("mx1.mail.mycorp.example"), Addr: []byte("198.51.100.25"), Text: []byte("550 Blocked by My House Rule"),
		},
		want: Labels{"internal", "mycorp", "virus"},
	},
	{
		name: "accepted",
		event: logparse.Event{
			Direction: logparse.Received, Code: 250, Command: logparse.EndOfData,
			Addr: []byte("203.0.113.16"), Text: []byte("250 queued, greylisted, my house rule"),
		},
		want: Labels{"external", "other", "ok"},
	},
	{
		name: "nobody answered",
		event: logparse.Event{
			Kind: logparse.Delivery, Direction: logparse.Received, Cause: logparse.CauseTimeout,
			Remote: []byte("gmail-smtp-in.l.google.com"), Addr: []byte("203.0.113.30"),
		},
		want: Labels{"external", "google", "timeout"},
	},
	{
		name: "a positive reply where it does not belong",
		event: logparse.Event{
			Direction: logparse.Received, Code: 354, Command: logparse.Rcpt, Cause: logparse.CauseProtocol,
			Addr: []byte("203.0.113.16"), Text: []byte("354 go ahead"),
		},
		want: Labels{"external", "other", "protocol_error"},
	},
	{
		name:  "mailbox of this host",
		event: logparse.Event{Kind: logparse.Delivery, Direction: logparse.Received, Cause: logparse.CauseLocal},
		want:  Labels{"internal", "other", "local"},
	},
	{
		name:  "failed login",
		event: logparse.Event{Kind: logparse.Refusal, Command: logparse.Auth, Addr: []byte("203.0.113.7")},
		want:  Labels{"external", "other", "auth_failed"},
	},
	{
		name:  "refusal without code, class and words",
		event: logparse.Event{Kind: logparse.Refusal, Command: logparse.Rcpt, Addr: []byte("203.0.113.7")},
		want:  Labels{"external", "other", "other"},
	},
	{
		name: "refusal with words and a class",
		event: logparse.Event{
			Kind: logparse.Refusal, Class: 4, Command: logparse.Rcpt, Addr: []byte("203.0.113.7"), Text: []byte("Greylisted, come back later"),
		},
		want: Labels{"external", "other", "greylisted"},
	},
	{
		name:  "refusal with an enhanced code",
		event: logparse.Event{Kind: logparse.Refusal, Class: 5, Enhanced: logparse.EnhancedCode{Class: 5, Subject: 2, Detail: 2}},
		want:  Labels{"external", "other", "mailbox_full"},
	},
	{
		name:  "a code that the MTA falls back on",
		event: logparse.Event{Code: 451, Implied: true, Command: logparse.Rcpt},
		want:  Labels{"external", "other", "other"},
	},
	{
		name:  "another one",
		event: logparse.Event{Code: 503, Implied: true, Command: logparse.Auth},
		want:  Labels{"external", "other", "other"},
	},
	{
		name:  "a code that the source leaves alone, with its words",
		event: logparse.Event{Code: 421, Implied: true, Text: []byte("421 SMTP command timeout - closing connection")},
		want:  Labels{"external", "other", "network"},
	},
	{
		name:  "a code that is logged, without words",
		event: logparse.Event{Code: 451, Command: logparse.Rcpt},
		want:  Labels{"external", "other", "system_error"},
	},
	{
		name:  "accepted, by what the line implies",
		event: logparse.Event{Code: 250, Implied: true, Command: logparse.EndOfData},
		want:  Labels{"external", "other", "ok"},
	},
}

const custom = `internal_networks: [198.51.100.0/24]
providers: {mycorp: [.mail.mycorp.example]}
reasons: [{reason: virus, pattern: 'my (house|local) rule'}]
`

func TestLabels(t *testing.T) {
	c := newClassifier(t, custom)
	for _, tc := range labelCases {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, c.Labels(nil, &tc.event)); diff != "" {
				t.Errorf("labels (-want +got):\n%s", diff)
			}
		})
	}
}

// An address in a reply's text is a stranger's words, and gives no reason.
func TestReasonIsNoAddress(t *testing.T) {
	c := newClassifier(t, "")
	reason := func(line, inText, quoted string) string {
		line = "Nov 23 14:16:23 mx1 " + strings.NewReplacer("TEXT", inText, "QUOTED", quoted).Replace(line)
		r := logparse.NewParser().Parse([]byte(line))
		if len(r.Events) != 1 {
			t.Fatalf("%d events: %s", len(r.Events), line)
		}
		return c.Labels(r.Program, &r.Events[0]).Reason
	}
	for _, line := range []string{
		"postfix/smtpd[1]: NOQUEUE: reject: RCPT from unknown[192.0.2.7]: 554 5.7.1 <TEXT>: Relay access denied; from=<> to=<QUOTED> proto=ESMTP helo=<pc>",
		"postfix/smtpd[1]: NOQUEUE: reject: MAIL from unknown[192.0.2.7]: 450 4.1.8 <TEXT>: Sender address rejected: Domain not found; from=<QUOTED> proto=ESMTP helo=<pc>",
		"postfix/smtpd[1]: NOQUEUE: reject: RCPT from unknown[192.0.2.7]: 450 4.2.0 <TEXT>: Recipient address rejected: Greylisted; from=<> to=<QUOTED> proto=ESMTP helo=<pc>",
		"postfix/smtp[1]: 4BD8F1A2C3: to=<QUOTED>, relay=mx.example[192.0.2.10]:25, delay=1, delays=0/0/0/1, dsn=5.1.1, status=bounced (host mx.example[192.0.2.10] said: 550 5.1.1 <TEXT>: User unknown (in reply to RCPT TO command))",
		"postfix/smtp[1]: 4BD8F1A2C3: host mx.example[192.0.2.10] said: 550 <QUOTED>: no (in reply to RCPT TO command)",
		"postfix/smtp[1]: 4BD8F1A2C3: host mx.example[192.0.2.10] said: 451 4.3.0 <QUOTED>: Temporary lookup failure (in reply to RCPT TO command)",
	} {
		want := reason(line, "ann@other.example", "ann@other.example")
		if got := reason(line, "x>: you are greylisted, DNSBL@other.example", `"x>: you are greylisted, DNSBL"@other.example`); got != want {
			t.Errorf("%s, not %s: %s", got, want, line)
		}
		if got := reason(line, "starttls.overquota@other.example", "starttls.overquota@other.example"); got != want {
			t.Errorf("%s, not %s: %s", got, want, line)
		}
	}
}

// The reason of a reply whose code is implied, and of a refusal without a code, is the
// line's own.
func TestReasonOfLine(t *testing.T) {
	c := newClassifier(t, "")
	for _, tc := range []struct{ line, peer, reason string }{
		{"1wvYIb-00000005S1o-3buz rejected from <a@src.example> H=(x) [192.0.2.7]: message too big: read=2 max=1", "external", "message_too_large"},
		{"Connection from [192.0.2.7] refused: too many connections", "external", "connection_limit"},
		{"SMTP command timeout on connection from (x) [192.0.2.7] D=8s", "external", "network"},
		{`SMTP call from (x) [192.0.2.7] dropped: too many nonmail commands (last was "NOOP")`, "external", "protocol_error"},
		{"VRFY failed for greylisted H=(x) [192.0.2.7]", "external", "unknown_user"},
		{"refused connection from [192.0.2.7] (host_reject_connection)", "external", "other"},
		{"H=(x) [192.0.2.7] F=<a@src.example> temporarily rejected RCPT <b@dest.example>", "external", "other"},
		{"H=(x) [192.0.2.7] F=<a@src.example> rejected RCPT <b@dest.example>", "external", "other"},
		{`H=(x) [192.0.2.7] temporarily rejected MAIL <a@src.example>: failed to expand ACL string "greylisted": x`, "external", "system_error"},
		{`H=(x) [192.0.2.7] F=<a@src.example> temporarily rejected RCPT <b@dest.example>: DNS lookup of "src.example" deferred`, "external", "dns"},
		{"H=(x) [192.0.2.7] F=<a@src.example> temporarily rejected RCPT <b@dest.example>: Greylisted, come back in 451 seconds", "external", "greylisted"},
		{"H=(x) [192.0.2.7] F=<a@src.example> rejected RCPT <b@dest.example>: relay not permitted", "external", "relay_denied"},
		{"H=(x) [192.0.2.7] F=<a@src.example> rejected RCPT <b@dest.example>: mx.dest.example [192.0.2.10] : SMTP error from remote mail server after RCPT TO:<b@dest.example>: 550 5.1.1 no", "external", "unknown_user"},
		{`1xY1gm-000000001O2-1o6Q => b@dest.example R=box T=lmtp C="250 2.0.0 Saved"`, "internal", "ok"},
		{"1xY1gm-000000001O2-1o6Q ** b@dest.example R=box T=lmtp : LMTP error after RCPT TO:<b@dest.example>: 550 5.1.1 no", "internal", "unknown_user"},
	} {
		r := logparse.NewParser().Parse([]byte("2026-11-23 14:24:12 " + tc.line))
		if len(r.Events) == 0 {
			t.Errorf("no events: %s", tc.line)
			continue
		}
		l := c.Labels(r.Program, &r.Events[len(r.Events)-1])
		if l.Peer != tc.peer || l.Reason != tc.reason {
			t.Errorf("%s, %s, not %s, %s: %s", l.Peer, l.Reason, tc.peer, tc.reason, tc.line)
		}
	}
}
