package logparse

import "bytes"

// A postfixEarly is where a client did not wait for its reply, as the last line of its
// smtpd says. With smtpd_forbid_unauth_pipelining, the default since Postfix 3.9, smtpd
// answers 554 5.5.0 and ends the session. Only the summary tells (smtpd.c,
// smtpd_proto()): the command is refused, or none was read, and there is no line between.
//
//	improper command pipelining after CONNECT from NAME[IP]: EHLO pc\r\nMAIL FROM:<a@src.example>\r\n
//	disconnect from NAME[IP] commands=0/0
//	improper command pipelining after MAIL from NAME[IP]: RCPT TO:<b@dest.example>\r\n
//	disconnect from NAME[IP] helo=1 mail=0/1 commands=1/2
//
// Where it is not forbidden, the session goes on. It then ends with QUIT, with a line of
// its own, or after the end of a message, whose content cleanup(8) has logged.
type postfixEarly struct{ After Command }

func (e *postfixEarly) valid() bool { return e.After < numCommands }

var postfixTooEarly = postfixImplied{
	"improper command pipelining after ", []byte("554 5.5.0 Error: SMTP protocol synchronization"), NoCommand, false,
}

// noteEarly reads the line about a client that did not wait.
func (l *postfix) noteEarly(message []byte) bool {
	rest, ok := bytes.CutPrefix(message, []byte(postfixTooEarly.prefix))
	if !ok {
		return false
	}
	if where, _, _, _, ok := cutPostfixClient(rest); ok {
		after := Connect
		if string(where) != "CONNECT" {
			after = commandOf(where)
		}
		l.early.put(l.process).After = after
	}
	return true
}

// takeEarly returns where the client did not wait, if the last line of the process said
// so, and forgets it.
func (l *postfix) takeEarly() (e postfixEarly) {
	if noted := l.early.get(l.process); noted != nil {
		e = *noted
		l.early.remove(l.process)
	}
	return e
}

// contentRead notes that the session from which a message comes went on.
func (l *postfix) contentRead(id []byte) {
	if process := l.messages.get(l.messageKey(id)); process != nil {
		l.early.remove(*process)
	}
}

// tooEarly adds the 554 if the summary of the session is that of one that it ended.
func (m *postfixSummary) tooEarly(e postfixEarly, counts []postfixCount) {
	if e.After == NoCommand {
		return
	}
	read, refused := 0, 0
	for i := range counts {
		c := &counts[i]
		read += c.obeyed + c.refused
		switch {
		case c.refused > 0 && postfixSummaryCommand(c.command).command == e.After:
			refused += c.refused
		case c.obeyed > 0 && string(c.command) == "quit":
			return
		}
	}
	switch {
	case e.After == Connect && read > 0, e.After != Connect && refused <= int(m.s.Explained[e.After]):
		return
	}
	m.line.noteExplained(m.s, e.After)
	reply := postfixTooEarly.event()
	reply.Command, reply.Remote, reply.Addr = e.After, m.event.Remote, m.event.Addr
	reply.Repeat = m.event.Repeat
	reply.Authenticated = m.s.Authenticated
	m.line.emit(reply)
}
