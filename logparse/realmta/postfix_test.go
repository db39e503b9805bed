//go:build realmta

package realmta

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"smtp_reply_exporter/logparse/sandbox"
)

// Port 25 relays for the client, 26 does not, 587 is a submission service.
const postfixMain = `
compatibility_level = 3.6
maillog_file = /var/log/mail.log
myhostname = ` + mtaName + `
mydestination = dest.example
local_recipient_maps = inline:{ann=1}
local_transport = discard:taken
inet_protocols = ipv4
inet_interfaces = ` + mtaAddress + `
mynetworks = ` + clientAddress + `
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
smtp_host_lookup = native
smtp_dns_support_level = disabled
smtp_connection_cache_on_demand = no
smtp_tls_security_level = may
smtp_tls_loglevel = 1
smtpd_error_sleep_time = 0
smtpd_soft_error_limit = 1000
smtpd_hard_error_limit = 1000
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
disable_vrfy_command = no
header_checks = regexp:{{/^X-Spam:/ REJECT}, {/^X-Later:/ REJECT 4.7.1 not now}, {/^X-Seen:/ WARN}}
body_checks = regexp:{{/^spam/ REJECT 5.7.1 no spam}}
notify_classes =
minimal_backoff_time = 1h
queue_run_delay = 1h
`

const postfixMaster = `
25 inet n - n - - smtpd
26 inet n - n - - smtpd -o mynetworks=127.0.0.1
587 inet n - n - - smtpd -o syslog_name=postfix/submission -o smtpd_sender_restrictions=reject_unknown_sender_domain -o smtpd_sasl_auth_enable=yes
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
discard unix - - n - - discard
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
`

