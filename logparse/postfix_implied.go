package logparse

import "bytes"

// An impliedReply is a line of smtpd(8) that shows no code, while the source
// leaves exactly one (smtpd.c 3.7; smtpd_sasl_glue.c for AUTH).
type impliedReply struct {
	prefix   string
	code     Code
	enhanced EnhancedCode
	command  Command
	// client is true where the client's name and address follow, maybe after
	// "COUNT from ". Elsewhere the client's own words do.
	client bool
}

// impliedBySmtpd are lines that stand before their reply.
var impliedBySmtpd = []impliedReply{
	{"warning: Connection concurrency limit exceeded: ", 421, EnhancedCode{4, 7, 0}, Connect, true},
	{"warning: Connection rate limit exceeded: ", 421, EnhancedCode{4, 7, 0}, Connect, true},
	{"warning: Message delivery request rate limit exceeded: ", 450, EnhancedCode{4, 7, 1}, Mail, true},
	{"warning: Recipient address rate limit exceeded: ", 450, EnhancedCode{4, 7, 1}, Rcpt, true},
	{"warning: AUTH command rate limit exceeded: ", 450, EnhancedCode{4, 7, 1}, Auth, true},
	{"warning: Refusing STARTTLS request from ", 454, EnhancedCode{4, 7, 0}, StartTLS, true},
	{"warning: non-SMTP command from ", 221, EnhancedCode{2, 7, 0}, OtherCommand, true},
	{"warning: reject: ETRN ", 459, EnhancedCode{}, Etrn, false},
	{"warning: bad ETRN ", 458, EnhancedCode{}, Etrn, false},
	{"warning: unable to talk to fast flush service", 458, EnhancedCode{}, Etrn, false},
	// smtpd_haproxy.c; smtpd hangs up with "421 4.3.0 ... Server local error".
	{"warning: haproxy read: ", 421, EnhancedCode{4, 3, 0}, Connect, false},
}

// impliedOfMessage are warnings that begin with a queue id. Those of cleanup(8),
// faults at writing the queue file (cleanup_out.c), smtpd answers as
// cleanup_strerror.c says.
var impliedOfMessage = []impliedReply{
	{"queue file size limit exceeded", 552, EnhancedCode{5, 3, 4}, EndOfData, false},
	{"write queue file: ", 451, EnhancedCode{4, 3, 0}, EndOfData, false},
	{"malformed BDAT command syntax from ", 521, EnhancedCode{5, 5, 4}, OtherCommand, true},
	{"null BDAT request from ", 551, EnhancedCode{5, 7, 1}, OtherCommand, true},
	{"BDAT request from ", 552, EnhancedCode{5, 3, 4}, OtherCommand, true},
}

// tlsAborted is the reply after a handshake without the certificate that
// smtpd_tls_req_ccert asks for.
var tlsAborted = impliedReply{"abort: TLS from ", 421, EnhancedCode{4, 7, 1}, NoCommand, true}

var loginAborted = impliedReply{"", 501, EnhancedCode{5, 7, 0}, Auth, true}

// illegalAddress is the reply to an address that smtpd cannot read; VRFY has
// the same as RCPT.
var illegalAddress = []impliedReply{
	{" in MAIL command: ", 501, EnhancedCode{5, 1, 7}, Mail, false},
	{" in RCPT command: ", 501, EnhancedCode{5, 1, 3}, Rcpt, false},
	{" in VRFY command: ", 501, EnhancedCode{5, 1, 3}, Vrfy, false},
}

// endsOfSession stand after their reply, with the last command before it.
const tooManyErrors = 1

var endsOfSession = []impliedReply{
	{"timeout after ", 421, EnhancedCode{4, 4, 2}, NoCommand, false},
	{"too many errors after ", 421, EnhancedCode{4, 7, 0}, NoCommand, false},
	{"lost connection after ", 0, EnhancedCode{}, NoCommand, false},
}

// impliedReply reads the lines of impliedBySmtpd and their like.
func (l *postfixLine) impliedReply(message []byte) bool {
	for i := range impliedBySmtpd {
		if l.implied(&impliedBySmtpd[i], message) {
			return true
		}
	}
	if rest, ok := bytes.CutPrefix(message, []byte("warning: ")); ok {
		if id, rest := cutQueueID(rest); id != nil {
			for i := range impliedOfMessage {
				if l.implied(&impliedOfMessage[i], rest) {
					return true
				}
			}
			return false
		}
	}
	rest, ok := bytes.CutPrefix(message, []byte("warning: Illegal address syntax from "))
	if !ok {
		return false
	}
	name, addr, rest, ok := cutHost(rest)
	rest = cutPort(rest)
	for i := range illegalAddress {
		r := &illegalAddress[i]
		if ok && bytes.HasPrefix(rest, []byte(r.prefix)) {
			l.emitImplied(r, name, addr)
		}
	}
	return true
}

