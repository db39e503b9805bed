package logparse

import "bytes"

// Some logs show the whole dialogue of a session. Each reply in it counts once
// and answers the oldest command without a reply.

// A dialogue is the state of a logged dialogue. Its fields are exported for
// encoding/binary.
type dialogue struct {
	Logged        bool // the log shows replies
	Joined        bool // the log does not show the beginning
	LMTP          bool
	Authenticated bool   // the client has logged in
	Recipients    uint16 // accepted for the message
	Last          Code   // of the last reply
	Open          Code   // of the reply whose last line has yet to come
	Answered      Command
	Waiting       commandRuns
}

// valid reports whether a dialogue decoded from a state is usable.
func (d *dialogue) valid() bool { return d.Answered < numCommands && d.Waiting.valid() }

// command records a command of the client. The log may omit the end of a message
// and the response to a challenge of AUTH.
func (d *dialogue) command(line []byte) {
	c := commandOf(line)
	switch {
	case d.challenged():
		c = d.Answered
	case c == OtherCommand:
		c = chunkOf(line)
	case c == Ehlo:
		d.LMTP = line[0]|0x20 == 'l'
	}
	d.Waiting.push(c)
}

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

// challenged reports whether the client must respond to a challenge of AUTH or of
// a similar command.
func (d *dialogue) challenged() bool {
	return d.Last == 334 && (d.Answered == Auth || d.Answered == OtherCommand)
}

// inMessage reports whether the server has yet to answer a message. In LMTP it
// answers once for each recipient (RFC 2033 §4.2).
func (d *dialogue) inMessage() bool {
	return d.Last == 354 && d.Answered == Data || d.LMTP && d.Answered == EndOfData && d.Recipients > 0
}

// greeted begins a new dialogue if a server's reply can only be a greeting. It is
// for logs that do not mark where a session ends. Clients may skip the reply to
// QUIT.
func (d *dialogue) greeted(reply []byte) {
	c := d.Waiting.front()
	if c == Quit && !bytes.HasPrefix(reply, []byte("221")) ||
		c != StartTLS && c != OtherCommand && bytes.HasPrefix(reply, []byte("220")) {
		*d = dialogue{Logged: d.Logged, Open: d.Open, Answered: d.Answered}
	}
}

// reply reads a line of a reply and returns its event without direction and peer.
// more is true if further lines of the reply follow. The first line counts, and
// the other lines repeat it.
func (d *dialogue) reply(text []byte, more bool) (e Event, ok bool) {
	e.Text = text
	if e.Code, e.Enhanced, ok = ParseReply(text); !ok {
		return e, false
	}
	d.Logged = true
	if d.Open == e.Code {
		e.Repeat = true
	} else {
		d.Answered = d.answered(e.Code)
	}
	e.Command = d.Answered
	class := e.Code.Class()
	e.Dialogue = class < 4 && (e.Command != EndOfData || class == 3)
	if more {
		d.Open = e.Code
		return e, true
	}
	d.Open, d.Last = 0, e.Code
	d.settle(e.Command, class)
	d.Authenticated = d.Authenticated || e.Code == 235 && e.Command == Auth
	return e, true
}

// answered returns the command that a reply with this code answers.
func (d *dialogue) answered(code Code) Command {
	c := d.Waiting.front()
	switch {
	case d.inMessage():
		return EndOfData
	case d.Last == 0 && code == 220 && c != StartTLS:
		return Connect
	case code == 354 && d.Waiting.has(Data):
		return Data
	case d.Waiting.N > 0:
		return c
	case d.challenged():
		return d.Answered
	case d.Last == 0 && code.Class() > 3 && !d.Joined:
		return Connect
	}
	// The command came before the first line read, or the log omits it.
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

// settle removes the answered command from the waiting ones, together with
// earlier commands whose replies the log did not show.
func (d *dialogue) settle(c Command, class int) {
	switch c {
	case Connect:
		if d.Waiting.front() == OtherCommand { // PROXY, before the greeting
			d.Waiting.pop()
		}
		return
	case Data:
		d.Waiting.popThrough(Data)
		return
	case EndOfData:
		if d.LMTP && d.Recipients > 0 {
			d.Recipients--
		}
		if d.inMessage() || d.Waiting.front() != EndOfData { // the dot is not logged
			return
		}
	case Mail:
		if class < 4 {
			d.Recipients = 0
		}
	case Rcpt:
		if class == 2 && d.Recipients < 1<<16-1 {
			d.Recipients++
		}
	case Rset:
		d.Recipients = 0
	}
	d.Waiting.pop()
}

// ended returns how many recipients' deliveries a server's reply ended. 421 closes
// the session.
func (d *dialogue) ended(e *Event) (recipients int) {
	if e.Repeat {
		return 0
	}
	refused := e.Code.Class() > 3
	if e.Command == Rcpt && refused {
		recipients = 1
	}
	switch {
	case e.Command == EndOfData && d.LMTP:
		recipients = 1
	case e.Code == 421, e.Command == Data && refused, e.Command == EndOfData && e.Code.Class() != 3:
		recipients += int(d.Recipients)
		d.Recipients = 0
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

// push adds a command. If there is no room, it merges the waiting commands into
// one run of NoCommand, which keeps only their number.
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
	q.Runs[0].Count--
	if q.Runs[0].Count == 0 {
		q.drop()
	}
}

// drop forgets the oldest run.
func (q *commandRuns) drop() {
	q.N--
	copy(q.Runs[:], q.Runs[1:])
}

func (q *commandRuns) has(c Command) bool {
	for _, run := range q.Runs[:q.N] {
		if run.Command == c {
			return true
		}
	}
	return false
}

// popThrough drops the commands up to the first c, if there is one.
func (q *commandRuns) popThrough(c Command) {
	for q.has(c) {
		if q.front() == c {
			q.pop()
			return
		}
		q.drop()
	}
}
