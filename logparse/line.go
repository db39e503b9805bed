package logparse

// A line is one message while it is parsed. It lies in the Parser and is shared
// with all grammars, since a line of its own would be allocated.
type line struct {
	seed    hash // of all hashes of the Parser
	env     Envelope
	program []byte // Result.Program
	message []byte // of env, or what the logger says was repeated
	count   int    // how often the logger says the message came
	events  []Event
	shape   string // of a line that is not understood
}

// begin makes the line that of env. What looks like a tag in it may be the words of
// an MTA's own log.
func (l *line) begin() {
	if l.env.untagged != nil {
		tagged := l.env
		l.env = Envelope{Time: tagged.Time, Message: tagged.untagged}
		if ownerOfForm(&l.env) == noMTA {
			l.env = tagged
		}
	}
	l.program, l.message = l.env.Program, l.env.Message
	l.count, l.events, l.shape = 1, l.events[:0], ""
}

// emit adds an event of the line, which counts once for each time that the
// message came. Deliveries are those of one message.
func (l *line) emit(e Event) {
	e.Count = l.count
	e.Deliveries *= l.count
	l.events = append(l.events, e)
}

// emitTimes adds an event that happened n times, if n is not 0.
func (l *line) emitTimes(n int, e Event) {
	if n > 0 {
		l.emit(e)
		l.events[len(l.events)-1].Count *= n
	}
}

// notUnderstood says that the line looks as if it showed a reply, in a form that
// has the shape's name. It counts only where the line has no event.
func (l *line) notUnderstood(shape string) { l.shape = shape }

// process names the process that logged the line.
func (l *line) process() hash { return l.seed.add(l.env.Host).add(l.env.Program).add(l.env.PID) }