// implied adds the reply of r if the message is r's line.
func (l *postfixLine) implied(r *impliedReply, message []byte) bool {
	rest, ok := bytes.CutPrefix(message, []byte(r.prefix))
	if !ok {
		return false
	}
	var name, addr []byte
	if r.client {
		if n, from := cutNumber(rest); n >= 0 {
			if from, ok := bytes.CutPrefix(from, []byte(" from ")); ok {
				rest = from
			}
		}
		name, addr, _, _ = cutHost(rest)
	}
	l.emitImplied(r, name, addr)
	return true
}

// emitImplied adds a reply that comes after its line.
func (l *postfixLine) emitImplied(r *impliedReply, name, addr []byte) {
	s := l.session()
	l.explain(s, r.command)
	if r.command == EndOfData {
		s.dataLost += uint32(l.count)
	}
	if addr == nil {
		addr = s.address()
	}
	l.emit(Event{
		Direction: Sent, Count: 1, Implied: true, Code: r.code, Enhanced: r.enhanced, Command: r.command,
		Remote: name, Addr: addr, Authenticated: s.authenticated, Dialogue: r.code.Class() == 2, Repeat: s.shownNext(),
	})
}

// endOfSession reads the last lines of a session:
//
//	timeout after DATA (0 bytes) from NAME[IP]
//	too many errors after RCPT from NAME[IP]
//	lost connection after STARTTLS from NAME[IP]
//	SSL_accept error from NAME[IP]: -1
func (l *postfixLine) endOfSession(message []byte) bool {
	if bytes.HasPrefix(message, []byte("SSL_accept error from ")) || bytes.HasPrefix(message, []byte("SSL_accept:")) {
		l.session().handshakeLost = true
		return true
	}
	for i := range endsOfSession {
		r := &endsOfSession[i]
		rest, ok := bytes.CutPrefix(message, []byte(r.prefix))
		if !ok {
			continue
		}
		where, from, ok := bytes.Cut(rest, []byte(" from "))
		if !ok {
			return true
		}
		where, size, content := bytes.Cut(where, []byte(" ("))
		if content = content && bytes.HasSuffix(size, []byte(" bytes)")); content && string(where) == "DATA" {
			s := l.session()
			s.dataLost += uint32(l.count)
			l.explain(s, Data)
		}
		if r.code == 0 {
			return true
		}
		name, addr, _, _ := cutHost(from)
		s := l.session()
		e := Event{
			Direction: Sent, Count: 1, Implied: true, Code: r.code, Enhanced: r.enhanced,
			Remote: name, Addr: addr, Authenticated: s.authenticated, Repeat: s.shown(),
		}
		if r == &endsOfSession[tooManyErrors] {
			e.Command = commandAt(where) // a timeout answers none
		}
		l.emit(e)
		return true
	}
	return false
}

// saslFailed reads a failed login, which was answered 535 or 454, and one that
// the client gave up, which was answered 501 (smtpd_sasl_glue.c):
//
//	warning: NAME[IP]: SASL LOGIN authentication failed: ...
//	warning: NAME[IP]: SASL LOGIN authentication aborted
func (l *postfixLine) saslFailed(rest []byte) {
	name, addr, rest, ok := cutHost(rest)
	if !ok {
		return
	}
	rest, ok = bytes.CutPrefix(cutPort(rest), []byte(": SASL "))
	if !ok {
		return
	}
	_, rest, ok = bytes.Cut(rest, []byte(" authentication "))
	switch {
	case !ok:
	case bytes.HasPrefix(rest, []byte("aborted")):
		l.emitImplied(&loginAborted, name, addr)
	case bytes.HasPrefix(rest, []byte("failed")):
		s := l.session()
		l.explain(s, Auth)
		if !s.shown() {
			l.emit(Event{Kind: Refusal, Direction: Sent, Count: 1, Command: Auth, Remote: name, Addr: addr})
		}
	}
}
