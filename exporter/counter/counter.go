// Package counter counts the events of the logs. A Source takes the results of the
// parser with their labels, and returns a Snapshot of its counts. No other package
// counts events.
package counter

import (
	"time"
	"unicode/utf8"

	"smtp_reply_exporter/exporter/classify"
	"smtp_reply_exporter/logparse"
)

// Limits on a source's series. Past them, labels that a log could grow without bound
// are folded into "other". Code, reason and peer are never folded.
const (
	maxPrograms       = 32
	maxProgram        = 64 // bytes
	maxSentDetail     = 1000
	maxReceivedDetail = 2000
	maxDeliveries     = 1000
)

// Label values that stand for many values, or for no value.
const (
	other = "other"
	none  = "none"
)

// OtherEnhanced stands for the enhanced codes that the catalogue lacks. No reply can
// have its class.
var OtherEnhanced = logparse.EnhancedCode{Class: 9}

// The keys of the counters are labels of a source's series. They omit labels that
// follow from others, such as class from code.
type (
	// Detail holds the labels of the widest reply families. The narrower families are
	// sums of these. Provider is "" for replies sent.
	Detail struct {
		MTA, Peer, Program, Provider string
		Command                      logparse.Command
		Code                         logparse.Code
		Enhanced                     logparse.EnhancedCode
		Reason                       string
	}
	// Delivery holds the labels of delivery attempts. Code is 0 if no server answered.
	Delivery struct {
		MTA, Peer, Provider string
		Code                logparse.Code
		Reason              string
	}
	// Dialogue holds the labels of positive replies in the dialogue.
	Dialogue struct {
		MTA     string
		Command logparse.Command
		Code    logparse.Code
	}
	// Refusal holds the labels of refusals without a code.
	Refusal struct {
		MTA, Peer string
		Command   logparse.Command
	}
	// Shape names a form of lines that the parser does not understand.
	Shape struct{ MTA, Shape string }
)

// A Count is a counter's value and the time since when it counts.
type Count struct {
	Value   uint64
	Created time.Time
}

// A Family is the name of a metric whose series may be folded.
type Family string

// The families that fold.
const (
	SentDetail     Family = "smtp_replies_sent_detail_total"
	ReceivedDetail Family = "smtp_replies_received_detail_total"
	Deliveries     Family = "smtp_deliveries_total"
)

// A Source counts the events of one source. It is not safe for concurrent use.
type Source struct {
	created  time.Time
	mtas     map[string]time.Time // when each became known
	programs map[string]string    // interned

	sent, received                 map[Detail]*Count
	deliveries                     map[Delivery]*Count
	dialogueSent, dialogueReceived map[Dialogue]*Count
	refusals                       map[Refusal]*Count
	lines                          map[logparse.Outcome]*Count
	notUnderstood                  map[Shape]*Count
	lost                           map[string]*Count // by logger
	folded                         map[Family]*Count
	lastLine                       time.Time
}

// NewSource returns a Source without counts. Its predictable series start at 0, now for
// the given MTAs, and at its first line for any other MTA.
func NewSource(mtas []string, now time.Time) *Source {
	s := &Source{
		created: now, mtas: map[string]time.Time{}, programs: map[string]string{},
		sent: map[Detail]*Count{}, received: map[Detail]*Count{}, deliveries: map[Delivery]*Count{},
		dialogueSent: map[Dialogue]*Count{}, dialogueReceived: map[Dialogue]*Count{}, refusals: map[Refusal]*Count{},
		lines: map[logparse.Outcome]*Count{}, notUnderstood: map[Shape]*Count{},
		lost: map[string]*Count{}, folded: map[Family]*Count{},
	}
	s.zero(mtas, now)
	return s
}

