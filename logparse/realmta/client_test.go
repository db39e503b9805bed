//go:build realmta

package realmta

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/textproto"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	mtaName, mtaAddress       = "mx.dest.example", "192.0.2.1"
	clientName, clientAddress = "mail.src.example", "192.0.2.7"
	patience                  = 30 * time.Second // with each side of a session
)

// A step is what the client says and the code that the MTA answers, with a mark if the
// log shows that reply: ! with its code, ? as a refusal without code, ~ as either, where
// the line can be read in two ways. The client that wants nothing hangs up.
type step struct{ say, want string }

// A session is a client's, from EHLO on; the greeting 220 and QUIT are its own.
type session struct {
	name     string
	port     string // 25 where empty
	steps    []step
	greeting string   // what is wanted in place of 220
	early    string   // what the client says before the greeting
	reasons  []string // one of which all refusals have to have; not tested where empty
	// ambiguous is true where the log can be read in two ways: a line need not be understood.
	ambiguous bool
	// certificate is the name in the client's certificate, after STARTTLS.
	certificate string
}

// mail is a session that sends a message to one recipient.
func mail(name, from, to, eod string) session {
	return session{name: name, steps: []step{
		{"EHLO x.example", "250"},
		{"MAIL FROM:" + from, "250"},
		{"RCPT TO:" + to, "250"},
		{"DATA", "354"},
		{"Subject: hello\r\n\r\nHello.\r\n.", eod},
	}}
}

func dial(port string) (net.Conn, error) {
	d := net.Dialer{Timeout: patience, LocalAddr: &net.TCPAddr{IP: net.ParseIP(clientAddress)}}
	return d.Dial("tcp", net.JoinHostPort(mtaAddress, port))
}

// play plays the session and writes down each reply.
func (s *session) play(t *testing.T, m *mta, l *ledger) {
	t.Helper()
	port := s.port
	if port == "" {
		port = "25"
	}
	if s.early != "" { // the daemon must find it when it accepts the connection
		must(t, syscall.Kill(m.pid, syscall.SIGSTOP))
	}
	conn, err := dial(port)
	must(t, err)
	defer conn.Close()
	must(t, conn.SetDeadline(time.Now().Add(2*patience)))
	text := textproto.NewConn(conn)
	expect := func(say, want string) bool {
		t.Helper()
		code, words, err := text.ReadResponse(0)
		if err != nil && code == 0 {
			t.Errorf("reply to %.80q: %v", say, err)
			return false
		}
		l.add("sent", fmt.Sprint(code, " ", words), mark(want))
		if got := fmt.Sprint(code); got != strings.TrimLeft(want, marks) {
			t.Errorf("reply to %.80q: %d %s, want %s", say, code, words, want)
			return false
		}
		return true
	}
	_, err = conn.Write([]byte(s.early))
	must(t, err)
	must(t, syscall.Kill(m.pid, syscall.SIGCONT))
	if s.greeting != "" {
		expect("", s.greeting)
		return
	}
	if !expect("", "220") {
		return
	}
	for _, step := range append(s.steps, step{"QUIT", "221"}) {
		if step.want == "" {
			return
		}
		if _, err := conn.Write([]byte(step.say + "\r\n")); err != nil {
			t.Errorf("say %.80q: %v", step.say, err)
			return
		}
		if !expect(step.say, step.want) || s.last(step) {
			return // the server hangs up
		}
		if step.say == "STARTTLS" {
			own := certificate(t, s.certificate)
			secure := tls.Client(conn, &tls.Config{
				InsecureSkipVerify: true,
				// Whatever authorities the server would trust.
				GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &own, nil },
			})
			must(t, secure.Handshake())
			conn, text = secure, textproto.NewConn(secure)
		}
	}
}

// last reports whether the server hangs up after its answer.
func (s *session) last(x step) bool {
	return x.want == "!421" || x.want == "!221" || s.port == "" && x.want == "!554"
}
