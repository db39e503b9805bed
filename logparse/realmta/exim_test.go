//go:build realmta

package realmta

import (
	"slices"
	"strings"
	"testing"

	"smtp_reply_exporter/logparse/sandbox"
)

// The ACLs are those of Exim's own default configuration, as far as they concern here.
const eximConf = `
primary_hostname = ` + mtaName + `
domainlist local_domains = dest.example
hostlist relay_from_hosts =
acl_smtp_rcpt = acl_check_rcpt
acl_smtp_data = acl_check_data
never_users = root
host_lookup = *
host_lookup_order = byaddr
disable_ipv6 = true
dns_dnssec_ok = 0
pipelining_connect_advertise_hosts =
rfc1413_query_timeout = 0s
keep_environment =
message_size_limit = 100K
daemon_smtp_ports = 25
local_interfaces = ` + mtaAddress + `
tls_advertise_hosts = *
tls_try_verify_hosts = *
tls_verify_certificates = /etc/ssl/certs/ca-certificates.crt
begin acl
acl_check_rcpt:
  deny message = Restricted characters in address
       domains = +local_domains
       local_parts = ^[.] : ^.*[@%!/|]
  accept local_parts = postmaster
         domains = +local_domains
  require verify = sender
  require message = relay not permitted
          domains = ! nx.example
  require verify = recipient
  warn condition = ${if match{$local_part}{^cut}}
       control = cutthrough_delivery/defer=pass
  deny condition = ${if match{$local_part}{callout}}
       ! verify = recipient/callout=20s,no_cache
  accept
acl_check_data:
  deny condition = ${if eq{$h_X-Spam:}{}{no}{yes}}
       message = This message scored $h_X-Spam: points
  accept
begin routers
local:
  driver = accept
  domains = +local_domains
  local_parts = ann : ^x
  transport = null
nouser:
  driver = redirect
  domains = +local_domains
  data = :fail: nobody here
world:
  driver = manualroute
  domains = ! +local_domains
  route_list = * $domain byname
  transport = smtp
begin transports
null:
  driver = appendfile
  file = /dev/null
  user = mail
smtp:
  driver = smtp
  hosts_try_prdr =
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = no
  server_set_id = $auth2
begin retry
* * F,1h,1h
`

