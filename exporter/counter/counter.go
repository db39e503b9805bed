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

// The keys of the counters, but for those of replies. Host is "" where the source does
// not count by host.
type (
	// Delivery holds the labels of delivery attempts. Code is 0 if no server answered.
	Delivery struct {
		Host, MTA, Peer, Provider string
		Code                      logparse.Code
		Reason                    string
	}
	// Dialogue holds the labels of positive replies in the dialogue.
	Dialogue struct {
		Host, MTA string
		Command   logparse.Command
		Code      logparse.Code
	}
	// Refusal holds the labels of refusals without a code. Class is 4 or 5, or 0 if the
	// log does not say.
	Refusal struct {
		Host, MTA, Peer string
		Command         logparse.Command
		Class           int
		Reason          string
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
	Sent             Family = "smtp_replies_sent_total"
	Received         Family = "smtp_replies_received_total"
	SentByReason     Family = "smtp_replies_sent_by_reason_total"
	ReceivedByReason Family = "smtp_replies_received_by_reason_total"
	SentDetail       Family = "smtp_replies_sent_detail_total"
	ReceivedDetail   Family = "smtp_replies_received_detail_total"
	Deliveries       Family = "smtp_deliveries_total"
	DialogueSent     Family = "smtp_dialogue_replies_sent_total"
	DialogueReceived Family = "smtp_dialogue_replies_received_total"
	Refusals         Family = "smtp_refusals_without_code_total"
)

var families = []Family{
	Sent, Received, SentByReason, ReceivedByReason, SentDetail, ReceivedDetail,
	Deliveries, DialogueSent, DialogueReceived, Refusals,
}

// A Source counts the events of one source. It is not safe for concurrent use.
type Source struct {
	created  time.Time
	mtas     map[string]time.Time // when each became known
	programs map[string]string    // interned
	hosts    hosts

	sent, received                 replies
	deliveries                     family[Delivery]
	dialogueSent, dialogueReceived family[Dialogue]
	refusals                       family[Refusal]
	lines                          map[logparse.Outcome]*Count
	notUnderstood                  map[Shape]*Count
	lost                           map[string]*Count // by logger
	folded                         map[Family]*Count
	lastLine                       time.Time
}

// NewSource returns a Source without counts. Its predictable series start at 0, now for
// the given MTAs and named hosts, and at its first line for any other.
func NewSource(mtas []string, which Hosts, now time.Time) *Source {
	s := empty(now)
	s.hosts = newHosts(which, nil)
	s.zero(mtas, now)
	return s
}

// empty returns a Source without series.
func empty(created time.Time) *Source {
	ofDelivery := func(d Delivery) scope { return ofSource(d.Host) }
	ofDialogue := func(d Dialogue) scope { return ofMTA(d.Host, d.MTA) }
	ofRefusal := func(r Refusal) scope { return ofSource(r.Host) }
	return &Source{
		created: created, mtas: map[string]time.Time{}, programs: map[string]string{},
		sent:             newReplies(Sent, SentByReason, SentDetail, sentDetailLimits, sentPeers, sentAlerts),
		received:         newReplies(Received, ReceivedByReason, ReceivedDetail, receivedDetailLimits, receivedPeers, receivedAlerts),
		deliveries:       newFamily(Deliveries, deliveryLimits, ofDelivery, Delivery.tier, Delivery.fold),
		dialogueSent:     newFamily(DialogueSent, dialogueLimits, ofDialogue, Dialogue.tier, Dialogue.fold),
		dialogueReceived: newFamily(DialogueReceived, dialogueLimits, ofDialogue, Dialogue.tier, Dialogue.fold),
		refusals:         newFamily(Refusals, refusalLimits, ofRefusal, Refusal.tier, Refusal.fold),
		lines:            map[logparse.Outcome]*Count{}, notUnderstood: map[Shape]*Count{},
		lost: map[string]*Count{}, folded: map[Family]*Count{},
	}
}

// A line is one with the label of its host.
type line struct {
	*logparse.Result
	host     string
	hostFull bool // the label is other because the source has too many hosts
	now      time.Time
}

// Line counts a line and its events. labels holds the labels of each event in r.
func (s *Source) Line(r *logparse.Result, labels []classify.Labels, now time.Time) {
	s.lastLine = now
	add(s.lines, r.Outcome, 1, now)
	if r.LostLines > 0 {
		s.Lost(r.Logger, r.LostLines, now)
	}
	l := line{Result: r, now: now}
	if r.MTA != "" {
		s.zeroMTA(r.MTA, now)
		l.host, l.hostFull = s.host(r, now)
	}
	if r.Outcome == logparse.NotUnderstood {
		add(s.notUnderstood, Shape{r.MTA, r.Shape}, 1, now)
	}
	for i := range r.Events {
		s.event(&l, &r.Events[i], &labels[i])
	}
}

// Lost counts n lines that a logger reports as dropped, in another way than by a line
// of the source.
func (s *Source) Lost(logger string, n int, now time.Time) { add(s.lost, logger, n, now) }

func (s *Source) event(l *line, e *logparse.Event, labels *classify.Labels) {
	switch e.Kind {
	case logparse.Refusal:
		count(s, &s.refusals, Refusal{l.host, l.MTA, labels.Peer, e.Command, e.Class, labels.Reason}, e.Count, l)
	case logparse.Reply:
		if !e.Repeat {
			s.reply(l, e, labels)
		}
	}
	if e.Deliveries > 0 {
		count(s, &s.deliveries, Delivery{l.host, l.MTA, labels.Peer, labels.Provider, e.Code, labels.Reason}, e.Deliveries, l)
	}
}

func (s *Source) reply(l *line, e *logparse.Event, labels *classify.Labels) {
	switch {
	case e.Dialogue && e.Direction == logparse.Sent:
		count(s, &s.dialogueSent, Dialogue{l.host, l.MTA, e.Command, e.Code}, e.Count, l)
	case e.Dialogue:
		count(s, &s.dialogueReceived, Dialogue{l.host, l.MTA, e.Command, e.Code}, e.Count, l)
	default:
		key := Detail{
			Host: l.host, MTA: l.MTA, Peer: labels.Peer, Command: e.Command, Code: e.Code, Enhanced: e.Enhanced, Reason: labels.Reason,
		}
		var programFull bool
		key.Program, programFull = s.program(l.Program)
		if e.Enhanced.Class != 0 && !e.Enhanced.Known() {
			key.Enhanced = OtherEnhanced
		}
		direction := &s.sent
		if e.Direction == logparse.Received {
			direction, key.Provider = &s.received, labels.Provider
		}
		s.detail(direction, key, programFull, e.Count, l)
	}
}

// program returns the label of a syslog identifier. Any local user can log under any
// identifier, so an unreasonable one becomes other. full reports whether it became other
// because the source has too many of them.
func (s *Source) program(identifier []byte) (label string, full bool) {
	if len(identifier) == 0 {
		return none, false
	}
	if p, ok := s.programs[string(identifier)]; ok {
		return p, false
	}
	if len(identifier) > maxProgram || !utf8.Valid(identifier) {
		return other, false
	}
	if len(s.programs) == maxPrograms {
		return other, true
	}
	p := string(identifier)
	s.programs[p] = p
	return p, false
}

// detail counts n replies. programFull reports whether the program in key is folded
// already, as l.hostFull does for its host.
func (s *Source) detail(r *replies, key Detail, programFull bool, n int, l *line) {
	folded := foldedFamilies{detail: programFull || l.hostFull, byReason: l.hostFull, narrow: l.hostFull}
	if c := r.detail.series[key]; c != nil {
		c.add(n)
	} else {
		place := r.place(key)
		r.add(place, Count{uint64(n), l.now})
		folded.add(key, place)
	}
	s.noteFolded(r, folded, uint64(n), l.now)
}

// foldedFamilies says which families of replies lack a label of one.
type foldedFamilies struct{ detail, byReason, narrow bool }

// add adds those in which key was folded to place.
func (f *foldedFamilies) add(key Detail, place labels) {
	f.detail = f.detail || place.detail != key
	f.byReason = f.byReason || place.byReason != key.byReason()
	f.narrow = f.narrow || place.narrow != key.narrow()
}

func (s *Source) noteFolded(r *replies, folded foldedFamilies, n uint64, now time.Time) {
	if folded.detail {
		add(s.folded, r.detail.name, n, now)
	}
	if folded.byReason {
		add(s.folded, r.byReason.name, n, now)
	}
	if folded.narrow {
		add(s.folded, r.narrow.name, n, now)
	}
}

// count counts n events in a family.
func count[K comparable](s *Source, f *family[K], key K, n int, l *line) {
	folded := f.count(key, n, l.now)
	if l.hostFull {
		folded = n
	}
	if folded > 0 {
		add(s.folded, f.name, folded, l.now)
	}
}

// add counts n under a key. It allocates only at a key's first use.
func add[K comparable, N int | uint64](counts map[K]*Count, key K, n N, now time.Time) {
	c := counts[key]
	if c == nil {
		c = &Count{Created: now}
		counts[key] = c
	}
	c.Value += uint64(n)
}
