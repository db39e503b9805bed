package logparse

import "bytes"

// maddyServerReader returns what reads an event of an endpoint.
func maddyServerReader(words []byte) func(*maddy) {
	switch string(words) {
	case "incoming message":
		return (*maddy).incoming
	case "RCPT ok":
		return (*maddy).recipient
	case "accepted":
		return (*maddy).accepted
	case "MAIL FROM error":
		return (*maddy).refusedMail
	case "RCPT error", "MAIL FROM error (deferred)":
		return (*maddy).refusedRcpt
	case "DATA error":
		return (*maddy).refusedData
	case "authentication failed": // until 0.5, by 454 or 535
		return (*maddy).refusedLogin
	}
	return nil
}

// incoming reads who sends a message (endpoint/smtp, Session.startDelivery).
func (l *maddy) incoming() {
	m := l.mail()
	*m = maddyMail{Authenticated: l.field(maddyUser) != nil}
	m.Client.set(cutMaddyAddress(l.field(maddySource)))
}

// cutMaddyAddress reads the address of "192.0.2.7:50551" or "[2001:db8::7]:50551".
func cutMaddyAddress(b []byte) []byte {
	if i := bytes.LastIndexByte(b, ':'); i >= 0 {
		b = b[:i]
	}
	return bytes.TrimSuffix(bytes.TrimPrefix(b, []byte("[")), []byte("]"))
}

// answer returns an event of a reply to the client.
func (l *maddy) answer(command Command) Event {
	m := l.mail()
	client := m.Client.bytes()
	return Event{
		Kind: Reply, Direction: Sent, Command: command, Authenticated: m.Authenticated,
		Remote: client, Addr: client, QueueID: l.messageID(),
	}
}

func (l *maddy) recipient() {
	l.mail().Recipients++
	e := l.answer(Rcpt)
	e.Code = 250
	e.Implied = true
	e.Dialogue = true
	l.emit(e)
}

// accepted counts no reply over LMTP, where each recipient has one of its own
// that the log does not show.
func (l *maddy) accepted() {
	if string(l.module) == "lmtp" {
		return
	}
	e := l.answer(EndOfData)
	e.Code, e.Implied = 250, true
	l.emit(e)
}

func (l *maddy) refusedMail() { l.refused(1, l.answer(Mail)) }

func (l *maddy) refusedRcpt() { l.refused(1, l.answer(Rcpt)) }

func (l *maddy) refusedData() {
	replies := 1
	if string(l.module) == "lmtp" { // one for each recipient
		replies = max(1, int(min(l.mail().Recipients, maxRecipients)))
	}
	l.refused(replies, l.answer(EndOfData))
}

// refused reads why a command of a client failed. If another server's reply was the
// reason, while the client was waiting, that is an event too.
func (l *maddy) refused(replies int, e Event) {
	if l.field(maddyServer) != nil {
		if received, ok := l.received(); ok {
			l.emit(received)
		}
	}
	reason := l.field(maddyReason)
	code, _, ok := ParseReply(l.field(maddyCode))
	switch {
	case string(reason) == "context deadline exceeded":
		e.Code = 451
		e.Enhanced = EnhancedCode{4, 4, 5}
		e.Implied = true
	case ok:
		e.Code = code
		e.Enhanced = l.enhanced()
		// go-smtp writes an enhanced code in any case (conn.writeResponse).
		if class := code.Class(); e.Enhanced.Class == 0 && class != 3 {
			e.Enhanced.Class = uint8(class)
		}
		l.setText(&e, l.field(maddyMessage))
	case string(reason) == "I/O error while writing buffer: SMTP error 552: Maximum message size exceeded":
		e.Code = 554
		e.Enhanced = EnhancedCode{Class: 5}
		e.Implied = true
	case bytes.HasSuffix(reason, []byte("EOF")): // the client has gone
		return
	default:
		e.Kind = Refusal
	}
	l.emitTimes(replies, e)
}

// refusedSASL reads a failed login. go-smtp gives the same reply to any error of the
// mechanism.
func (l *maddy) refusedSASL() {
	client := cutMaddyAddress(l.field(maddySource))
	l.emit(Event{
		Kind: Reply, Direction: Sent, Code: 454, Enhanced: EnhancedCode{4, 7, 0}, Implied: true,
		Command: Auth, Remote: client, Addr: client,
	})
}

func (l *maddy) refusedLogin() {
	client := cutMaddyAddress(l.field(maddySource))
	l.emit(Event{Kind: Refusal, Direction: Sent, Command: Auth, Remote: client, Addr: client})
}
