package logparse

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
	MTA     string // "postfix"; "" for foreign lines
	// Shape names the form that was not understood, one of Shapes.
	Shape    string
	Envelope Envelope
	Events   []Event
}

// MTAs returns the names of the MTAs whose logs are understood.
func MTAs() []string { return []string{postfixName} }

// Shapes returns the forms of an MTA's lines that can be not understood.
func Shapes(mta string) []string {
	if mta == postfixName {
		return postfixShapes
	}
	return nil
}

// A Parser reads the lines of one log in their order and remembers, in bounded
// memory, what later lines need of earlier ones. It does no I/O, its results
// depend on the lines alone, and it is not safe for concurrent use.
type Parser struct {
	unwrapper unwrapper
	postfix   postfix
	line      postfixLine // here, since a line of its own would be allocated
	events    []Event
}

// NewParser returns a parser for lines of any known MTA.
func NewParser() *Parser {
	p := &Parser{events: make([]Event, 0, 32)}
	p.postfix.init()
	return p
}

// Parse reads one line, without its line end. It keeps nothing of line's
// memory, but what it returns refers to it.
func (p *Parser) Parse(line []byte) Result {
	env, whole := p.unwrapper.unwrap(line)
	if !whole {
		return Result{Outcome: Other, Envelope: env}
	}
	return p.ParseEnvelope(env)
}

// ParseEnvelope is Parse for a message whose envelope the caller has taken off,
// such as an entry of the journal.
func (p *Parser) ParseEnvelope(env Envelope) Result {
	p.events = p.events[:0]
	if lost, logger := lostLines(&env); lost > 0 {
		p.events = append(p.events, Event{Kind: LostLines, Count: lost, Logger: logger})
		return Result{Outcome: Told, Envelope: env, Events: p.events}
	}
	service, ok := postfixService(env.Program)
	if env.Program == nil {
		// A bare message: only a queue id at its start makes it Postfix'.
		id, _ := cutQueueID(env.Message)
		ok = id != nil
	}
	if !ok {
		return Result{Outcome: Foreign, Envelope: env}
	}
	message, count := repeatedMessage(env.Message)
	l := &p.line
	*l = postfixLine{postfix: &p.postfix, env: env, service: service, count: count, events: p.events}
	shape := l.parse(message)
	p.events = l.events
	result := Result{MTA: postfixName, Envelope: env, Events: l.events}
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
