package logparse

import "bytes"

// A harakaDialogue is what is remembered of a dialogue of which the level
// PROTOCOL shows each line. Commands come one at a time, also where the client
// sends them together: connection.js reads the next when it has answered.
type harakaDialogue struct {
	Logged   bool
	Asked    Command // the command without a reply
	Last     Code    // the last reply's
	Open     Code    // of the reply whose last line is still to come
	Answers  Command // what it answers
	LMTP     bool
	Accepted uint16 // recipients of the message
}

func (d *harakaDialogue) valid() bool { return d.Asked < numCommands && d.Answers < numCommands }

// protocol reads the dialogue with clients, with the servers of outbound mail,
// and with those that a message or login is handed on to (smtp_client.js):
//
//	[PROTOCOL] [UUID.1] [core] C: RCPT TO:<a@dest.example> state=1
//	[PROTOCOL] [UUID.1] [core] S: 550 no such user
//	[PROTOCOL] [UUID.1.1] [outbound] S: 250-mx.dest.example
//	[PROTOCOL] [UUID.1] [queue/smtp_forward] S: 250 2.0.0 Ok
func (l *haraka) protocol() {
	var d *harakaDialogue
	var s *harakaSession
	direction := Received
	switch {
	case string(l.uuid) == "-":
		return
	case string(l.origin) == "core":
		direction, s = Sent, l.session()
		d = &s.harakaDialogue
	case string(l.origin) == "outbound":
		d = &l.item().harakaDialogue
	case bytes.HasPrefix(l.origin, []byte("queue/")), string(l.origin) == "auth/auth_proxy":
		d = &l.items.put(l.seed.add(l.uuid).add(l.origin)).harakaDialogue
	default:
		return
	}
	if line, ok := bytes.CutPrefix(l.text, []byte("C: ")); ok {
		d.command(line)
		return
	}
	text, ok := bytes.CutPrefix(l.text, []byte("S: "))
	if !ok {
		return
	}
	e, ok := d.reply(trimLineEnd(text), direction)
	if !ok {
		if direction == Sent {
			l.notUnderstood(shapeHarakaProtocol)
			return
		}
		return // the server's, "Unrecognized response" follows
	}
	e.Direction, e.QueueID = direction, l.uuid
	if s != nil {
		s.Refused = harakaRefusal{}
		s.Authenticated = s.Authenticated || e.Code == 235
		e.Addr, e.Authenticated = s.client(), s.Authenticated
	}
	if direction == Received && string(l.origin) != "outbound" && !e.Repeat {
		e.Deliveries = d.ended(&e)
	}
	l.emit(e)
}

// trimLineEnd drops a server's line end, as the forms and versions show it.
func trimLineEnd(text []byte) []byte {
	text = bytes.TrimSuffix(text, []byte(`\r\n`))
	return bytes.TrimRight(text, " \r\n")
}

// command notes what was asked.
func (d *harakaDialogue) command(line []byte) {
	c := commandOf(line)
	switch {
	case c == OtherCommand && d.Last == 334:
		c = Auth // the answer to a challenge
	case c == Ehlo:
		d.LMTP = line[0]|0x20 == 'l'
	case c == Mail:
		d.Accepted = 0
	}
	d.Asked = c
}

// reply reads a line of a reply; ok is false where it is none.
func (d *harakaDialogue) reply(text []byte, direction Direction) (e Event, ok bool) {
	e = Event{Text: text}
	if e.Code, e.Enhanced, ok = ParseReply(text); !ok {
		return e, false
	}
	d.Logged = true
	if d.Open == e.Code {
		e.Repeat = true
	} else {
		d.Answers = d.answered(e.Code, direction)
	}
	e.Command = d.Answers
	accepts := e.Command == EndOfData && e.Code.Class() == 2
	e.Dialogue = e.Code.Class() < 4 && !accepts
	if len(text) > 3 && text[3] == '-' {
		d.Open = e.Code
		return e, true
	}
	d.Open, d.Last = 0, e.Code
	if e.Command == Rcpt && e.Code.Class() == 2 {
		d.Accepted++
	}
	if d.LMTP && e.Command == EndOfData && d.Accepted > 1 { // each recipient has its reply
		d.Accepted--
		d.Asked = EndOfData
		return e, true
	}
	d.Asked = NoCommand
	return e, true
}

// answered returns the command that a new reply answers.
func (d *harakaDialogue) answered(code Code, direction Direction) Command {
	switch {
	case d.Asked == NoCommand && d.Last == 354: // the client's dot is not logged
		return EndOfData
	case d.Last == 0 && d.Asked == NoCommand && (code == 220 || code.Class() > 3),
		d.Last == 0 && d.Asked == OtherCommand && code == 220: // after HAProxy's PROXY
		return Connect
	case direction == Received && (d.Asked == Quit && code != 221 || d.Asked != StartTLS && code == 220):
		return Connect // a new one: what follows QUIT is not logged
	}
	return d.Asked
}

// ended returns how many recipients' delivery a server's reply ended.
func (d *harakaDialogue) ended(e *Event) int {
	switch {
	case e.Command == Rcpt && e.Code.Class() >= 4:
		return 1
	case e.Command == EndOfData, e.Command == Data && e.Code.Class() >= 4:
		if d.LMTP {
			return 1
		}
		return int(d.Accepted)
	}
	return 0
}
