package logparse

import "bytes"

// Some MTAs log the whole dialogue of a session. Each reply of it is counted
// once, and answers the oldest command without a reply.

// A protocolSession is what is remembered of a session whose dialogue is logged.
type protocolSession struct {
	Begun         bool // the log shows the session from its greeting on
	Authenticated bool // the client has logged in
	Last          Code // the last reply's
	Answered      Command
	Recipients    uint16 // accepted for the message
	Waiting       commandRuns
}

func (s *protocolSession) valid() bool { return s.Answered < numCommands && s.Waiting.valid() }

// command notes what was asked. Neither the answers to a challenge of AUTH nor
// the end of a message need be logged.
func (s *protocolSession) command(line []byte) {
	c := commandOf(line)
	switch {
	case s.challenged():
		c = s.Answered
	case c == OtherCommand:
		c = chunkOf(line)
	}
	s.Waiting.push(c)
}

// challenged tells whether the client has to answer a challenge of AUTH, or of a
// command like it.
func (s *protocolSession) challenged() bool {
	return s.Last == 334 && (s.Answered == Auth || s.Answered == OtherCommand)
}

// sending tells whether the client was told to send the message.
func (s *protocolSession) sending() bool { return s.Last == 354 && s.Answered == Data }

// chunkOf reads "BDAT 1000" and "BDAT 1000 LAST" (RFC 3030 §2).
func chunkOf(line []byte) Command {
	if len(line) < 5 || !bytes.EqualFold(line[:5], []byte("BDAT ")) {
		return OtherCommand
	}
	line = bytes.TrimRight(line, " ")
	if bytes.EqualFold(line[bytes.LastIndexByte(line, ' ')+1:], []byte("LAST")) {
		return EndOfData
	}
	return Data
}

// reply reads a reply and returns its event, but for who said it to whom. more
// is true of a line that is not the reply's last: it shows the reply that the
// last one counts.
func (s *protocolSession) reply(text []byte, more bool) (e Event, ok bool) {
	e = Event{Text: text, Repeat: more}
	if e.Code, e.Enhanced, ok = ParseReply(text); !ok {
		return e, false
	}
	e.Command = s.answered(e.Code)
	class := e.Code.Class()
	e.Dialogue = class < 4 && (e.Command != EndOfData || class == 3)
	if more {
		return e, true
	}
	s.settle(e.Command)
	s.Authenticated = s.Authenticated || e.Code == 235 && e.Command == Auth
	s.Last, s.Answered = e.Code, e.Command
	return e, true
}

// answered returns the command that a reply of this code answers.
func (s *protocolSession) answered(code Code) Command {
	c := s.Waiting.front()
	switch {
	case s.sending():
		return EndOfData
	case code == 354 && s.Waiting.has(Data):
		return Data
	case s.Waiting.N > 0:
		return c
	case s.challenged():
		return s.Answered
	case s.Last == 0 && s.Begun:
		return Connect
	}
	// The command came before the first line that was read, or is not logged.
	switch code {
	case 220:
		return Connect
	case 221:
		return Quit
	case 235, 334:
		return Auth
	case 354:
		return Data
	}
	return NoCommand
}

// settle takes the command that was answered from those that wait, and with it
// those before it, whose replies were not seen.
func (s *protocolSession) settle(c Command) {
	switch {
	case s.sending() && s.Waiting.front() != EndOfData: // the dot is not logged
	case c == Data:
		s.Waiting.popThrough(Data)
	default:
		s.Waiting.pop()
	}
}

// delivered returns how many recipients of the message a reply of a server was
// the last word for, and notes the accepted ones. 421 closes the session.
func (s *protocolSession) delivered(e *Event) (recipients int) {
	refused := e.Code.Class() > 3
	switch {
	case e.Repeat:
		return 0
	case e.Command == Rcpt && refused:
		recipients = 1
	case e.Command == Rcpt && e.Code.Class() == 2 && s.Recipients < 1<<16-1:
		s.Recipients++
	case e.Command == Mail && !refused, e.Command == Rset:
		s.Recipients = 0
	}
	if e.Code == 421 || e.Command == Data && refused || e.Command == EndOfData && e.Code.Class() != 3 {
		recipients += int(s.Recipients)
		s.Recipients = 0
	}
	return recipients
}

// commandRuns are the commands without a reply, oldest first. Pipelining
// (RFC 2920) sends many, most of them RCPT.
type commandRuns struct {
	Runs [16]commandRun
	N    uint8
}

// A commandRun is a command that was sent Count times in a row.
type commandRun struct {
	Command Command
	Count   uint16
}

func (q *commandRuns) valid() bool {
	for i := range q.Runs {
		if q.Runs[i].Command >= numCommands || i < int(q.N) && q.Runs[i].Count == 0 {
			return false
		}
	}
	return int(q.N) <= len(q.Runs)
}

// push adds a command. Where there is no room, what commands wait is forgotten,
// but not how many.
func (q *commandRuns) push(c Command) {
	if q.N > 0 {
		if last := &q.Runs[q.N-1]; last.Command == c && last.Count < 1<<16-1 {
			last.Count++
			return
		}
	}
	if int(q.N) == len(q.Runs) {
		n := 0
		for _, run := range q.Runs {
			n += int(run.Count)
		}
		q.Runs[0], q.N = commandRun{NoCommand, uint16(min(n, 1<<16-1))}, 1
	}
	q.Runs[q.N] = commandRun{c, 1}
	q.N++
}

func (q *commandRuns) front() Command {
	if q.N == 0 {
		return NoCommand
	}
	return q.Runs[0].Command
}

func (q *commandRuns) pop() {
	if q.N == 0 {
		return
	}
	if q.Runs[0].Count--; q.Runs[0].Count == 0 {
		q.N--
		copy(q.Runs[:], q.Runs[1:])
	}
}

func (q *commandRuns) has(c Command) bool {
	for _, run := range q.Runs[:q.N] {
		if run.Command == c {
			return true
		}
	}
	return false
}

// popThrough drops the commands up to the first c.
func (q *commandRuns) popThrough(c Command) {
	for q.N > 0 {
		if q.front() == c {
			q.pop()
			return
		}
		q.N--
		copy(q.Runs[:], q.Runs[1:])
	}
}