// Line counts a line and its events. labels holds the labels of each event in r.
func (s *Source) Line(r *logparse.Result, labels []classify.Labels, now time.Time) {
	s.lastLine = now
	add(s.lines, r.Outcome, 1, now)
	if r.LostLines > 0 {
		s.Lost(r.Logger, r.LostLines, now)
	}
	if r.MTA != "" {
		s.zeroMTA(r.MTA, now)
	}
	if r.Outcome == logparse.NotUnderstood {
		add(s.notUnderstood, Shape{r.MTA, r.Shape}, 1, now)
	}
	for i := range r.Events {
		s.event(r, &r.Events[i], &labels[i], now)
	}
}

// Lost counts n lines that a logger reports as dropped, in another way than by a line
// of the source.
func (s *Source) Lost(logger string, n int, now time.Time) { add(s.lost, logger, n, now) }

func (s *Source) event(r *logparse.Result, e *logparse.Event, l *classify.Labels, now time.Time) {
	switch e.Kind {
	case logparse.Refusal:
		add(s.refusals, Refusal{r.MTA, l.Peer, e.Command}, e.Count, now)
	case logparse.Reply:
		if !e.Repeat {
			s.reply(r, e, l, now)
		}
	}
	if e.Deliveries > 0 {
		s.delivery(Delivery{r.MTA, l.Peer, l.Provider, e.Code, l.Reason}, e.Deliveries, now)
	}
}

func (s *Source) reply(r *logparse.Result, e *logparse.Event, l *classify.Labels, now time.Time) {
	switch {
	case e.Dialogue && e.Direction == logparse.Sent:
		add(s.dialogueSent, Dialogue{r.MTA, e.Command, e.Code}, e.Count, now)
	case e.Dialogue:
		add(s.dialogueReceived, Dialogue{r.MTA, e.Command, e.Code}, e.Count, now)
	default:
		key := Detail{
			MTA: r.MTA, Peer: l.Peer, Program: s.program(r.Program), Command: e.Command,
			Code: e.Code, Enhanced: e.Enhanced, Reason: l.Reason,
		}
		if e.Enhanced.Class != 0 && !e.Enhanced.Known() {
			key.Enhanced = OtherEnhanced
		}
		if e.Direction == logparse.Sent {
			s.detail(s.sent, SentDetail, maxSentDetail, key, e.Count, now)
		} else {
			key.Provider = l.Provider
			s.detail(s.received, ReceivedDetail, maxReceivedDetail, key, e.Count, now)
		}
	}
}

// program returns the label of a syslog identifier. Any local user can log under any
// identifier, so an unreasonable one becomes other.
func (s *Source) program(identifier []byte) string {
	if len(identifier) == 0 {
		return none
	}
	if p, ok := s.programs[string(identifier)]; ok {
		return p
	}
	if len(s.programs) == maxPrograms || len(identifier) > maxProgram || !utf8.Valid(identifier) {
		return other
	}
	p := string(identifier)
	s.programs[p] = p
	return p
}

// detail counts n replies, under folded labels if the family is full.
func (s *Source) detail(counts map[Detail]*Count, family Family, limit int, key Detail, n int, now time.Time) {
	if counts[key] == nil && len(counts) >= limit {
		if key.Enhanced.Class != 0 {
			key.Enhanced = OtherEnhanced
		}
		if counts[key] == nil {
			key.Program, key.Command = other, logparse.OtherCommand
		}
		add(s.folded, family, n, now)
	}
	add(counts, key, n, now)
}

func (s *Source) delivery(key Delivery, n int, now time.Time) {
	if s.deliveries[key] == nil && len(s.deliveries) >= maxDeliveries {
		key.Provider = other
		add(s.folded, Deliveries, n, now)
	}
	add(s.deliveries, key, n, now)
}

// add counts n under a key. It allocates only at a key's first use.
func add[K comparable](counts map[K]*Count, key K, n int, now time.Time) {
	c := counts[key]
	if c == nil {
		c = &Count{Created: now}
		counts[key] = c
	}
	c.Value += uint64(n)
}
