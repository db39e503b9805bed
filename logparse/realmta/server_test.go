//go:build realmta

package realmta

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// A remote is another server, with what it answers in place of 250. Replies that the MTAs'
// logs show begin with a mark, as those of a step.
type remote struct {
	name, address string
	answers       map[string]string // by verb; "" is the connection, "." the end of data
	certificate   string            // its name in the certificate; without, there is no STARTTLS
}

// remotes answer in the words of all MTAs' logs.
var remotes = []remote{
	{name: "src.example", address: "192.0.2.100"}, // takes bounces
	{name: "good.example", address: "192.0.2.101"},
	{name: "greylist.example", address: "192.0.2.102", answers: map[string]string{"RCPT": "!451 4.7.1 <Greylisted: try again>"}},
	{name: "queued.example", address: "192.0.2.103", answers: map[string]string{".": "!250 <ok: queued>"}},
	{name: "command.example", address: "192.0.2.104", answers: map[string]string{
		"RCPT": "!550 5.1.1 no (in reply to RCPT TO command); from=<x> to=<y> (in reply to end of DATA command)",
	}},
	{name: "lines.example", address: "192.0.2.105", answers: map[string]string{
		"RCPT": "!450-4.2.1 first: 250 2.0.0 Ok\r\n450-4.2.1 mx.google.com [192.0.2.66] said: 451 4.7.1 later\r\n450 4.2.1 last",
	}},
	{name: "sent.example", address: "192.0.2.106", answers: map[string]string{
		".": "!452 4.3.1 <x>, relay=mx.google.com[192.0.2.66]:25, dsn=2.0.0, status=sent (250 2.0.0 Ok), stat=Sent (ok)",
	}},
	{name: "said.example", address: "192.0.2.107", answers: map[string]string{
		"MAIL": "!553 5.1.8 host mx.google.com[192.0.2.66] said: 451 4.7.1 later (in reply to RCPT TO command)",
	}},
	{name: "protocol.example", address: "192.0.2.108", answers: map[string]string{
		".": `!451 4.7.1 " => x@y R=r T=t H=mx.google.com [192.0.2.66] C="250 OK": SMTP error from remote mail server after RCPT TO:<x>: 550 no`,
	}},
	{name: "quote.example", address: "192.0.2.109", answers: map[string]string{".": `!250 2.0.0 ok" QT=1s C="550 5.1.1 no`}},
	{name: "refuses.example", address: "192.0.2.111", answers: map[string]string{
		"": `!554 5.7.1 <x> refused to talk to me: 250 ok; host mx.google.com[192.0.2.66] said: 421 4.7.0 no (in reply to RCPT TO command)`,
	}},
	{name: "closes.example", address: "192.0.2.112", answers: map[string]string{
		"MAIL": `!421 4.3.2 <x>: mx.google.com [192.0.2.66]: SMTP error from remote mail server after end of data: 250 ok" C="250 ok" stat=Sent (ok)`,
	}},
	{
		name: "tls.example", address: "192.0.2.110", answers: map[string]string{"EHLO": "250-tls.example\r\n250 STARTTLS", "STARTTLS": "220 go on"},
		certificate: `x" C="550 5.1.1 no" H=mx.google.com [192.0.2.66] <x>: SMTP error from remote mail server after RCPT TO:<x>: 421 no`,
	},
}

func (r *remote) serve(t *testing.T, l *ledger) {
	t.Helper()
	listener, err := net.Listen("tcp", r.address+":25")
	must(t, err)
	t.Cleanup(func() { listener.Close() })
	config := &tls.Config{Certificates: []tls.Certificate{certificate(t, r.certificate)}}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // closed
			}
			go func() {
				defer conn.Close()
				_ = conn.SetDeadline(time.Now().Add(2 * patience))
				r.talk(conn, config, l)
			}()
		}
	}()
}

// talk is the server's side of RFC 5321. The client may hang up at any time.
func (r *remote) talk(conn net.Conn, config *tls.Config, l *ledger) {
	say := func(reply string) bool {
		l.add("received", strings.TrimLeft(reply, marks), mark(reply))
		_, err := fmt.Fprintf(conn, "%s\r\n", strings.TrimLeft(reply, marks))
		return err == nil
	}
	lines := bufio.NewScanner(conn)
	greeting := "220 " + r.name + " ESMTP"
	if answer := r.answers[""]; answer != "" {
		greeting = answer
	}
	if !say(greeting) {
		return
	}
	for lines.Scan() {
		verb, _, _ := strings.Cut(strings.ToUpper(lines.Text()), " ")
		if verb == "DATA" {
			if !say("354 go on") {
				return
			}
			for lines.Scan() && lines.Text() != "." {
			}
			verb = "."
		}
		reply := map[string]string{"EHLO": "250 " + r.name, "QUIT": "221 bye", ".": "!250 2.0.0 Ok"}[verb]
		if reply == "" {
			reply = "250 2.0.0 Ok"
		}
		if answer := r.answers[verb]; answer != "" {
			reply = answer
		}
		if !say(reply) || verb == "QUIT" || strings.HasPrefix(reply, "!421") {
			return
		}
		if verb == "STARTTLS" {
			conn = tls.Server(conn, config)
			lines = bufio.NewScanner(conn)
		}
	}
}
