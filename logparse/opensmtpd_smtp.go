package logparse

import "bytes"

// server reads what follows "ID smtp VERB " (smtp_session.c):
//
//	connected address=ADDR host=NAME
//	authentication user=USER result=ok|permfail|tempfail
//	message msgid=ID size=N nrcpt=N proto=ESMTP
//	failed-command command="COMMAND" result="REPLY"
//	bad-input result="REPLY"
func (l *openSMTPD) server(id, verb, b []byte) {
	switch string(verb) {
	case "connected":
		addr, name, ok := bytes.Cut(b, []byte(" host="))
		if addr, found := bytes.CutPrefix(addr, []byte("address=")); ok && found {
			s := l.session(id)
			*s = smtpdSession{}
			s.Peer.set(name, smtpdAddr(addr))
		}
	case "authentication":
		// Blanks in the name are escaped (VIS_WHITE).
		user, result, _ := bytes.Cut(b, []byte(" "))
		if bytes.HasPrefix(user, []byte("user=")) && string(result) == "result=ok" {
			l.session(id).Authenticated = true
			e := l.sent(id)
			e.Code, e.Implied, e.Dialogue, e.Command = 235, true, true, Auth
			l.emit(e)
		}
	case "message":
		if message, ok := bytes.CutPrefix(b, []byte("msgid=")); ok {
			e := l.sent(id)
			e.Code, e.Implied, e.Command = 250, true, EndOfData
			e.QueueID, _, _ = bytes.Cut(message, []byte(" "))
			l.emit(e)
		}
	case "failed-command":
		b, ok := bytes.CutPrefix(b, []byte(`command="`))
		if !ok {
			l.notUnderstood(shapeSMTPDFailed)
			return
		}
		// Quotes in the command are not escaped, so that it may hold all of this.
		// In the reply, the client's words hold no blank.
		const separator = `" result="`
		if i := bytes.LastIndex(b, []byte(separator)); i >= 0 {
			l.refused(id, b[:i], b[i+len(separator):])
			return
		}
		l.refused(id, nil, nil)
		return
	case "bad-input":
		result, ok := bytes.CutPrefix(b, []byte(`result="`))
		if !ok {
			l.notUnderstood(shapeSMTPDFailed)
			return
		}
		l.refused(id, nil, result)
		return
	default:
		l.oldEvent(verb)
	}
}

// oldEvent reads a line of a version before 6.4, as far as it is looked at.
func (l *openSMTPD) oldEvent(verb []byte) {
	switch string(verb) {
	case "event=failed-command", "event=bad-input", "event=delivery", "event=error", "event=message":
		l.notUnderstood(shapeSMTPDEvent)
	}
}

// sent returns an event of a reply to the session's client.
func (l *openSMTPD) sent(id []byte) Event {
	s := l.session(id)
	return Event{
		Kind: Reply, Direction: Sent, Authenticated: s.Authenticated, Remote: s.Peer.name(), Addr: s.Peer.addr(),
	}
}

// refused reads a reply and the quote after it. Without the quote the line was
// cut, maybe within a command that imitates a reply: then it tells no more than
// that something was refused. (A line that is cut right behind such a quote is like
// a whole one. Commands are logged in at most 4095 bytes.) The command is nil
// where the log does not tell it.
func (l *openSMTPD) refused(id, command, result []byte) {
	text, ok := bytes.CutSuffix(result, []byte(`"`))
	e := l.sent(id)
	if !ok {
		e.Kind = Refusal
		l.emit(e)
		return
	}
	if e.Code, e.Enhanced, ok = ParseReply(text); !ok || e.Code.Class() < 4 {
		l.notUnderstood(shapeSMTPDFailed)
		return
	}
	e.Text = text
	if command != nil {
		e.Command = smtpdCommand(command, text)
		e.Repeat = string(e.Addr) == string(smtpdSocket) && ofBounceAgent(command)
	}
	l.emit(e)
}

// ofBounceAgent tells whether smtpd's own bounce agent (bounce.c) gave a command
// to the local socket: no other local client writes a blank after the colon
// (enqueue.c). What it is told goes over no wire and leaves smtpd as a bounce only,
// so it is shown and not counted.
func ofBounceAgent(command []byte) bool {
	return bytes.HasPrefix(command, []byte("MAIL FROM: <")) || bytes.HasPrefix(command, []byte("RCPT TO: <"))
}

// smtpdCommand names the command that was refused: the last line that the client
// sent outside of messages, "" for none.
func smtpdCommand(command, text []byte) Command {
	if len(command) == 0 {
		return Connect
	}
	switch c := commandOf(command); {
	case c == EndOfData:
		return OtherCommand // a dot where no message was
	case c != Data:
		return c
	case len(command) > len("DATA") || bytes.HasPrefix(text, []byte("503 ")): // smtp_check_data()
		return Data
	}
	for _, end := range smtpdEndOfData {
		if bytes.HasSuffix(text, []byte(end)) {
			return EndOfData
		}
	}
	return NoCommand // a filter's verdict, or 421: of either
}

// smtpdEndOfData are the ends of what only smtp_message_end() says.
var smtpdEndOfData = []string{
	": Transaction failed, message too big", ": Loop detected", ": Message is not RFC 2822 compliant",
}

// ownBounce reads what bounce.c says when the server refuses a bounce of its
// own, in the words that the server's line shows.
//
//	TempFail injecting failure report on message MSGID to <ADDR> for N envelopes: REPLY
func (l *openSMTPD) ownBounce(b []byte) {
	_, b, ok := bytes.Cut(b, []byte(" injecting failure report on message "))
	_, b, found := bytes.Cut(b, []byte("> for "))
	_, text, more := bytes.Cut(b, []byte(": "))
	if !ok || !found || !more {
		return
	}
	e := Event{Kind: Reply, Direction: Sent, Repeat: true, Implied: true, Addr: smtpdSocket, Text: text}
	if e.Code, e.Enhanced, ok = ParseReply(text); ok && e.Code.Class() > 3 {
		l.emit(e)
	}
}
