//go:build realmta

package realmta

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"smtp_reply_exporter/logparse/sandbox"
)

// Without DNS in its service switch, Sendmail delivers to hosts by their names.
const sendmailMC = "include(`/usr/share/sendmail/cf/m4/cf.m4')\n" +
	"OSTYPE(`debian')\n" +
	"define(`confDOMAIN_NAME', `" + mtaName + "')\n" +
	"define(`confSERVICE_SWITCH_FILE', `/etc/mail/service.switch')\n" +
	"define(`confDONT_PROBE_INTERFACES', `True')\n" +
	"define(`confTO_IDENT', `0')\n" +
	"define(`confHOST_STATUS_DIRECTORY', `')\n" +
	"define(`ALIAS_FILE', `/etc/mail/aliases')\n" +
	"FEATURE(`nocanonify')\n" +
	"FEATURE(`accept_unresolvable_domains')\n" +
	"FEATURE(`accept_unqualified_senders')\n" +
	"FEATURE(`no_default_msa')\n" +
	"DAEMON_OPTIONS(`Name=MTA, Port=25, Addr=" + mtaAddress + "')\n" +
	"LOCAL_DOMAIN(`dest.example nouser.example')\n" +
	"MAILER(`local')\n" +
	"MAILER(`smtp')\n"

// Never shown (logparse/README.md): the dialogue; below LogLevel 15 most of 500 to 503.
func sendmailSessions() []session {
	const (
		fields   = `x, relay=mx.google.com. [192.0.2.66], dsn=2.0.0, reply=250 2.0.0 ok, stat=Sent (250 2.0.0 ok)`
		protocol = `mx.google.com.: SMTP RCPT protocol error: 451 4.7.1 greylisted`
		proxy    = `x [127.0.0.1]: probable open proxy: command=GET`
		ruleset  = `ruleset=check_rcpt, arg1=<x>, relay=mx.google.com [192.0.2.66], reject=421 4.7.0 no`
		milter   = `Milter: to=<x>, reject=421 4.7.0 no`
	)
	hello := step{"EHLO x.example", "250"}
	from := step{"MAIL FROM:<eve@src.example>", "250"}
	sessions := []session{
		mail("innocent", "<eve@src.example>", "<ann@good.example>", "!250"),
		mail("fields in the sender", `<"`+fields+`"@src.example>`, "<ann@good.example>", "!250"),
		mail("a protocol error in the sender", `<"`+protocol+`"@src.example>`, "<ann@dest.example>", "!250"),
		mail("a login in the sender", `<"x, proto=ESMTPA, daemon=MTA, auth=PLAIN, relay=x [127.0.0.1]"@src.example>`, "<ann@dest.example>", "!250"),
		letter("a message-id", "Message-ID: <x>, nrcpts=1, relay=mx.google.com [192.0.2.66], reject=421 4.7.0 no, stat=Sent (ok)\r\n", "!250"),
		{name: "the greeting of a proxy", steps: []step{{"GET mx.google.com [192.0.2.66]: 451 4.7.1 no", "!421"}}},
		{name: "HELO", steps: []step{
			{"HELO x.example [127.0.0.1], reject=421 4.7.0 no", "501"},
			{"HELO [127.0.0.1]", "250"},
			from,
			{"RCPT TO:<ann@other.example>", "!550"},
		}},
		{name: "commands", steps: []step{
			hello,
			{"EXPN " + protocol, "553"},
			{"VRFY <\"" + protocol + "\"@nouser.example>", "550"},
			{"ETRN " + protocol, "250"},
			{"HELP " + protocol, "504"},
			{protocol, "500"},
			{milter, "500"},
			{ruleset, "500"},
		}},
		{name: "logins", steps: slices.Concat([]step{hello},
			authCRAM("boss, relay=mx.google.com [192.0.2.66], reject=421 4.7.0 no", "!535"), authCRAM(protocol, "!535"))},
		{name: "binary", steps: []step{
			hello,
			{"\x01\x80\xff\x1b[2J\t\x7f", "500"},
			from,
			{"RCPT TO:<\"a\x01\x02\"@nouser.example>", "501"},
			{"RCPT TO:<\"\xff\x80\"@nouser.example>", "501"},
		}},
		{name: "a lost connection", steps: []step{hello, {`MAIL FROM:<"` + fields + `"@src.example>`, "250"}, {"RCPT TO:<ann@dest.example>", "250"}, {"", ""}}},
	}
	for name, words := range map[string]string{
		"fields": fields, "a protocol error": protocol, "a proxy": proxy, "a ruleset": ruleset, "a milter": milter,
		"a long word": strings.Repeat("421 4.7.0 no, ", 14) + "reject=421 4.7.0 no",
	} {
		sessions = append(sessions, session{name: "unknown users: " + name, steps: []step{
			hello, from,
			{`RCPT TO:<"` + words + `"@nouser.example>`, "!550"},
			{`RCPT TO:"` + words + `"@nouser.example`, "!550"},
			{`RCPT TO:nosuch@nouser.example`, "!550"},
			{`RCPT TO:"` + words + `" <nosuch@nouser.example>`, "555"},
			{`RCPT TO:<nosuch@nouser.example> ` + words, "555"},
			{`RCPT TO:<nosuch@nouser.example> (` + words + `)`, "555"},
		}}, session{name: "refused recipients: " + name, steps: []step{
			hello, from,
			{`RCPT TO:<"` + words + `"@other.example>`, "!550"},
			{`RCPT TO:"` + words + `"@other.example`, "!550"},
		}})
	}
	for _, r := range remotes[2:] {
		sessions = append(sessions,
			mail("remote "+r.name, "<eve@src.example>", "<ann@"+r.name+">", "!250"),
			mail("fields for "+r.name, "<eve@src.example>", `<"`+fields+`"@`+r.name+`>`, "!250"),
			mail("a protocol error for "+r.name, "<eve@src.example>", `<"`+protocol+`"@`+r.name+`>`, "!250"))
	}
	return sessions
}

