package logparse

import "bytes"

// server reads what follows "ID smtp VERB " (smtp_session.c):
//
//	connected address=ADDR host=NAME
//	authentication user=USER result=ok|permfail|tempfail
//	message msgid=ID size=N nrcpt=N proto=ESMTP
//	failed-command command="COMMAND" result="REPLY"
//	bad-input result="REPLY"
//
// Since 6.0.3, and before 6.4, all of them name the client: "message address=ADDR
// host=NAME msgid=ID from=<ADDR> to=<ADDR> ...".
func (l *openSMTPD) server(process *openSMTPDProcess, id, verb, b []byte) {
	switch string(verb) {
	case "connected":
		addr, name, ok := bytes.Cut(b, []byte(" host="))
		if addr, found := bytes.CutPrefix(addr, []byte("address=")); ok && found {
			l.connected(id, name, addr)
		}
	case "authentication":
		// Blanks in the name are escaped (VIS_WHITE).
		user, result, _ := bytes.Cut(b, []byte(" "))
		if bytes.HasPrefix(user, []byte("user=")) && string(withoutOpenSMTPDClient(result)) == "result=ok" {
			l.loggedIn(id)
		}
	case "message":
		if message, ok := bytes.CutPrefix(withoutOpenSMTPDClient(b), []byte("msgid=")); ok {
			message, _, _ = bytes.Cut(message, []byte(" "))
			l.accepted(process, id, message)
		}
	case "failed-command":
		l.failedCommand(id, withoutOpenSMTPDClient(b))
	case "bad-input":
		result, ok := bytes.CutPrefix(withoutOpenSMTPDClient(b), []byte(`result="`))
		if !ok {
			l.notUnderstood(shapeOpenSMTPDFailed)
			return
		}
		l.refused(id, nil, result)
	}
}

// withoutOpenSMTPDClient takes "address=ADDR host=NAME " off, if b begins so.
func withoutOpenSMTPDClient(b []byte) []byte {
	rest, ok := cutOpenSMTPDFields(b, []openSMTPDField{{"address=", nil, " "}, {"host=", nil, " "}})
	if !ok {
		return b
	}
	return rest
}

func (l *openSMTPD) connected(id, name, addr []byte) {
	s := l.session(id)
	*s = openSMTPDSession{}
	s.Peer.set(name, openSMTPDAddr(addr))
}

func (l *openSMTPD) loggedIn(id []byte) {
	l.session(id).Authenticated = true
	e := l.sent(id, Auth)
	e.Code, e.Implied, e.Dialogue = 235, true, true
	l.emit(e)
}

// accepted adds the reply to a message. From 5.4 to 6.3, each recipient has a line, one
// after another.
func (l *openSMTPD) accepted(process *openSMTPDProcess, id, message []byte) {
	process.Delivered = l.seed.add(id).add(message)
	e := l.sent(id, EndOfData)
	e.Code, e.Implied, e.QueueID = 250, true, message
	e.Repeat = l.before.Delivered == process.Delivered
	l.emit(e)
}

// failedCommand reads what follows "failed-command ". Quotes in the command are not
// escaped, so that it may hold all of this. In the reply, the client's words hold no
// blank.
func (l *openSMTPD) failedCommand(id, b []byte) {
	b, ok := bytes.CutPrefix(b, []byte(`command="`))
	if !ok {
		l.notUnderstood(shapeOpenSMTPDFailed)
		return
	}
	const separator = `" result="`
	i := lastIndex(b, []byte(separator))
	if i < 0 {
		l.refused(id, nil, nil)
		return
	}
	l.refused(id, b[:i], b[i+len(separator):])
}

// sent returns an event of a reply to a command of the session's client.
func (l *openSMTPD) sent(id []byte, command Command) Event {
	s := l.session(id)
	return Event{
		Kind: Reply, Direction: Sent, Command: command,
		Authenticated: s.Authenticated, Remote: s.Peer.name(), Addr: s.Peer.addr(),
	}
}

