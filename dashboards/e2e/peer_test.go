//go:build e2e

package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/textproto"
	"strings"
	"sync"
	"testing"
)

// A provider is a group of MX hosts in the world.
type provider struct {
	name    string // its domain is NAME.example, its MX mx.NAME.example
	address string
}

var (
	throttling = provider{"throttling", "198.18.0.21"}
	crowded    = provider{"crowded", "198.18.0.22"}
	outOfSpace = provider{"outofspace", "198.18.0.23"}
	providers  = []provider{throttling, crowded, outOfSpace}
)

// A reply is a command and the code that answers it, as in the exporter's labels.
type reply struct{ command, code string }

// A ledger counts the replies on the wire, as one side recorded them.
type ledger struct {
	mu      sync.Mutex
	replies map[reply]int
}

func (l *ledger) add(command, code string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.replies == nil {
		l.replies = map[reply]int{}
	}
	l.replies[reply{command, code}]++
}

func (l *ledger) copy() map[reply]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.replies)
}

// A sink is a provider's MTA. It gives the same answer to every RCPT, and accepts every
// message.
type sink struct {
	ledger
	answer string // to RCPT; guarded by ledger.mu
}

// newSink starts a sink that answers until the end of the test.
func newSink(t *testing.T, p provider) *sink {
	t.Helper()
	s := &sink{answer: "250 2.1.5 Ok"}
	l, err := net.Listen("tcp", p.address+":25")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // closed
			}
			go func() {
				defer conn.Close()
				if err := s.talk(conn, "mx."+p.name+".example"); err != nil && !errors.Is(err, io.EOF) {
					t.Errorf("sink %s: %v", p.name, err)
				}
			}()
		}
	}()
	return s
}

// answerRcpt changes the sink's answer to RCPT.
func (s *sink) answerRcpt(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = text
}

// talk implements the server's side of RFC 5321.
func (s *sink) talk(conn net.Conn, host string) error {
	say := func(command, text string) error {
		s.add(command, text[:3])
		_, err := fmt.Fprintf(conn, "%s\r\n", text)
		return err
	}
	lines := bufio.NewScanner(conn)
	err := say("connect", "220 "+host+" ESMTP")
	for err == nil && lines.Scan() {
		switch verb, _, _ := strings.Cut(strings.ToUpper(lines.Text()), " "); verb {
		case "EHLO":
			err = say("ehlo", "250 "+host)
		case "MAIL":
			err = say("mail", "250 2.1.0 Ok")
		case "RCPT":
			s.mu.Lock()
			answer := s.answer
			s.mu.Unlock()
			err = say("rcpt", answer)
		case "DATA":
			err = say("data", "354 Go ahead")
			for err == nil && lines.Scan() && lines.Text() != "." {
			}
			if err == nil {
				err = say("end_of_data", "250 2.0.0 Ok: queued")
			}
		case "RSET":
			err = say("rset", "250 2.0.0 Ok")
		case "QUIT":
			return say("quit", "221 2.0.0 Bye")
		default:
			err = say("other", "500 5.5.1 What?")
		}
	}
	return errors.Join(err, lines.Err())
}

// A client sends mail to the Postfix on the mail host.
type client struct {
	ledger
	sessions int
}

// send runs one session on a port. It sends a message to the local parts 0 to n-1 at a
// domain, with DATA only if a recipient was accepted. It stops if MAIL is refused.
func (c *client) send(t *testing.T, port, domain string, n int) {
	t.Helper()
	conn, err := textproto.Dial("tcp", mailHost+":"+port)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c.sessions++
	expect := func(command string) (code int) {
		t.Helper()
		code, text, err := conn.ReadResponse(0)
		if err != nil && code == 0 {
			t.Fatalf("reply to %s: %v (%s)", command, err, text)
		}
		c.add(command, fmt.Sprint(code))
		return code
	}
	ask := func(command, format string, args ...any) (code int) {
		t.Helper()
		if err := conn.PrintfLine(format, args...); err != nil {
			t.Fatal(err)
		}
		return expect(command)
	}
	expect("connect")
	ask("ehlo", "EHLO client.example")
	taken := 0
	if ask("mail", "MAIL FROM:<news@client.example>") == 250 {
		for i := range n {
			if ask("rcpt", "RCPT TO:<user%d@%s>", i, domain) == 250 {
				taken++
			}
		}
	}
	if taken > 0 {
		ask("data", "DATA")
		ask("end_of_data", "Subject: 451 4.7.1 and 452 are on sale\r\n\r\nHello.\r\n.")
	}
	ask("quit", "QUIT")
}
