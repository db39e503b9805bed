package logparse

import "bytes"

// What Sendmail says for a milter that names no reply (srvrsmtp.c).
var (
	sendmailCommandRejected   = []byte("550 5.0.0 Command rejected")
	sendmailClosingConnection = []byte("421 4.3.0 closing connection")
)

// milterReply reads what follows "milter=": a milter's answer, which "Milter: "
// shows again (milter.c, milter_send_command() and milter_data()).
//
//	NAME, action=rcpt, reject=451 4.7.1 Try again later
//	NAME, reject=550 5.7.1 Spam
func (l *sendmail) milterReply(id, b []byte) {
	_, rest, ok := bytes.Cut(b, []byte(", "))
	if !ok {
		return
	}
	e := Event{Command: EndOfData}
	if action, ok := bytes.CutPrefix(rest, []byte("action=")); ok {
		action, rest, _ = bytes.Cut(action, []byte(", "))
		switch string(action) {
		case "connect":
			return // its code is not used (srvrsmtp.c, _FFR_MILTER_CONNECT_REPLYCODE)
		case "helo":
			e = Event{Implied: true}
		case "mail":
			e.Command = Mail
		case "rcpt":
			e.Command = Rcpt
		case "data":
			e.Command = Data
		case "unknown":
			e.Command = OtherCommand
		}
	}
	text, ok := bytes.CutPrefix(rest, []byte("reject="))
	if ok && l.refuse(id, text, e) {
		l.session().Milter = true
	}
}

// milterRefusal reads what follows "Milter: " (srvrsmtp.c, MILTER_REPLY(), smtp() and
// smtp_data()):
//
//	from=<a@src.example>, reject=451 4.3.2 Please try again later
//	helo=client.example, reject=Command rejected
//	data, reject=550 5.7.1 Spam                    the answer to the whole message
//	cmd=data, reject=550 5.7.1 No
//	connect: host=client.example, addr=192.0.2.7, rejecting commands
func (l *sendmail) milterRefusal(id, b []byte) {
	switch {
	case bytes.HasPrefix(b, []byte("data, reject=")):
		l.refusedByMilter(id, b[len("data, reject="):], Event{Command: EndOfData})
	case bytes.HasPrefix(b, []byte("cmd=data, reject=")):
		l.refusedByMilter(id, b[len("cmd=data, reject="):], Event{Command: Data})
	case bytes.HasPrefix(b, []byte("helo=")):
		l.milterHelo(id, b[len("helo="):])
	case bytes.HasPrefix(b, []byte("connect: host=")):
		l.milterConnection(id, b[len("connect: host="):])
	case bytes.HasPrefix(b, []byte("from=")):
		l.milterCommand(id, b[len("from="):], Mail)
	case bytes.HasPrefix(b, []byte("to=")):
		l.milterCommand(id, b[len("to="):], Rcpt)
	case bytes.HasPrefix(b, []byte("unknown=")):
		l.milterCommand(id, b[len("unknown="):], OtherCommand)
	default:
		if t := impliedBy(impliedBySendmailMilter, b); t != nil && !l.mayBeOfRecipient(b) {
			l.implied(id, nil, b, t)
		}
	}
}

// milterHelo reads what follows "Milter: helo=".
func (l *sendmail) milterHelo(id, b []byte) {
	_, text, ok := cutSendmailLast(b, ", reject=")
	if !ok {
		return
	}
	if string(text) == "Command rejected" {
		if l.session().Logged {
			return // the dialogue shows it
		}
		text = sendmailCommandRejected
	}
	l.refusedByMilter(id, text, Event{Implied: true})
}

// milterCommand reads the address that stands in an accepted command, and the reply
// to this command. With an unknown command, it is that of the one before
// (srvrsmtp.c, MILTER_REPLY()); what else may stand there cannot be told from a reply.
func (l *sendmail) milterCommand(id, b []byte, command Command) {
	n, rest, ok := cutSendmailAddresses(b)
	if !ok || n > 1 && command == OtherCommand {
		l.notUnderstood(shapeSendmailMilter)
		return
	}
	text, ok := bytes.CutPrefix(rest, []byte("reject="))
	if again := bytes.Contains(text, []byte(", reject=")); again && (!ok || command == OtherCommand) {
		l.notUnderstood(shapeSendmailMilter)
		return
	}
	if !ok {
		return
	}
	if string(text) == "421, errormode=4" {
		text = sendmailClosingConnection
	}
	l.refusedByMilter(id, text, Event{Command: command})
}

// milterConnection reads what follows "Milter: connect: host=", in which the
// name of a client stands:
//
//	client.example, addr=192.0.2.7, rejecting commands
//	client.example, addr=192.0.2.7, reject=550 5.7.1 No
func (l *sendmail) milterConnection(id, b []byte) {
	name, rest, ok := bytes.Cut(b, []byte(", addr="))
	if !ok || !isSendmailHost(name) {
		return
	}
	addr, what, ok := bytes.Cut(rest, []byte(", "))
	if !ok || l.mayBeOfRecipient(what) {
		return
	}
	addr = bytes.TrimPrefix(addr, []byte("IPv6:"))
	if name[0] == '[' {
		name = addr
	}
	l.session().switchTo(addr)
	// _FFR_MILTER_CONNECT_REPLYCODE
	for _, prefix := range []string{"reject=", "temp failing commands=", "shutdown="} {
		if text, ok := bytes.CutPrefix(what, []byte(prefix)); ok {
			l.refuse(id, text, Event{Command: Connect, Remote: name, Implied: true})
			return
		}
	}
	l.imply(id, name, what, impliedBySendmailMilter)
}

// refusedByMilter adds the refusal of a "Milter: " line, which may repeat that of a
// milter= line.
func (l *sendmail) refusedByMilter(id, text []byte, e Event) {
	s := l.session()
	e.Repeat = s.Milter
	s.Milter = false
	l.refuse(id, text, e)
}

// refuse adds a milter's refusal and reports whether text is one. If e is implied,
// the refusal answers later commands, but for a 421, which is said at once. Where it
// has no enhanced code, Sendmail adds that of its class (err.c, usrerr()).
func (l *sendmail) refuse(id, text []byte, e Event) (ok bool) {
	e.Code, e.Enhanced, ok = ParseReply(text)
	if !ok || e.Code.Class() < 4 {
		l.notUnderstood(shapeSendmailMilter)
		return false
	}
	if l.ends == nil && l.mayBeOfRecipient(text) {
		return false
	}
	if e.Enhanced.Class == 0 {
		e.Enhanced.Class = uint8(e.Code.Class())
	}
	if e.Command == EndOfData {
		l.messages.remove(l.messageKey(id))
	}
	s := l.session()
	if e.Implied && e.Code != 421 {
		e.Command = NoCommand
		s.Verdict = e.Code
	} else {
		e.Implied = false
		s.Announced = e.Code
	}
	e.Direction, e.QueueID, e.Text = Sent, id, text
	s.Client.addTo(&e)
	l.emit(e)
	return true
}
