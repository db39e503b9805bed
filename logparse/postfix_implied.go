package logparse

import "bytes"

// An impliedReply is a line of smtpd(8) that shows no code, while the source
// leaves exactly one.
type impliedReply struct {
	prefix   string
	code     Code
	enhanced EnhancedCode
	command  Command
}

// impliedBySmtpd are the lines that stand before their reply (smtpd.c 3.7;
// smtpd_sasl_glue.c for AUTH, smtpd_haproxy.c for the proxy protocol). All name
// the client after " from " or at their start, but the last one.
var impliedBySmtpd = []impliedReply{
	{"warning: Connection concurrency limit exceeded: ", 421, EnhancedCode{4, 7, 0}, Connect},
	{"warning: Connection rate limit exceeded: ", 421, EnhancedCode{4, 7, 0}, Connect},
	{"warning: Message delivery request rate limit exceeded: ", 450, EnhancedCode{4, 7, 1}, Mail},
	{"warning: Recipient address rate limit exceeded: ", 450, EnhancedCode{4, 7, 1}, Rcpt},
	{"warning: AUTH command rate limit exceeded: ", 450, EnhancedCode{4, 7, 1}, Auth},
	{"warning: Refusing STARTTLS request from ", 454, EnhancedCode{4, 7, 0}, StartTLS},
	{"warning: non-SMTP command from ", 221, EnhancedCode{2, 7, 0}, OtherCommand},
	{"NOQUEUE: abort: TLS from ", 421, EnhancedCode{4, 7, 1}, StartTLS},
	{"warning: haproxy read: ", 421, EnhancedCode{4, 3, 0}, Connect},
}

// illegalAddress is the reply to an address that smtpd cannot read; VRFY has
// the same as RCPT.
var illegalAddress = []impliedReply{
	{" in MAIL command: ", 501, EnhancedCode{5, 1, 7}, Mail},
	{" in RCPT command: ", 501, EnhancedCode{5, 1, 3}, Rcpt},
	{" in VRFY command: ", 501, EnhancedCode{5, 1, 3}, Vrfy},
}

// endsOfSession stand after their reply, with the command before them.
var endsOfSession = []impliedReply{
	{"timeout after ", 421, EnhancedCode{4, 4, 2}, NoCommand},
	{"too many errors after ", 421, EnhancedCode{4, 7, 0}, NoCommand},
	{"lost connection after ", 0, EnhancedCode{}, NoCommand},
}

// impliedReply reads the lines of impliedBySmtpd and their like.
func (l *postfixLine) impliedReply(message []byte) bool {
	for i := range impliedBySmtpd {
		r := &impliedBySmtpd[i]
		rest, ok := bytes.CutPrefix(message, []byte(r.prefix))
		if !ok {
			continue
		}
		if i := bytes.Index(rest, []byte(" from ")); i >= 0 && i < len("4294967295") {
			rest = rest[i+len(" from "):] // after the count
		}
		name, addr, _, _ := cutHost(rest)
		l.emitImplied(r, r.command, name, addr)
		return true
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
			l.emitImplied(r, r.command, name, addr)
		}
	}
	return true
}

// emitImplied adds a reply that comes after its line.
func (l *postfixLine) emitImplied(r *impliedReply, command Command, name, addr []byte) {
	s := l.session()
	s.explain(command)
	if addr == nil {
		addr = s.address()
	}
	l.emit(Event{
		Direction: Sent, Count: 1, Implied: true, Code: r.code, Enhanced: r.enhanced, Command: command,
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
			s.dataLost++
			s.explain(Data)
		}
		if r.code == 0 {
			return true
		}
		name, addr, _, _ := cutHost(from)
		s := l.session()
		e := Event{
			Direction: Sent, Count: 1, Implied: true, Code: r.code, Enhanced: r.enhanced, Command: commandAt(where),
			Remote: name, Addr: addr, Authenticated: s.authenticated, Repeat: s.shown(),
		}
		if content {
			e.Command = EndOfData
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
		l.emitImplied(&impliedReply{"", 501, EnhancedCode{5, 7, 0}, Auth}, Auth, name, addr)
	case bytes.HasPrefix(rest, []byte("failed")):
		s := l.session()
		s.explain(Auth)
		if !s.shown() {
			l.emit(Event{Kind: Refusal, Direction: Sent, Count: 1, Command: Auth, Remote: name, Addr: addr})
		}
	}
}
