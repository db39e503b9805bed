package logparse

// A line is one message while the Parser parses it. The Parser holds one line and
// shares it with all grammars, which saves an allocation per message.
type line struct {
	seed    hash // start of all hashes of the Parser
	env     Envelope
	program []byte // Result.Program
	message []byte // of env, or the message that the logger reports as repeated
	count   int    // how often the message came, by the logger's report
	// reported reports whether the line is that report.
	reported bool
	by       hash // the process, once it was asked for
	events   []Event
	shape    string // of a line that is not understood
	version  []byte // Result.Version
}

// begin resets the line to env. An apparent tag may be part of the message in an
// MTA's own log; begin then takes it back into the message.
func (l *line) begin() {
	if l.env.untagged != nil {
		tagged := l.env
		l.env = Envelope{Time: tagged.Time, Message: tagged.untagged}
		if ownerOfForm(&l.env) == noMTA {
			l.env = tagged
		}
	}
	l.program, l.message = l.env.Program, l.env.Message
	l.count, l.reported, l.by, l.events, l.shape, l.version = 1, false, 0, l.events[:0], "", nil
}

// emit adds an event of the line. It sets the event's Count to the number of times
// that the message came, and multiplies Deliveries, those of one message, by it. No
// attempt ends well with a 3xx. A refusal's enhanced code shows its class (RFC 2034 §4).
func (l *line) emit(e Event) {
	if e.Kind == Reply && e.Deliveries > 0 && (e.Code.Class() == 3 || e.Cause == CauseProtocol) {
		l.emitFailed(e)
		return
	}
	if e.Kind == Refusal && e.Class == 0 && e.Enhanced.Class >= 4 {
		e.Class = int(e.Enhanced.Class)
	}
	e.Count = l.count
	e.Deliveries *= l.count
	l.events = append(l.events, e)
}

// emitFailed adds a positive reply after which the MTA gave up, since it waited for
// another one: the reply, and apart from it the attempts.
func (l *line) emitFailed(e Event) {
	failed := Event{
		Kind: Delivery, Direction: e.Direction, Deliveries: e.Deliveries, Cause: CauseProtocol,
		Remote: e.Remote, Addr: e.Addr, QueueID: e.QueueID, Text: e.Text,
	}
	e.Deliveries, e.Dialogue, e.Cause = 0, true, CauseProtocol
	l.emit(e)
	l.emit(failed)
}

// emitTimes adds an event that happened n times, if n is not 0.
func (l *line) emitTimes(n int, e Event) {
	if n > 0 {
		l.emit(e)
		l.events[len(l.events)-1].Count *= n
	}
}

// notUnderstood records that the line seems to show a reply in a form that no
// grammar understands. shape names the form. It counts only if the line has no
// event.
func (l *line) notUnderstood(shape string) { l.shape = shape }

// process returns a hash that identifies the process that logged the line.
func (l *line) process() hash {
	if l.by == 0 {
		l.by = l.seed.add(l.env.Host).add(l.env.Program).add(l.env.PID)
	}
	return l.by
}