// Never shown (logparse/README.md): the dialogue, that is 220, 221, 354, the 250 to EHLO,
// MAIL, RCPT and RSET. A text without code is a refusal without code, and so is the client's
// side of a refused callout. Whether a deferral behind cutthrough delivery was passed on to
// the client is not logged.
func eximSessions() []session {
	mx := "mx.google.com [192.0.2.66]"
	hello := step{"EHLO x.example", "250"}
	from := step{"MAIL FROM:<eve@src.example>", "250"}
	refused := step{"RCPT TO:<ann@nx.example>", "?550"}
	sessions := []session{
		mail("innocent", "<eve@src.example>", "<ann@good.example>", "!250"),
		{name: "commands", steps: []step{
			hello,
			{"EXPN : " + mx + " : SMTP error from remote mail server after RCPT TO:<x>: 451 4.7.1 greylisted", "~550"},
			{"ETRN #: " + mx + " : SMTP error from remote mail server after RCPT TO:<x>: 451 4.7.1 greylisted", "~458"},
			{"EXPN x: 421 4.7.0 no", "~550"},
			{"EXPN <= a@b H=mail [127.0.0.1] P=esmtpsa", "!550"},
			{`VRFY <": ` + mx + ` : SMTP error from remote mail server after RCPT TO:<x>: 451 later"@dest.example>`, "~252"},
			{`VRFY "x H=mail [127.0.0.1] F=<x> rejected RCPT <x>: 451 4.7.1 no"@dest.example`, "~252"},
		}},
		mail("P=esmtpsa in the sender", `<a."x H=mail [127.0.0.1] P=esmtpsa "@src.example>`, "<ann@dest.example>", "!250"),
		mail("a quoted pair", `<a."b c"@src.example>`, "<ann@dest.example>", "!250"),
		mail("an escaped blank", `<a\ b@src.example>`, "<ann@dest.example>", "!250"),
		mail("angle brackets in the sender", `<"x> H=mail [127.0.0.1] P=esmtpsa A=plain:boss <y"@src.example>`, "<ann@dest.example>", "!250"),
		mail("fields in a local recipient", "<eve@src.example>", `<"x <y> R=r T=t H=`+mx+` C=\"250 OK\""@dest.example>`, "!250"),
		{name: "refused recipients", steps: []step{
			hello, from,
			{`RCPT TO:<"x>: ` + mx + ` : SMTP error from remote mail server after RCPT TO:<y>: 451 4.7.1 later <z"@nx.example>`, "?550"},
			{`RCPT TO:<": 421 4.7.0 x"@nx.example>`, "?550"},
			{`RCPT TO:<"> A=plain:boss rejected RCPT <"@nx.example>`, "?550"},
			// Without smtp_syntax_error these are not logged.
			{`RCPT TO:<x: 421 4.7.0 no>`, "501"},
			{"RCPT TO:<nosuch.@dest.example> H=mail [127.0.0.1] rejected RCPT <x>: 421 no", "501"},
		}},
		{name: "a refusal in the sender", steps: []step{
			hello, {`MAIL FROM:<"x> A=plain:boss rejected RCPT <y>: ` + mx + ` : 421 4.7.0 no"@src.example>`, "250"}, refused,
		}},
		{name: "an abandoned message", steps: []step{
			hello,
			{`MAIL FROM:<"x> H=mail [127.0.0.1] rejected RCPT <y>: 421 no <"@src.example>`, "250"},
			{"RCPT TO:<ann@dest.example>", "250"},
			{"RSET", "250"},
			{`MAIL FROM:<"> rejected MAIL <x>: 421 4.7.0 no"@src.example>`, "250"},
			{"", ""},
		}},
		{name: "HELO", steps: []step{
			{"HELO (x) [127.0.0.1] P=esmtpsa", "!501"},
			{`HELO x" H=[127.0.0.1]: 421 4.7.0 no`, "!501"},
			{"HELO [127.0.0.1]", "250"},
			from, refused,
		}},
		{name: "logins", steps: slices.Concat([]step{hello},
			authPlain("boss) H=mail [127.0.0.1]: 421 4.7.0 no (set_id=x", "!535"),
			authPlain(`boss" H=mail [127.0.0.1] P=esmtpsa A=plain:x`, "!535"),
			[]step{{"AUTH FOO] (x) H=[127.0.0.1]: 421 4.7.0 no", "501"}})},
		{name: "a certificate", certificate: `x" H=mail [127.0.0.1] P=esmtpsa A=plain:boss F=<x> rejected RCPT <y>: 421 4.7.0 no`, steps: []step{
			hello,
			{"STARTTLS", "220"},
			hello, from, refused,
			{"RCPT TO:<ann@dest.example>", "250"},
			{"EXPN x: 421 4.7.0 no", "~550"},
			{"DATA", "354"},
			{"Subject: x\r\n\r\n.", "!250"},
			from,
			{"", ""},
		}},
		{name: "a certificate without a quote", certificate: `x H=mail [127.0.0.1] P=esmtpsa A=plain:boss F=<x> rejected RCPT <y>: 421 4.7.0 no`, steps: []step{
			hello, {"STARTTLS", "220"}, hello, from, refused, {"RCPT TO:<ann@dest.example>", "250"}, {"DATA", "354"}, {"Subject: x\r\n\r\n.", "!250"},
		}},
		{name: "binary", steps: []step{
			hello,
			{"\x01\x80\xff\x1b[2J \x7f\t", "500"},
			from,
			{"RCPT TO:<\"a\x01\x02\x80\xff\"@nx.example>", "?550"},
			{"EXPN \xc3\x28\x80 \x01", "!550"},
		}},
		{name: "a sync error before the greeting", greeting: "!554", early: "GET x\" H=[127.0.0.1] input=\"y\r\n"},
		{name: "a sync error", ambiguous: true, steps: []step{hello, {"x\" H=[127.0.0.1] \r\n\" H=mail [127.0.0.1] next input=\"", "!554"}}},
		{name: "a sync error at NOOP", ambiguous: true, steps: []step{hello, {"NOOP \" H=mail [127.0.0.1] next input=\"\r\n\" H=[127.0.0.1]", "!554"}}},
		{name: "a header in a refusal", steps: []step{
			hello, from,
			{"RCPT TO:<ann@dest.example>", "250"},
			{"DATA", "354"},
			{"X-Spam: 451 4.7.1 : " + mx + " : SMTP error from remote mail server after RCPT TO:<x>: 421 no\r\n\r\n.", "?550"},
		}},
	}
	for _, r := range remotes[2:] {
		imitation := mx + `: SMTP error from remote mail server after RCPT TO:<y>: 421 4.7.0 no`
		sessions = append(sessions,
			mail("remote "+r.name, "<eve@src.example>", "<ann@"+r.name+">", "!250"),
			mail("imitation "+r.name, "<eve@src.example>", `<"x> R=r T=t H=`+imitation+` <z"@`+r.name+">", "!250"))
		refusal := r.answers[""] + r.answers["MAIL"] + r.answers["RCPT"] + "!250"
		if strings.HasPrefix(refusal, "!421") {
			continue // which Exim logs as NULL for a callout
		}
		rcpt := map[byte]string{'2': "250", '4': "?451", '5': "?550"}[refusal[1]]
		sessions = append(sessions, session{name: "callout " + r.name, steps: []step{
			hello, from, {`RCPT TO:<"callout: ` + imitation + `"@` + r.name + ">", rcpt},
		}})
	}
	return append(sessions,
		mail("cutthrough queued.example", "<eve@src.example>", `<"cut> R=r T=t H=`+mx+` <z"@queued.example>`, "!250"),
		mail("cutthrough quote.example", "<eve@src.example>", `<"cut> R=r T=t H=`+mx+` <z"@quote.example>`, "!250"),
		mail("cutthrough protocol.example", "<eve@src.example>", `<"cut> R=r T=t H=`+mx+` <z"@protocol.example>`, "451"),
		mail("imitation of a delivery", `<"@src.example> F=<..>"@src.example>`,
			`<"0000000> <x@y> R=r T=t H=`+mx+` C=\"250 OK\""@good.example>`, "!250"),
		mail("a long recipient", "<eve@src.example>", "<"+strings.Repeat("x", 200)+".250@good.example>", "!250"))
}

func TestExim(t *testing.T) {
	for _, selector := range []string{"", "+all"} {
		t.Run("log_selector="+selector, func(t *testing.T) {
			m := newRoot(t, "exim")
			m.write(t, "/etc/exim4/exim4.conf", "log_selector = "+selector+eximConf)
			for _, dir := range []string{"/var/spool/exim4", "/var/log/exim4"} {
				m.mkdir(t, dir, 0o750, 800, 800)
			}
			m.log = m.root + "/var/log/exim4/mainlog"
			nameserver(t)
			m.start(t, "/usr/sbin/exim4", "-bdf")
			attack(t, m, eximSessions(), func(t *testing.T) {
				t.Helper()
				sandbox.Wait(t, "only the daemon runs", func() bool { return m.processes(t) == 1 })
			})
		})
	}
}