// refused reads a reply and the quote after it. Without the quote the line is
// truncated, maybe within a command that imitates a reply: then it only shows that
// something was refused. (A line that ends right behind such a quote looks like a
// whole one. Commands are logged in at most 4095 bytes.) The command is nil where
// the log does not show it.
func (l *openSMTPD) refused(id, command, result []byte) {
	text, ok := bytes.CutSuffix(result, []byte(`"`))
	if !ok {
		e := l.sent(id, NoCommand)
		e.Kind = Refusal
		l.emit(e)
		return
	}
	l.answered(id, command, text)
}

// answered adds a reply to a command of the session's client, nil where it is not known.
func (l *openSMTPD) answered(id, command, text []byte) {
	var ok bool
	e := l.sent(id, NoCommand)
	e.Code, e.Enhanced, ok = ParseReply(text)
	if !ok || e.Code.Class() < 4 {
		l.notUnderstood(shapeOpenSMTPDFailed)
		return
	}
	e.Text, e.Said = text, untilWords(text, openSMTPDQuotes...)
	if command != nil {
		e.Command = openSMTPDCommand(command, text)
		e.Repeat = string(e.Addr) == string(openSMTPDSocket) && openSMTPDFromBounceAgent(command)
	}
	l.emit(e)
}

// openSMTPDQuotes are the words before one of the client's.
var openSMTPDQuotes = []string{
	"5.5.4 Invalid command arguments: Unsupported option ", "Unsupported option ",
	"5.5.4 Invalid command arguments: option too large, truncated: ",
	`5.7.4 Security features not supported: AUTH method "`,
}

// openSMTPDFromBounceAgent reports whether smtpd's own bounce agent (bounce.c) gave
// a command to the local socket: no other local client writes a blank after the
// colon (enqueue.c). The reply goes over no wire and only a bounce leaves smtpd, so
// the reply is shown and not counted.
func openSMTPDFromBounceAgent(command []byte) bool {
	return bytes.HasPrefix(command, []byte("MAIL FROM: <")) || bytes.HasPrefix(command, []byte("RCPT TO: <"))
}

// openSMTPDCommand returns the command that was refused: it was the last line that
// the client sent outside of messages, "" for none.
func openSMTPDCommand(command, text []byte) Command {
	if len(command) == 0 {
		return Connect
	}
	c := commandOf(command)
	switch {
	case c == EndOfData:
		return OtherCommand // a dot where no message was
	case c != Data:
		return c
	case len(command) > len("DATA") || bytes.HasPrefix(text, []byte("503 ")): // smtp_check_data()
		return Data
	}
	for _, end := range openSMTPDEndOfData {
		if bytes.HasSuffix(text, []byte(end)) {
			return EndOfData
		}
	}
	return NoCommand // a filter's verdict, or 421: of either
}

// openSMTPDEndOfData are the ends of what only smtp_message_end() says.
var openSMTPDEndOfData = []string{
	": Transaction failed, message too big", ": Loop detected", ": Message is not RFC 2822 compliant",
}

// ownBounce reads what bounce.c logs when the server refuses a bounce of its own.
// The server's line shows the same words.
//
//	TempFail injecting failure report on message MSGID to <ADDR> for N envelopes: REPLY
func (l *openSMTPD) ownBounce(b []byte) {
	_, b, ok := bytes.Cut(b, []byte(" injecting failure report on message "))
	_, b, found := bytes.Cut(b, []byte("> for "))
	_, text, more := bytes.Cut(b, []byte(": "))
	if !ok || !found || !more {
		return
	}
	e := Event{Kind: Reply, Direction: Sent, Repeat: true, Implied: true, Addr: openSMTPDSocket, Text: text}
	e.Code, e.Enhanced, ok = ParseReply(text)
	if ok && e.Code.Class() > 3 {
		l.emit(e)
	}
}