// Never shown (logparse/README.md): 220, and 500 to 503 are refusals without code. The
// summary of a session shows the 250 to its commands; here only the upper bound is tested.
func postfixSessions() []session {
	const (
		fields = `x>, relay=mx.google.com[192.0.2.66]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 2.0.0 Ok)`
		said   = `x> host mx.google.com[192.0.2.66] said: 451 4.7.1 later (in reply to RCPT TO command)`
		boss   = `x>: Sender address rejected: not logged in; from=<x> to=<y> proto=ESMTP helo=<z> sasl_username=<boss>`
	)
	hello := step{"EHLO x.example", "250"}
	from := step{"MAIL FROM:<eve@src.example>", "250"}
	sessions := []session{
		mail("innocent", "<eve@src.example>", "<ann@good.example>", "!250"),
		mail("fields in the sender", `<"`+fields+`"@src.example>`, "<ann@good.example>", "!250"),
		mail("said in the sender", `<"`+said+`"@src.example>`, "<ann@dest.example>", "!250"),
		mail("a login in the sender", `<"x>, sasl_method=PLAIN, sasl_username=boss"@src.example>`, "<ann@dest.example>", "!250"),
		{name: "refused by submission", port: "587", steps: []step{
			hello,
			{`MAIL FROM:<"x>: Recipient address rejected: User unknown"@nx.invalid>`, "250"},
			{"RCPT TO:<ann@dest.example>", "!450"},
			{`RCPT TO:<"` + boss + `"@dest.example>`, "!450"},
			{"RSET", "250"},
			{`MAIL FROM:<"` + boss + `"@nx.invalid>`, "250"},
			{"RCPT TO:<ann@dest.example>", "!450"},
		}},
		// Where the address cannot be told from the text, 5.7.1 gives the reason.
		{name: "reasons in recipients", port: "26", reasons: []string{"relay_denied", "policy"}, steps: []step{
			hello, from,
			{`RCPT TO:<"x>: you are greylisted, DNSBL"@other.example>`, "!554"},
			{`RCPT TO:<"x>: Recipient address rejected: User unknown in local recipient table; from=<x> to=<y>"@other.example>`, "!554"},
			{`RCPT TO:<"421 4.7.0 x>: 451 4.7.1 mailbox full"@other.example>`, "!554"},
		}},
		{name: "refused recipients", port: "26", steps: []step{
			hello, from,
			{`RCPT TO:<"` + boss + `"@other.example>`, "!554"},
			{`RCPT TO:<"` + boss + `"@dest.example>`, "!550"},
			{`RCPT TO:<"` + fields + `"@dest.example>`, "!550"},
			{`RCPT TO:<"` + said + `"@dest.example>`, "!550"},
			{`RCPT TO:<x: 421 4.7.0 no>`, "!501"},
			{`VRFY <"` + boss + `"@other.example>`, "!554"},
			{`VRFY <"` + said + `"@dest.example>`, "!550"},
		}},
		{name: "commands", port: "26", steps: []step{
			{"EHLO x>_sasl_username=<boss", "250"},
			{"EXPN : mx.google.com[192.0.2.66] said: 451 4.7.1", "?500"},
			{"ETRN x>: 451 4.7.1 later; from=<x>", "?500"},
			{"RCPT from mx.google.com[192.0.2.66]: 451 4.7.1 no", "?503"},
			{"status=sent (250 2.0.0 Ok)", "?500"},
			{"NOOP NOQUEUE: reject: RCPT from x[127.0.0.1]: 421 4.7.0 no;", "250"},
		}},
		{name: "logins", port: "587", steps: slices.Concat([]step{hello},
			authPlain("boss, sasl_method=PLAIN, sasl_username=x: 421 4.7.0 no", "?535"),
			authPlain("x[127.0.0.1]: SASL PLAIN authentication failed: 421 4.7.0 no", "?535"))},
		{name: "HELO", port: "26", steps: []step{
			{"HELO x>;sasl_username=<boss", "250"},
			from,
			{"RCPT TO:<ann@other.example>", "!554"},
			{"HELO [127.0.0.1]", "250"},
			from,
			{`RCPT TO:<"x> proto=ESMTP helo=<y> sasl_username=<boss>"@other.example>`, "!554"},
		}},
		{name: "binary", port: "26", steps: []step{
			hello, {"\x01\x80\xff\x1b[2J\t\x7f", "500"}, from, {"RCPT TO:<\"a\x01\x02\"@other.example>", "!554"},
		}},
		{name: "a lost connection", port: "26", steps: []step{hello, {`MAIL FROM:<"` + boss + `"@src.example>`, "250"}, {"", ""}}},
		{name: "not SMTP", port: "26", steps: []step{{"GET / from mx.google.com[192.0.2.66]: 451 4.7.1 no", "!221"}}},
		letter("a refused header", "X-Spam: x from mx.google.com[192.0.2.66]; from=<a> to=<b> proto=ESMTP helo=<c>: 4.7.1 later\r\n", "!550"),
		letter("a deferred header", "X-Later: "+boss+"\r\n", "!451"),
		letter("a noticed header", "X-Seen: reject: header x from y[127.0.0.1]; from=<a> to=<b> proto=ESMTP helo=<c>: 5.7.1 no\r\n", "!250"),
		letter("a folded header", "X-Spam: x\r\n from local; from=<a>: 4.7.1 later\r\n\tfrom mx.google.com[192.0.2.66]; from=<a> to=<b> proto=ESMTP helo=<c>: 4.7.1 later\r\n", "!550"),
		letter("a long header", "X-Spam: "+strings.Repeat("from mx.google.com[192.0.2.66]; from=<a> to=<b> proto=ESMTP helo=<c>: 4.7.1 later; ", 11)+"\r\n", "!550"),
		letter("a refused body", "\r\nspam from mx.google.com[192.0.2.66]; from=<a> to=<b> proto=ESMTP helo=<c>: 4.7.1 later\r\n", "!550"),
		letter("a message-id", "Message-ID: <x> from=<a> to=<b> status=sent (250 2.0.0 Ok) said: 451 4.7.1\r\n", "!250"),
		{name: "cut records", port: "26", steps: append([]step{hello, from}, cuts(`x>: 4.7.1 later; from=<x> to=<y> proto=ESMTP helo=<z> sasl_username=<boss>`, "!554")...)},
		{name: "cut records of a sender", port: "587", steps: append([]step{
			hello, {`MAIL FROM:<"` + strings.Repeat("y", 850) + `"@nx.invalid>`, "250"},
		}, cuts(`x> proto=ESMTP helo=<z> sasl_username=<boss>`, "!450")...)},
	}
	for _, r := range remotes[2:] {
		sessions = append(sessions,
			mail("remote "+r.name, "<eve@src.example>", "<ann@"+r.name+">", "!250"),
			mail("fields for "+r.name, "<eve@src.example>", `<"`+fields+`"@`+r.name+`>`, "!250"),
			mail("said for "+r.name, "<eve@src.example>", `<"`+said+`"@`+r.name+`>`, "!250"))
	}
	return sessions
}

