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

func (l *line) reset(env Envelope) {
	l.count, l.events, l.shape = 1, l.events[:0], ""
	l.setEnvelope(env)
	if env.untagged == nil {
		return
	}
	l.setEnvelope(Envelope{Time: env.Time, Message: env.untagged})
	if ownerOfForm(&l.env) == noMTA {
		l.setEnvelope(env)
	}
}

func (l *line) setEnvelope(env Envelope) {
	l.env, l.program, l.message = env, env.Program, env.Message
}

// emit adds an event of the line, which counts once for each time that the
// message came. Deliveries are those of one message.
func (l *line) emit(e Event) { l.emitTimes(1, e) }

// emitTimes adds an event that happened n times, if n is not 0.
func (l *line) emitTimes(n int, e Event) {
	if n > 0 {
		e.Count = n * l.count
		e.Deliveries *= l.count
		l.events = append(l.events, e)
	}
}

// notUnderstood says that the line looks as if it showed a reply, in a form that
// has the shape's name. It counts only where the line has no event.
func (l *line) notUnderstood(shape string) { l.shape = shape }

// process names the process that logged the line.
func (l *line) process() hash { return l.seed.add(l.env.Host).add(l.env.Program).add(l.env.PID) }
