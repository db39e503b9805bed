package logparse

import "bytes"

// protocol reads the dialogues with clients, with the servers of outbound mail, and
// with the servers to which Haraka forwards a message or login (smtp_client.js):
//
//	[PROTOCOL] [UUID.1] [core] C: RCPT TO:<a@dest.example> state=1
//	[PROTOCOL] [UUID.1] [core] S: 550 no such user
//	[PROTOCOL] [UUID.1.1] [outbound] S: 250-mx.dest.example
//	[PROTOCOL] [UUID.1] [queue/smtp_forward] S: 250 2.0.0 Ok
func (l *haraka) protocol() {
	var d *dialogue
	var s *harakaSession
	direction := Received
	switch {
	case string(l.uuid) == "-":
		return
	case string(l.origin) == "core":
		direction, s = Sent, l.session()
		d = &s.dialogue
		d.Joined = !s.Connected
	case string(l.origin) == "outbound":
		d = &l.item().dialogue
	case bytes.HasPrefix(l.origin, []byte("queue/")), string(l.origin) == "auth/auth_proxy":
		d = &l.items.put(l.seed.add(l.uuid).add(l.origin)).dialogue
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
	text = trimLineEnd(text)
	if direction == Received {
		d.greeted(text)
	}
	e, ok := d.reply(text, isFirstOfMany(text))
	if !ok {
		if direction == Sent {
			l.notUnderstood(shapeHarakaProtocol)
			return
		}
		return // from the server: "Unrecognized response" follows
	}
	e.Direction, e.QueueID = direction, l.uuid
	if s != nil {
		if r := &s.Refused; e.Command == NoCommand && r.Held && len(text) > 4 && l.isLastRefusal(r, e.Code, text[4:]) {
			e.Command = r.Command
		}
		s.Refused = harakaRefusal{}
		e.Addr, e.Authenticated = s.client(), s.Authenticated
	}
	if direction == Received && string(l.origin) != "outbound" {
		e.Deliveries = d.ended(&e)
	}
	l.emit(e)
}

// trimLineEnd drops a server's line end, which some forms and versions escape.
func trimLineEnd(text []byte) []byte {
	text = bytes.TrimSuffix(text, []byte(`\r\n`))
	return bytes.TrimRight(text, " \r\n")
}