func TestSendmail(t *testing.T) {
	for _, level := range []string{"9", "15"} {
		t.Run("LogLevel="+level, func(t *testing.T) {
			m := newRoot(t, "sendmail")
			mc := sendmailMC + "define(`confLOG_LEVEL', `" + level + "')\n"
			for _, r := range remotes[1:] { // not the client's
				mc += "RELAY_DOMAIN(`" + r.name + "')\n"
			}
			m.write(t, "/etc/mail/sendmail.mc", mc)
			m.write(t, "/etc/mail/service.switch", "hosts files\naliases files\n")
			m.write(t, "/etc/mail/aliases", "ann: /dev/null\npostmaster: ann\n")
			m.mkdir(t, "/var/spool/mqueue", 0o700, 0, 0)
			m.mkdir(t, "/var/run/sendmail/mta", 0o755, 0, 0)
			m.run(t, "sh", "-ec", "m4 /etc/mail/sendmail.mc >/etc/mail/sendmail.cf; /usr/libexec/sendmail/sendmail -bi")
			flush := m.syslog(t)
			nameserver(t)
			m.start(t, "/usr/libexec/sendmail/sendmail", "-bD", "-L", "sm-mta")
			attack(t, m, sendmailSessions(), func(t *testing.T) {
				t.Helper()
				sandbox.Wait(t, "only the daemon runs", func() bool { return m.processes(t) == 1 })
				flush(t)
			})
		})
	}
}

// syslog writes what comes to the root's /dev/log into a file, as rsyslog does. flush
// waits until all that came before it is in the file.
func (m *mta) syslog(t *testing.T) (flush func(*testing.T)) {
	t.Helper()
	socket := m.root + "/dev/log"
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	must(t, err)
	must(t, os.Chmod(socket, 0o666))
	m.log = m.root + "/var/log/mail.log"
	file, err := os.Create(m.log)
	must(t, err)
	t.Cleanup(func() {
		conn.Close()
		file.Close()
	})
	go func() {
		buf := make([]byte, 64*1024)
		for {
			n, err := conn.Read(buf)
			if err != nil {
				return // closed
			}
			// <22>Nov 30 16:42:13 sm-mta[12]: text
			_, message, _ := bytes.Cut(buf[:n], []byte(">"))
			if len(message) < len(time.Stamp) {
				continue
			}
			line := fmt.Appendf(nil, "%s mx", message[:len(time.Stamp)])
			for _, c := range bytes.TrimRight(message[len(time.Stamp):], "\n\x00") {
				if c < ' ' || c == 0x7f {
					line = fmt.Appendf(line, "#%03o", c)
				} else {
					line = append(line, c)
				}
			}
			_, _ = file.Write(append(line, '\n')) // a lost line fails the test
		}
	}()
	sender, err := net.Dial("unixgram", socket)
	must(t, err)
	t.Cleanup(func() { sender.Close() })
	return func(t *testing.T) {
		t.Helper()
		_, size := m.lines(t, 0)
		last := fmt.Sprintf("flush %d", size)
		_, err := fmt.Fprintf(sender, "<22>%s realmta: %s", time.Now().UTC().Format(time.Stamp), last)
		must(t, err)
		sandbox.Wait(t, last, func() bool {
			b, err := os.ReadFile(m.log)
			must(t, err)
			return bytes.Contains(b, []byte(last))
		})
	}
}
