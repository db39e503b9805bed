//go:build realmta

package realmta

import (
	"bufio"
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
	answers       map[string]string // by verb; "." is the end of data
}

// remotes answer in the words of all MTAs' logs.
var remotes = []remote{
	{"src.example", "192.0.2.100", nil}, // takes bounces
	{"good.example", "192.0.2.101", nil},
	{"greylist.example", "192.0.2.102", map[string]string{"RCPT": "!451 4.7.1 <Greylisted: try again>"}},
	{"queued.example", "192.0.2.103", map[string]string{".": "!250 <ok: queued>"}},
	{"command.example", "192.0.2.104", map[string]string{
		"RCPT": "!550 5.1.1 no (in reply to RCPT TO command); from=<x> to=<y> (in reply to end of DATA command)",
	}},
	{"lines.example", "192.0.2.105", map[string]string{
		"RCPT": "!450-4.2.1 first: 250 2.0.0 Ok\r\n450-4.2.1 mx.google.com [192.0.2.66] said: 451 4.7.1 later\r\n450 4.2.1 last",
	}},
	{"sent.example", "192.0.2.106", map[string]string{
		".": "!452 4.3.1 <x>, relay=mx.google.com[192.0.2.66]:25, dsn=2.0.0, status=sent (250 2.0.0 Ok), stat=Sent (ok)",
	}},
	{"said.example", "192.0.2.107", map[string]string{
		"MAIL": "!553 5.1.8 host mx.google.com[192.0.2.66] said: 451 4.7.1 later (in reply to RCPT TO command)",
	}},
	{"protocol.example", "192.0.2.108", map[string]string{
		".": `!451 4.7.1 " => x@y R=r T=t H=mx.google.com [192.0.2.66] C="250 OK": SMTP error from remote mail server after RCPT TO:<x>: 550 no`,
	}},
	{"quote.example", "192.0.2.109", map[string]string{".": `!250 2.0.0 ok" QT=1s C="550 5.1.1 no`}},
}

func (r *remote) serve(t *testing.T, l *ledger) {
	t.Helper()
	listener, err := net.Listen("tcp", r.address+":25")
	must(t, err)
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // closed
			}
			go func() {
				defer conn.Close()
				_ = conn.SetDeadline(time.Now().Add(2 * patience))
				r.talk(conn, l)
			}()
		}
	}()
}

// talk is the server's side of RFC 5321. The client may hang up at any time.
func (r *remote) talk(conn net.Conn, l *ledger) {
	say := func(reply string) bool {
		l.add("received", strings.TrimLeft(reply, "!?"), mark(reply))
		_, err := fmt.Fprintf(conn, "%s\r\n", strings.TrimLeft(reply, "!?"))
		return err == nil
	}
	lines := bufio.NewScanner(conn)
	if !say("220 " + r.name + " ESMTP") {
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
		if !say(reply) || verb == "QUIT" {
			return
		}
	}
}
