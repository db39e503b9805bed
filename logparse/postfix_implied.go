package logparse

import "bytes"

// A postfixImplied is a line of smtpd(8) that shows no code, while the source
// leaves exactly one (smtpd.c 3.7; smtpd_sasl_glue.c for AUTH).
type postfixImplied struct {
	prefix  string
	reply   []byte // without the names of hosts that Postfix adds
	command Command
	// client is true where the client's name and address follow, maybe after
	// "COUNT from "; false where the client's own words may follow.
	client bool
}

// postfixImpliedBySmtpd are lines that smtpd logs before their reply.
var postfixImpliedBySmtpd = []postfixImplied{
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

// postfixImpliedOfMessage are warnings that begin with a queue id. cleanup(8) logs
// those of EndOfData, faults at writing the queue file (cleanup_out.c), and smtpd
// answers them as cleanup_strerror.c says.
var postfixImpliedOfMessage = []postfixImplied{
	{"queue file size limit exceeded", []byte("552 5.3.4 Error: message file too big"), EndOfData, false},
	{"write queue file: ", []byte("451 4.3.0 Error: queue file write error"), EndOfData, false},
	{"malformed BDAT command syntax from ", []byte("521 5.5.4 Syntax: BDAT count [LAST]"), OtherCommand, true},
	{"null BDAT request from ", []byte("551 5.7.1 Null BDAT request"), OtherCommand, true},
	{"BDAT request from ", []byte("552 5.3.4 Chunk exceeds message size limit"), OtherCommand, true},
}

var (
	// postfixTLSAborted is the reply after a handshake without the certificate that
	// smtpd_tls_req_ccert asks for.
	postfixTLSAborted = postfixImplied{
		"abort: TLS from ", []byte("421 4.7.1 Error: No client certificate presented"), NoCommand, true,
	}
	// postfixLoginAborted is the reply to a client's "*" in AUTH.
	postfixLoginAborted = postfixImplied{"", []byte("501 5.7.0 Authentication aborted"), Auth, true}
	// postfixTooManySessions is sent only where the handshake succeeded.
	postfixTooManySessions = postfixImplied{
		"warning: New TLS session rate limit exceeded: ", []byte("421 4.7.0 Error: too many new TLS sessions"), NoCommand, true,
	}
)

// postfixIllegalAddress are the replies to an address that smtpd cannot read; that
// to VRFY is the same as that to RCPT.
var postfixIllegalAddress = []postfixImplied{
	{" in MAIL command: ", []byte("501 5.1.7 Bad sender address syntax"), Mail, false},
	{" in RCPT command: ", []byte("501 5.1.3 Bad recipient address syntax"), Rcpt, false},
	{" in VRFY command: ", []byte("501 5.1.3 Bad recipient address syntax"), Vrfy, false},
}

// postfixEndsOfSession are lines that smtpd logs after their reply. They name the
// last command before it. A lost connection had no reply.
var postfixEndsOfSession = []postfixImplied{
	{"timeout after ", []byte("421 4.4.2 Error: timeout exceeded"), NoCommand, false},
	{"too many errors after ", []byte("421 4.7.0 Error: too many errors"), NoCommand, false},
	{"lost connection after ", nil, NoCommand, false},
}

const postfixTooManyErrors = 1 // of postfixEndsOfSession

// impliedReply reads the lines of postfixImpliedBySmtpd and their like. It reports
// whether the message is one of them.
func (l *postfix) impliedReply(message []byte) bool {
	if l.impliedBy(postfixImpliedBySmtpd, message) {
		return true
	}
	if !l.session().HandshakeLost && l.implied(&postfixTooManySessions, message) {
		return true
	}
	warning, ok := bytes.CutPrefix(message, []byte("warning: "))
	if !ok {
		return false
	}
	if id, rest := cutPostfixQueueID(warning); id != nil {
		return l.impliedBy(postfixImpliedOfMessage, rest)
	}
	return l.illegalAddress(warning)
}

// impliedBy adds the reply of the first of replies whose line the message is. It
// reports whether there is one.
func (l *postfix) impliedBy(replies []postfixImplied, message []byte) bool {
	for i := range replies {
		if l.implied(&replies[i], message) {
			return true
		}
	}
	return false
}

// implied adds the reply of r if the message is r's line. It reports whether it is.
func (l *postfix) implied(r *postfixImplied, message []byte) bool {
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

// illegalAddress reads what follows "warning: " where smtpd cannot read an address:
//
//	warning: Illegal address syntax from NAME[IP] in RCPT command: ...
func (l *postfix) illegalAddress(warning []byte) bool {
	rest, ok := bytes.CutPrefix(warning, []byte("Illegal address syntax from "))
	if !ok {
		return false
	}
	name, addr, rest, ok := cutHost(rest)
	rest = cutPort(rest)
	for i := range postfixIllegalAddress {
		r := &postfixIllegalAddress[i]
		if ok && bytes.HasPrefix(rest, []byte(r.prefix)) {
			l.emitImplied(r, name, addr)
		}
	}
	return true
}

// event returns the event of the reply, without the client and the command.
func (r *postfixImplied) event() Event {
	e := Event{Direction: Sent, Implied: true, Text: r.reply}
	e.Code, e.Enhanced, _ = ParseReply(r.reply)
	e.Dialogue = e.Code.Class() == 2
	return e
}

// emitImplied adds a reply that comes after its line.
func (l *postfix) emitImplied(r *postfixImplied, name, addr []byte) {
	s := l.session()
	l.noteRefused(s, r.command)
	if addr == nil {
		addr = s.Client.bytes()
	}
	e := r.event()
	e.Command = r.command
	e.Remote, e.Addr = name, addr
	e.Authenticated = s.Authenticated
	e.Repeat = s.announce()
	l.emit(e)
}

// endOfSession reads the last lines of a session, which begin with a queue id or
// NOQUEUE since Postfix 3.10 (smtpd.c, smtpd_proto()):
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
	for i := range postfixEndsOfSession {
		r := &postfixEndsOfSession[i]
		if rest, ok := bytes.CutPrefix(message, []byte(r.prefix)); ok {
			l.sessionEnded(r, rest, i == postfixTooManyErrors)
			return true
		}
	}
	return false
}

// sessionEnded adds the reply of r, whose line goes on with rest.
func (l *postfix) sessionEnded(r *postfixImplied, rest []byte, tooManyErrors bool) {
	where, from, ok := bytes.Cut(rest, []byte(" from "))
	if !ok {
		return
	}
	s := l.session()
	where, size, content := bytes.Cut(where, []byte(" ("))
	if content && string(where) == "DATA" && bytes.HasSuffix(size, []byte(" bytes)")) {
		l.noteRefused(s, EndOfData)
	}
	if r.reply == nil {
		return
	}
	e := r.event()
	e.Remote, e.Addr, _, _ = cutHost(from)
	e.Authenticated = s.Authenticated
	e.Repeat = s.shown()
	if tooManyErrors { // a timeout answers no command
		e.Command = postfixCommandAt(where)
	}
	l.emit(e)
}

// saslFailed reads a failed login, which smtpd answers with 535 or 454, and one
// that the client gives up, which smtpd answers with 501 (smtpd_sasl_glue.c):
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
	_, verdict, _ := bytes.Cut(rest, []byte(" authentication "))
	switch {
	case string(verdict) == "aborted":
		l.emitImplied(&postfixLoginAborted, name, addr)
	case bytes.Contains(rest, []byte(" authentication failed")): // the name of a mechanism can hold anything
		s := l.session()
		l.noteExplained(s, Auth)
		if !s.shown() {
			l.emit(Event{Kind: Refusal, Direction: Sent, Command: Auth, Remote: name, Addr: addr})
		}
	}
}