// letter is a session that sends a message which begins with a header.
func letter(name, header, want string) session {
	s := mail(name, "<eve@src.example>", "<ann@dest.example>", want)
	s.steps[len(s.steps)-1].say = header + "\r\nHello.\r\n."
	return s
}

// cuts are refused recipients of all lengths whose record may end within the words.
// Postfix cuts a record at 2,000 bytes, in which the recipient stands twice.
func cuts(words, want string) (steps []step) {
	for n := range len(words) + 20 {
		pad := strings.Repeat("y", 1000-60-len(words)/2-n)
		steps = append(steps, step{`RCPT TO:<"` + pad + words + `"@other.example>`, want})
	}
	return steps
}

func TestPostfix(t *testing.T) {
	for _, format := range []string{"external", "internal"} {
		t.Run("info_log_address_format="+format, func(t *testing.T) {
			sessions := postfixSessions()
			for i := range sessions {
				// In internal form, and where a server answers in the fields of the line, it
				// can be read in two ways.
				ours := sessions[i].name == "innocent" || strings.HasPrefix(sessions[i].name, "remote ")
				sessions[i].ambiguous = format == "internal" && !ours || strings.HasSuffix(sessions[i].name, " sent.example")
			}
			m := newRoot(t, "postfix")
			m.write(t, "/etc/postfix/main.cf", postfixMain+"info_log_address_format = "+format+"\n")
			m.write(t, "/etc/postfix/master.cf", postfixMaster)
			m.mkdir(t, "/var/lib/postfix", 0o755, 801, 801)
			m.mkdir(t, "/var/spool/postfix", 0o755, 0, 0)
			m.log = m.root + "/var/log/mail.log"
			m.write(t, "/etc/postfix/sasl/smtpd.conf", "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nmech_list: PLAIN\n")
			nameserver(t)
			m.start(t, "/usr/sbin/postfix", "start-fg")
			attack(t, m, sessions, func(t *testing.T) { m.postfixQuiet(t) })
		})
	}
}

// postfixQuiet waits until no session and no delivery goes on and all their lines are in
// the file: postlogd writes them in the order in which it gets them.
func (m *mta) postfixQuiet(t *testing.T) {
	t.Helper()
	logged := func() []byte {
		b, err := os.ReadFile(m.log)
		must(t, err)
		return b
	}
	flush := func() {
		t.Helper()
		last := fmt.Sprintf("flush %d", len(logged()))
		m.run(t, "/usr/sbin/postlog", "-t", "realmta", last)
		sandbox.Wait(t, last, func() bool { return bytes.Contains(logged(), []byte(last)) })
	}
	flush()
	sandbox.Wait(t, "sessions end", func() bool {
		return bytes.Count(logged(), []byte(": connect from ")) == bytes.Count(logged(), []byte(": disconnect from "))
	})
	sandbox.Wait(t, "the queue is empty", func() bool {
		n := 0
		for _, queue := range []string{"maildrop", "incoming", "active"} {
			files, err := filepath.Glob(filepath.Join(m.root, "var/spool/postfix", queue, "*"))
			must(t, err)
			n += len(files)
		}
		return n == 0
	})
	flush()
}
