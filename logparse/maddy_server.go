package logparse

import "bytes"

// incoming reads who sends a message (endpoint/smtp, Session.startDelivery).
func (l *maddy) incoming() {
	m := l.mail()
	*m = maddyMail{Authenticated: l.field(maddyUser) != nil}
	m.ClientLen = uint8(copy(m.Client[:], hostOfPort(l.field(maddySource))))
}

// hostOfPort returns the address of "192.0.2.7:50551" or "[2001:db8::7]:50551".
func hostOfPort(b []byte) []byte {
	if i := bytes.LastIndexByte(b, ':'); i >= 0 {
		b = b[:i]
	}
	return bytes.TrimSuffix(bytes.TrimPrefix(b, []byte("[")), []byte("]"))
}

// answer returns an event of a reply to the client.
func (l *maddy) answer(command Command) Event {
	m := l.mail()
	client := m.Client[:m.ClientLen]
	return Event{
		Kind: Reply, Direction: Sent, Command: command, Authenticated: m.Authenticated,
		Remote: client, Addr: client, QueueID: l.messageID(),
	}
}

func (l *maddy) recipient() {
	l.mail().Recipients++
	e := l.answer(Rcpt)
	e.Code, e.Implied, e.Dialogue = 250, true, true
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

// refused reads the error that a command of a client met. What another server
// said to it while the client was waiting is a reply too.
func (l *maddy) refused(replies int, e Event) {
	reason := l.field(maddyReason)
	if l.field(maddyServer) != nil {
		if received, ok := l.received(); ok {
			l.emit(received)
		}
	}
	code, _, ok := ParseReply(l.field(maddyCode))
	switch {
	case string(reason) == "context deadline exceeded":
		e.Code, e.Enhanced, e.Implied = 451, EnhancedCode{4, 4, 5}, true
	case ok:
		e.Code, e.Enhanced = code, l.enhanced()
		// go-smtp writes one in any case (conn.writeResponse).
		if class := code.Class(); e.Enhanced.Class == 0 && class != 3 {
			e.Enhanced.Class = uint8(class)
		}
		l.setText(&e, l.field(maddyMessage))
	case string(reason) == "I/O error while writing buffer: SMTP error 552: Maximum message size exceeded":
		e.Code, e.Enhanced, e.Implied = 554, EnhancedCode{Class: 5}, true
	case bytes.HasSuffix(reason, []byte("EOF")): // the client has gone
		return
	default:
		e.Kind = Refusal
	}
	l.emitTimes(replies, e)
}

// refusedSASL reads a failed login; go-smtp answers any error of the mechanism alike.
func (l *maddy) refusedSASL() {
	client := hostOfPort(l.field(maddySource))
	l.emit(Event{
		Kind: Reply, Direction: Sent, Code: 454, Enhanced: EnhancedCode{4, 7, 0}, Implied: true,
		Command: Auth, Remote: client, Addr: client,
	})
}

func (l *maddy) refusedLogin() {
	client := hostOfPort(l.field(maddySource))
	l.emit(Event{Kind: Refusal, Direction: Sent, Command: Auth, Remote: client, Addr: client})
}
