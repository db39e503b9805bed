package logparse

import "bytes"

// An impliedReply is a line of smtpd(8) that shows no code, while the source
// leaves exactly one (smtpd.c 3.7; smtpd_sasl_glue.c for AUTH).
type impliedReply struct {
	prefix  string
	reply   []byte // without the names of hosts that Postfix adds
	command Command
	// client is true where the client's name and address follow, maybe after
	// "COUNT from ". Elsewhere the client's own words do.
	client bool
}

// impliedBySmtpd are lines that stand before their reply.
var impliedBySmtpd = []impliedReply{
	{"warning: Connection concurrency limit exceeded: ", []byte("421 4.7.0 Error: too many connections"), Connect, true},
	{"warning: Connection rate limit exceeded: ", []byte("421 4.7.0 Error: too many connections"), Connect, true},
	{"warning: Message delivery request rate limit exceeded: ", []byte("450 4.7.1 Error: too much mail"), Mail, true},
	{"warning: Recipient address rate limit exceeded: ", []byte("450 4.7.1 Error: too many recipients"), Rcpt, true},
	{"warning: AUTH command rate limit exceeded: ", []byte("450 4.7.1 Error: too many AUTH commands"), Auth, true},
	{"warning: Refusing STARTTLS request from ", []byte("454 4.7.0 Error: too many new TLS sessions"), StartTLS, true},
	{"warning: non-SMTP command from ", []byte("221 2.7.0 Error: I can break rules, too. Goodbye."), OtherCommand, true},
	{"warning: reject: ETRN ", []byte("459 service unavailable"), Etrn, false},
	{"warning: bad ETRN ", []byte("458 Unable to queue messages"), Etrn, false},
	{"warning: unable to talk to fast flush service", []byte("458 Unable to queue messages"), Etrn, false},
	{"warning: haproxy read: ", []byte("421 4.3.0 Server local error"), Connect, false}, // smtpd_haproxy.c
}

// impliedOfMessage are warnings that begin with a queue id. Those of cleanup(8),
// faults at writing the queue file (cleanup_out.c), smtpd answers as
// cleanup_strerror.c says.
var impliedOfMessage = []impliedReply{
	{"queue file size limit exceeded", []byte("552 5.3.4 Error: message file too big"), EndOfData, false},
	{"write queue file: ", []byte("451 4.3.0 Error: queue file write error"), EndOfData, false},
	{"malformed BDAT command syntax from ", []byte("521 5.5.4 Syntax: BDAT count [LAST]"), OtherCommand, true},
	{"null BDAT request from ", []byte("551 5.7.1 Null BDAT request"), OtherCommand, true},
	{"BDAT request from ", []byte("552 5.3.4 Chunk exceeds message size limit"), OtherCommand, true},
}

// tlsAborted is the reply after a handshake without the certificate that
// smtpd_tls_req_ccert asks for, loginAborted that to a client's "*" in AUTH.
// tooManySessions is sent only where the handshake succeeded.
var (
	tlsAborted      = impliedReply{"abort: TLS from ", []byte("421 4.7.1 Error: No client certificate presented"), NoCommand, true}
	loginAborted    = impliedReply{"", []byte("501 5.7.0 Authentication aborted"), Auth, true}
	tooManySessions = impliedReply{
		"warning: New TLS session rate limit exceeded: ", []byte("421 4.7.0 Error: too many new TLS sessions"), NoCommand, true,
	}
)

// illegalAddress is the reply to an address that smtpd cannot read; VRFY has
// the same as RCPT.
var illegalAddress = []impliedReply{
	{" in MAIL command: ", []byte("501 5.1.7 Bad sender address syntax"), Mail, false},
	{" in RCPT command: ", []byte("501 5.1.3 Bad recipient address syntax"), Rcpt, false},
	{" in VRFY command: ", []byte("501 5.1.3 Bad recipient address syntax"), Vrfy, false},
}

// endsOfSession stand after their reply, with the last command before it; a
// lost connection had none.
var endsOfSession = []impliedReply{
	{"timeout after ", []byte("421 4.4.2 Error: timeout exceeded"), NoCommand, false},
	{"too many errors after ", []byte("421 4.7.0 Error: too many errors"), NoCommand, false},
	{"lost connection after ", nil, NoCommand, false},
}

const tooManyErrors = 1 // of endsOfSession

// impliedReply reads the lines of impliedBySmtpd and their like.
func (l *postfix) impliedReply(message []byte) bool {
	for i := range impliedBySmtpd {
		if l.implied(&impliedBySmtpd[i], message) {
			return true
		}
	}
	if !l.session().HandshakeLost && l.implied(&tooManySessions, message) {
		return true
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
func (l *postfix) implied(r *impliedReply, message []byte) bool {
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

// event returns the reply as an event that lacks its surroundings.
func (r *impliedReply) event() Event {
	e := Event{Direction: Sent, Implied: true, Text: r.reply}
	e.Code, e.Enhanced, _ = ParseReply(r.reply)
	e.Dialogue = e.Code.Class() == 2
	return e
}

// emitImplied adds a reply that comes after its line.
func (l *postfix) emitImplied(r *impliedReply, name, addr []byte) {
	s := l.session()
	l.refuse(s, r.command)
	if addr == nil {
		addr = s.address()
	}
	e := r.event()
	e.Command, e.Remote, e.Addr, e.Authenticated, e.Repeat = r.command, name, addr, s.Authenticated, s.shownNext()
	l.emit(e)
}

// endOfSession reads the last lines of a session:
//
//	timeout after DATA (0 bytes) from NAME[IP]
//	too many errors after RCPT from NAME[IP]
//	lost connection after STARTTLS from NAME[IP]
//	SSL_accept error from NAME[IP]: -1
func (l *postfix) endOfSession(message []byte) bool {
	if bytes.HasPrefix(message, []byte("SSL_accept error from ")) || bytes.HasPrefix(message, []byte("SSL_accept:")) {
		l.session().HandshakeLost = true
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
			l.refuse(l.session(), EndOfData)
		}
		if r.reply == nil {
			return true
		}
		s := l.session()
		e := r.event()
		e.Remote, e.Addr, _, _ = cutHost(from)
		e.Authenticated, e.Repeat = s.Authenticated, s.shown()
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
func (l *postfix) saslFailed(rest []byte) {
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
			l.emit(Event{Kind: Refusal, Direction: Sent, Command: Auth, Remote: name, Addr: addr})
		}
	}
}
