package logparse

import "math/rand/v2"

// Outcome says what became of a line.
type Outcome uint8

const (
	// Foreign lines are of programs that are no known MTA.
	Foreign Outcome = iota
	// Other lines are an MTA's and tell no reply.
	Other
	// Told lines have events.
	Told
	// NotUnderstood lines looked as if they told a reply, but not in a form
	// that the parser knows.
	NotUnderstood
	numOutcomes
)

var outcomeNames = [numOutcomes]string{"foreign", "other", "reply", "not_understood"}

func (o Outcome) String() string { return outcomeNames[o] }

// Outcomes returns all outcomes.
func Outcomes() []Outcome { return []Outcome{Foreign, Other, Told, NotUnderstood} }

// A Result is what a line told. Like its events it holds until the next call
// of Parse.
type Result struct {
	Outcome Outcome
	MTA     string // one of MTAs or a Format's name; "" for foreign lines
	// Shape names the form that was not understood, one of Shapes.
	Shape    string
	Envelope Envelope
	Events   []Event
}

// A Parser reads the lines of one log in their order and remembers, in bounded
// memory, what later lines need of earlier ones. It does no I/O, its results
// depend on the lines alone, and it is not safe for concurrent use.
type Parser struct {
	unwrapper unwrapper
	grammars  [numMTAs]grammar
	only      mta         // the one whose lines are read; noMTA for all
	format    *formatLine // what reads all lines; nil for the grammars
	line      *line
}

// NewParser returns a parser for lines of any known MTA, which may stand mixed
// in one log.
func NewParser() *Parser {
	p := &Parser{
		unwrapper: unwrapper{json: newEnvelopeObject()},
		only:      noMTA,
		line:      &line{seed: hash(rand.Uint64()), events: make([]Event, 0, 32)},
	}
	for m := range mtas {
		p.grammars[m] = mtas[m].grammar(p.line)
	}
	return p
}

// NewParserFor is NewParser for the lines of one of MTAs, whatever name its program
// has; those of others are Foreign. It panics on another name.
func NewParserFor(name string) *Parser {
	p := NewParser()
	p.only = mtaNamed(name)
	return p
}

// Parse reads one line, without its line end. It keeps nothing of line's
// memory, but what it returns refers to it.
func (p *Parser) Parse(line []byte) Result {
	env, whole := p.unwrapper.unwrap(line)
	if !whole {
		return Result{Outcome: Other, Envelope: env}
	}
	return p.parse(&env)
}

// ParseEnvelope is Parse for a message whose envelope the caller has taken off,
// such as an entry of the journal.
func (p *Parser) ParseEnvelope(env Envelope) Result {
	p.unwrapper.logged = nil
	return p.parse(&env)
}

func (p *Parser) parse(env *Envelope) Result {
	l := p.line
	l.env, l.events, l.count = *env, l.events[:0], 1
	if lost, logger := lostLines(env); lost > 0 {
		l.emit(Event{Kind: LostLines, Count: lost, Logger: logger})
		return Result{Outcome: Told, Envelope: *env, Events: l.events}
	}
	var result Result
	var shape string
	if p.format != nil {
		result.MTA, l.message = p.format.mta, env.Message
		shape = p.format.parse(p.unwrapper.logged)
	} else {
		m := p.ownerOf(env)
		if m == noMTA {
			return Result{Outcome: Foreign, Envelope: *env}
		}
		result.MTA = mtas[m].name
		l.message, l.count = repeatedMessage(env.Message)
		shape = p.grammars[m].parse()
	}
	result.Envelope, result.Events = l.env, l.events
	switch {
	case len(l.events) > 0:
		result.Outcome = Told
	case shape != "":
		result.Outcome, result.Shape = NotUnderstood, shape
	default:
		result.Outcome = Other
	}
	return result
}

// ownerOf returns the MTA whose grammar reads a line. Of the one MTA that is read
// for, programs of other names are taken too, such as the node that runs Haraka, if
// their messages have the form of its own logs. Postfix' form is too simple for that:
// milters log queue ids as well.
func (p *Parser) ownerOf(env *Envelope) mta {
	m := ownerOf(env)
	if m == noMTA && p.only != noMTA && p.only != mtaPostfix {
		m = ownerOfBare(env)
	}
	if p.only != noMTA && m != p.only {
		return noMTA
	}
	return m
}

// A line is one message while it is parsed. It lies in the Parser and is shared
// with all grammars, since a line of its own would be allocated.
type line struct {
	seed    hash // of all hashes of the Parser
	env     Envelope
	message []byte // of env, or what the logger says was repeated
	count   int    // how often the logger says the message came
	events  []Event
}

// emit adds an event of the line.
func (l *line) emit(e Event) {
	e.Count *= l.count
	e.Deliveries *= l.count
	if e.Count > 0 || e.Deliveries > 0 {
		l.events = append(l.events, e)
	}
}

// process names the process that logged the line.
func (l *line) process() hash { return l.seed.add(l.env.Host).add(l.env.Program).add(l.env.PID) }
