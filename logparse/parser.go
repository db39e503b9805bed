package logparse

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// Outcome says what became of a line.
type Outcome uint8

const (
	// Foreign lines are of programs that are no known MTA.
	Foreign Outcome = iota
	// Other lines are an MTA's and have no event.
	Other
	// Understood lines have events: replies, refusals or deliveries.
	Understood
	// NotUnderstood lines look as if they showed a reply, but not in a form that the
	// parser knows.
	NotUnderstood
	numOutcomes
)

var outcomeNames = [numOutcomes]string{"foreign", "other", "reply", "not_understood"}

// String returns the name that counters use as the label result; "" for a value
// that is no outcome.
func (o Outcome) String() string { return nameOf(outcomeNames[:], o) }

// Outcomes returns all outcomes.
func Outcomes() []Outcome { return []Outcome{Foreign, Other, Understood, NotUnderstood} }

// A Result is what one line says. It is valid until the next call of Parse.
type Result struct {
	Outcome Outcome
	MTA     string // one of MTAs or a Format's name; "" for foreign lines
	// Program names what logged the line: the syslog identifier, or what an MTA's
	// own log has in its place, such as Exim's transport.
	Program []byte
	// Shape names the form that was not understood, one of Shapes.
	Shape    string
	Envelope Envelope
	Events   []Event
	// Version is that of an MTA that says so as it starts; nil in all other lines. See
	// NewerThanJudged.
	Version []byte
	// LostLines is how many lines Logger dropped, by what it says in this line. Such
	// a line is Foreign.
	LostLines int
	Logger    string // one of Loggers; "" where LostLines is 0
}

// Read reports whether the line is an MTA's and its header could be read.
func (r *Result) Read() bool { return r.MTA != "" && r.Shape != shapeHeader }

// A Parser reads the lines of one log in their order and remembers, in bounded
// memory, what later lines need of earlier ones. It does no I/O, its results
// depend on the lines alone, and it is not safe for concurrent use.
type Parser struct {
	header    *Header // tried before the unwrapper; nil for none
	unwrapper unwrapper
	grammars  [len(mtas)]grammar // each nil before the first line of its MTA
	only      int                // index of the MTA whose lines are read; noMTA for all
	format    *formatLine        // what reads all lines; nil for the grammars
	line      *line
	owners    []owner     // of the first maxOwners programs of the log
	once      table[hash] // by process: its last line with an event that can happen only once
	counts    cell[bool]  // a copy of the last line would count again
}

// An owner remembers ownerOfProgram. A log has few programs, so that a search is faster
// than a map.
type owner struct {
	program string
	mta     int
}

const (
	maxOwners       = 64
	maxOwnedProgram = 64 // bytes
)

// NewParser returns a parser for lines of any known MTA, which may stand mixed
// in one log.
func NewParser() *Parser {
	return &Parser{
		only: noMTA,
		line: &line{seed: hash(rand.Uint64()), events: make([]Event, 0, 32)},
		once: newTable[hash](1024),
	}
}

// NewParserFor returns a parser for the lines of one MTA, whatever the name of its
// program. Lines of other MTAs are Foreign. It returns an error for a name that is
// not one of MTAs.
func NewParserFor(name string) (*Parser, error) {
	m := mtaNamed(name)
	if m < 0 {
		return nil, fmt.Errorf("logparse: %q is not one of %s", name, strings.Join(MTAs(), ", "))
	}
	p := NewParser()
	p.only = m
	return p, nil
}

// Parse reads one line, without its line end. It does not keep line, but the Result
// refers into it. A line may hold several records, see Next.
func (p *Parser) Parse(line []byte) (r Result) {
	var whole, ok bool
	if p.header != nil {
		whole, ok = p.header.unwrap(&p.unwrapper, line, &p.line.env)
	}
	if !ok {
		whole = p.unwrapper.unwrap(line, &p.line.env)
	}
	if !whole {
		return Result{Outcome: Other, Envelope: p.line.env}
	}
	p.parse(&r)
	return r
}

// Next returns what the next record of the last line says, where that line holds a batch
// of them, such as OTLP's. Parse returns the first. ok is false if there is no other.
func (p *Parser) Next() (r Result, ok bool) {
	if !p.unwrapper.nextRecord(&p.line.env) {
		return Result{}, false
	}
	p.parse(&r)
	return r, true
}

