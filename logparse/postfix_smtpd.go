package logparse

import "bytes"

// server reads the lines of smtpd(8).
func (l *postfix) server(message []byte) {
	if isPostfixTranscript(message) {
		l.serverTranscript(message)
		return
	}
	early := l.takeEarly()
	if rest, ok := bytes.CutPrefix(message, []byte("connect from ")); ok {
		s := l.session()
		*s = postfixSession{}
		if _, addr, _, ok := cutHost(rest); ok {
			s.Client.set(addr)
		}
		return
	}
	if rest, ok := bytes.CutPrefix(message, []byte("disconnect from ")); ok {
		l.disconnect(rest, early)
		return
	}
	if id, rest := cutPostfixQueueID(message); id != nil {
		l.serverMessage(id, rest)
		return
	}
	if rest, ok := bytes.CutPrefix(message, []byte("proxy-")); ok {
		l.proxyAnswer(rest)
		return
	}
	if rest, ok := bytes.CutPrefix(message, []byte("warning: proxy ")); ok {
		l.proxyRejected(rest)
		return
	}
	if l.endOfSession(message) || l.impliedReply(message) || l.noteEarly(message) {
		return
	}
	if rest, ok := bytes.CutPrefix(message, []byte("warning: ")); ok {
		l.saslFailed(rest)
	}
}

// serverMessage reads the lines that begin with a queue id:
//
//	QID: client=NAME[IP][, sasl_method=...][, sasl_username=...]
//	QID: reject: RCPT from NAME[IP]: REPLY; from=<...> to=<...> proto=ESMTP helo=<...>
func (l *postfix) serverMessage(id, rest []byte) {
	if client, ok := bytes.CutPrefix(rest, []byte("client=")); ok {
		l.messageBegun(id, client)
		return
	}
	if l.implied(&postfixTLSAborted, rest) || l.endOfSession(rest) {
		return
	}
	// Holds, warnings and filters are no reply.
	if refusal, ok := bytes.CutPrefix(rest, []byte("reject: ")); ok {
		l.rejected(id, refusal, false)
	} else if refusal, ok := bytes.CutPrefix(rest, []byte("milter-reject: ")); ok {
		l.rejected(id, refusal, true)
	}
}

// messageBegun notes the session from which a message comes.
func (l *postfix) messageBegun(id, client []byte) {
	_, _, rest, ok := cutHost(client)
	if !ok {
		return
	}
	*l.messages.put(l.messageKey(id)) = l.process
	s := l.session()
	s.Queued += uint32(l.count)
	// A client can give a sasl_sender without a login (smtpd_sasl_mail_opt()).
	rest = cutPort(rest)
	if bytes.HasPrefix(rest, []byte(", sasl_method=")) || bytes.HasPrefix(rest, []byte(", sasl_username=")) {
		s.Authenticated = true
	}
}

// rejected reads a refusal by smtpd itself, or by a milter.
func (l *postfix) rejected(id, refusal []byte, milter bool) {
	where, name, addr, rest, ok := cutPostfixClient(refusal)
	text, found := bytes.CutPrefix(cutPort(rest), []byte(": "))
	if !ok || !found {
		l.notUnderstood(shapePostfixReject)
		return
	}
	s := l.session()
	e := Event{
		Direction: Sent, QueueID: postfixQueueID(id), Remote: name, Addr: addr, Command: postfixCommandAt(where),
	}
	context, ok := l.refusal(&e, text)
	e.Authenticated = s.Authenticated || context.user || l.submitted(&e, &context)
	atConnect := milter && e.Code != 421 && e.Command == Connect
	switch {
	case !ok:
		// "bare <LF> received": the code is smtpd_forbid_bare_newline_reject_code.
		e.Kind = Refusal
		l.noteRefused(s, e.Command)
		if s.shown() {
			return
		}
	case atConnect && e.Code.Class() == 5:
		// The greeting is "554 ... ESMTP not accepting connections" then.
		e.Implied = e.Code != 554
		e.Code, e.Enhanced = 554, EnhancedCode{}
		l.noteRefused(s, Connect)
		s.Announced = true
	case milter && e.Code == 421 && e.Command == Connect:
		// The greeting is "421 HOST Service unavailable - try again later".
		e.Enhanced = EnhancedCode{}
		l.noteRefused(s, Connect)
		s.Announced = true
	case atConnect, milter && e.Code != 421 && e.Command == Ehlo:
		// Sent later, to MAIL, and logged then (smtpd.c, helo_cmd()).
		e.Repeat, e.Command = true, Mail
	default:
		l.noteRefused(s, e.Command)
		s.Announced = true
	}
	l.emit(e)
}

// cutPostfixClient reads "WHERE from NAME[IP]".
func cutPostfixClient(b []byte) (where, name, addr, rest []byte, ok bool) {
	where, rest, ok = bytes.Cut(b, []byte(" from "))
	if !ok {
		return nil, nil, nil, nil, false
	}
	name, addr, rest, ok = cutHost(rest)
	return where, name, addr, rest, ok
}

// postfixCommandAt reads SMTPD_STATE.where (smtpd/smtpd.h): the command, or what
// followed it.
func postfixCommandAt(where []byte) Command {
	switch string(where) {
	case "CONNECT":
		return Connect
	case "END-OF-MESSAGE", "DATA content", "BDAT content", "BDAT":
		return EndOfData
	}
	return commandOf(where)
}

// submitted reports whether a refusal must have been to a user who had logged in.
// Postfix shows a login only with the first message that it takes. But a submission
// service takes recipients from no one else (RFC 6409 §4.3): it refuses strangers
// as clients or with "Access denied" and "Relay access denied".
func (l *postfix) submitted(e *Event, c *postfixContext) bool {
	if e.Command != Rcpt || !c.certain || l.mayBeCut() {
		return false
	}
	service := bytes.TrimSuffix(l.env.Program, []byte("/smtpd"))
	service = service[bytes.LastIndexByte(service, '/')+1:]
	switch string(service) {
	case "submission", "submissions", "smtps":
	default:
		return false
	}
	_, text, ok := bytes.Cut(e.Text, []byte("<"))
	if !ok {
		return false
	}
	cut := len(e.Text) == postfixLongestText
	n := lenOfPostfixAddress(text, c.recipient, cut)
	if n == 0 || n < lenOfPostfixAddress(text, c.sender, cut) {
		return false // it is the sender that the text is about
	}
	rest, recipient := bytes.CutPrefix(text[n:], []byte(">: Recipient address rejected: "))
	return recipient && !bytes.HasPrefix(rest, []byte("Access denied"))
}

// postfixQueueID returns the queue id that a line shows; nil for NOQUEUE.
func postfixQueueID(id []byte) []byte {
	if string(id) == "NOQUEUE" {
		return nil
	}
	return id
}

// noteExplained notes that a line of its own showed a refused command.
func (l *postfix) noteExplained(s *postfixSession, c Command) {
	if c == EndOfData {
		c = Data
	}
	s.Explained[c] += uint32(l.count)
}

// noteRefused is noteExplained that also notes that refused content had its 354.
func (l *postfix) noteRefused(s *postfixSession, c Command) {
	l.noteExplained(s, c)
	if c == EndOfData {
		s.DataLost += uint32(l.count)
	}
}