// ParseEnvelope is Parse for a message whose envelope the caller has taken off, such
// as that of an entry of the journal.
func (p *Parser) ParseEnvelope(env Envelope) (r Result) {
	p.unwrapper.reset(env.Message)
	p.unwrapper.container = env.Container
	p.line.env = env
	p.parse(&r)
	return r
}

// parse reads the line whose envelope was taken off into an empty result.
func (p *Parser) parse(r *Result) {
	l := p.line
	l.begin()
	if r.LostLines, r.Logger = p.lost(); r.LostLines == 0 {
		r.MTA = p.read()
		p.noteCounts()
	}
	switch {
	case r.MTA == "":
	case len(l.events) > 0:
		r.Outcome = Understood
	case l.shape != "":
		r.Outcome, r.Shape = NotUnderstood, l.shape
	default:
		r.Outcome = Other
	}
	p.unwrapper.carryHost(&l.env)
	if l.env.Time.kind == timeNone {
		l.env.Time = p.unwrapper.outer.Time
	}
	r.Program, r.Envelope, r.Events, r.Version = l.program, l.env, l.events, l.version
}

// read adds the events of the line and returns the name of the MTA that logged it,
// "" for a foreign one.
func (p *Parser) read() (mta string) {
	if p.format != nil {
		p.format.parse(p.unwrapper.logged)
		return p.format.mta
	}
	l := p.line
	m := p.readerOf(&l.env)
	if m == noMTA {
		if m = p.wrappedReader(); m == noMTA {
			if m = p.headless(); m == noMTA {
				return ""
			}
			l.notUnderstood(shapeHeader)
			return mtas[m].name
		}
	}
	if !mtas[m].formHasTag {
		p.unwrapper.carryHost(&l.env)
	}
	l.cutRepeated()
	if p.isCutCopy() {
		return mtas[m].name
	}
	if l.program == nil {
		l.program = mtas[m].program
	}
	p.grammar(m).parse()
	if !mtas[m].anonymous && (l.env.Program != nil || l.reported) {
		p.countOnce()
	}
	return mtas[m].name
}

// wrappedReader takes further envelopes off a line that no grammar reads. It returns the
// index of the MTA whose grammar reads what is in them; noMTA if none does.
func (p *Parser) wrappedReader() int {
	l := p.line
	outer, taken := l.env, false
	for p.unwrapper.next(&l.env) {
		l.begin()
		taken = true
		if m := p.readerOf(&l.env); m != noMTA {
			return m
		}
	}
	if taken && l.env.Program == nil {
		l.env = outer
		l.begin()
	}
	return noMTA
}

// grammar returns the grammar of the MTA with an index.
func (p *Parser) grammar(m int) grammar {
	if p.grammars[m] == nil {
		p.grammars[m] = mtas[m].new(p.line)
	}
	return p.grammars[m]
}

// readerOf returns the index of the MTA whose grammar reads a line. A Parser for one
// MTA also takes lines of other programs, such as the node that runs Haraka, if they
// have the form of that MTA's own log.
func (p *Parser) readerOf(env *Envelope) int {
	m := p.ownerOf(env)
	if m == noMTA && p.only != noMTA && !mtas[p.only].formIsCommon {
		m = ownerOfForm(env)
	}
	if p.only != noMTA && m != p.only {
		return noMTA
	}
	return m
}

// ownerOf returns the index of the MTA that logged a line; noMTA if there is none.
// It judges by the syslog identifier or, without one, by the form.
func (p *Parser) ownerOf(env *Envelope) int {
	if env.Program == nil {
		return ownerOfForm(env)
	}
	if m := p.ownerOfProgram(env.Program); m != noMTA {
		return m
	}
	for m, spec := range mtas {
		if spec.formHasTag && spec.ownsForm(env) {
			return m
		}
	}
	return noMTA
}

// ownerOfProgram is the function of that name, which it asks once for a program.
func (p *Parser) ownerOfProgram(program []byte) int {
	for i := range p.owners {
		if p.owners[i].program == string(program) {
			return p.owners[i].mta
		}
	}
	m := ownerOfProgram(program)
	if len(p.owners) < maxOwners && len(program) <= maxOwnedProgram {
		p.owners = append(p.owners, owner{string(program), m})
	}
	return m
}
