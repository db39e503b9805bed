package counter

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"smtp_reply_exporter/exporter/classify"
	"smtp_reply_exporter/logparse"
)

var (
	start = time.Date(2026, 11, 23, 16, 0, 0, 0, time.UTC)
	later = start.Add(time.Hour)
)

// tally holds what a source must have counted, by labels that are never folded.
type tally struct {
	sent, received                 map[Reply]uint64
	sentByReason, receivedByReason map[ByReason]uint64
	deliveries                     map[Delivery]uint64 // without provider
	dialogueSent, dialogueReceived map[Dialogue]uint64
	refusals                       map[Refusal]uint64
	lost                           map[string]uint64
	lines                          map[logparse.Outcome]uint64
}

func newTally() *tally {
	return &tally{
		sent: map[Reply]uint64{}, received: map[Reply]uint64{},
		sentByReason: map[ByReason]uint64{}, receivedByReason: map[ByReason]uint64{},
		deliveries: map[Delivery]uint64{}, dialogueSent: map[Dialogue]uint64{}, dialogueReceived: map[Dialogue]uint64{},
		refusals: map[Refusal]uint64{}, lost: map[string]uint64{}, lines: map[logparse.Outcome]uint64{},
	}
}

// event adds an event by the definitions of the families.
func (w *tally) event(e *logparse.Event, l classify.Labels) {
	n := uint64(e.Count)
	w.deliveries[Delivery{MTA: "postfix", Peer: l.Peer, Code: e.Code, Reason: l.Reason}] += uint64(e.Deliveries)
	switch e.Kind {
	case logparse.Refusal:
		w.refusals[Refusal{"postfix", l.Peer, e.Command}] += n
		return
	case logparse.Delivery:
		return
	}
	if e.Repeat {
		return
	}
	replies, byReason, dialogue := w.sent, w.sentByReason, w.dialogueSent
	if e.Direction == logparse.Received {
		replies, byReason, dialogue = w.received, w.receivedByReason, w.dialogueReceived
	}
	if e.Dialogue {
		dialogue[Dialogue{"postfix", e.Command, e.Code}] += n
		return
	}
	replies[Reply{"postfix", l.Peer, e.Code}] += n
	byReason[ByReason{"postfix", l.Peer, CodeReason{e.Code, l.Reason}}] += n
}

// check compares the tally with a snapshot, whose sums must agree.
func (w *tally) check(t *testing.T, c *Snapshot) {
	t.Helper()
	provider := func(d Delivery) Delivery { d.Provider = ""; return d }
	narrow := func(d Detail) Reply { return Reply{d.MTA, d.Peer, d.Code} }
	reason := func(d Detail) ByReason { return ByReason{d.MTA, d.Peer, CodeReason{d.Code, d.Reason}} }
	fromReason := func(r ByReason) Reply { return Reply{r.MTA, r.Peer, r.Code} }
	equal(t, "sent", w.sent, sums(c.Sent, same))
	equal(t, "sent by reason", w.sentByReason, sums(c.SentByReason, same))
	equal(t, "sent by reason, summed", w.sent, sums(c.SentByReason, fromReason))
	equal(t, "sent detail, summed", w.sent, sums(c.SentDetail, narrow))
	equal(t, "sent detail by reason", w.sentByReason, sums(c.SentDetail, reason))
	equal(t, "received", w.received, sums(c.Received, same))
	equal(t, "received by reason", w.receivedByReason, sums(c.ReceivedByReason, same))
	equal(t, "received by reason, summed", w.received, sums(c.ReceivedByReason, fromReason))
	equal(t, "received detail, summed", w.received, sums(c.ReceivedDetail, narrow))
	equal(t, "received detail by reason", w.receivedByReason, sums(c.ReceivedDetail, reason))
	equal(t, "deliveries", sansZeros(w.deliveries), sums(c.Deliveries, provider))
	equal(t, "dialogue sent", w.dialogueSent, sums(c.DialogueSent, same))
	equal(t, "dialogue received", w.dialogueReceived, sums(c.DialogueReceived, same))
	equal(t, "refusals", w.refusals, sums(c.Refusals, same))
	equal(t, "lost lines", w.lost, sums(c.Lost, same))
	equal(t, "lines", w.lines, sums(c.Lines, same))
}

func equal[K comparable](t *testing.T, family string, want, got map[K]uint64) {
	t.Helper()
	if !maps.Equal(want, got) { // cmp is slow with thousands of keys
		t.Errorf("%s (-want +got):\n%s", family, cmp.Diff(want, got))
	}
}

func same[K any](k K) K { return k }

// sums adds the counts whose keys by maps to the same key. It omits series of 0.
func sums[K, N comparable](counts map[K]Count, by func(K) N) map[N]uint64 {
	s := map[N]uint64{}
	for k, c := range counts {
		s[by(k)] += c.Value
	}
	return sansZeros(s)
}

func sansZeros[K comparable](m map[K]uint64) map[K]uint64 {
	for k, v := range m {
		if v == 0 {
			delete(m, k)
		}
	}
	return m
}

// feed counts a line with one event, in the source and in the tally.
func feed(s *Source, w *tally, program string, e logparse.Event, l classify.Labels) {
	r := logparse.Result{Outcome: logparse.Understood, MTA: "postfix", Program: []byte(program), Events: []logparse.Event{e}}
	s.Line(&r, []classify.Labels{l}, later)
	w.event(&e, l)
	w.lines[logparse.Understood]++
}

// lose counts a line in which a logger reports dropped lines.
func lose(s *Source, w *tally, logger string, lines int) {
	r := logparse.Result{Outcome: logparse.Foreign, LostLines: lines, Logger: logger}
	s.Line(&r, nil, later)
	w.lost[logger] += uint64(lines)
	w.lines[logparse.Foreign]++
}

// TestSumsAgree feeds random events. With some seeds they have few labels, with others
// so many that all families fold.
func TestSumsAgree(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 0))
			variety := 1 + rnd.IntN(600)
			pick := func(values ...string) string { return values[rnd.IntN(len(values))] }
			one := func(of string) string { return fmt.Sprint(of, rnd.IntN(1+variety/20)) }
			s, w := NewSource([]string{"postfix"}, start), newTally()
			for range 4000 {
				if rnd.IntN(4) == 0 {
					lose(s, w, pick(logparse.Loggers()...), 1+rnd.IntN(3))
					continue
				}
				e := logparse.Event{
					Kind:      logparse.Kind(rnd.IntN(3)),
					Direction: logparse.Direction(rnd.IntN(2)),
					Command:   logparse.Command(rnd.IntN(int(logparse.OtherCommand) + 1)),
					Count:     1 + rnd.IntN(3),
				}
				switch e.Kind {
				case logparse.Reply:
					e.Code = logparse.Code(200 + rnd.IntN(min(variety, 400)))
					if rnd.IntN(3) > 0 {
						e.Enhanced = logparse.EnhancedCode{
							Class: uint8(e.Code.Class()), Subject: uint16(rnd.IntN(9)), Detail: uint16(rnd.IntN(variety)),
						}
					}
					e.Repeat, e.Dialogue, e.Deliveries = rnd.IntN(4) == 0, rnd.IntN(4) == 0, rnd.IntN(3)
				case logparse.Delivery:
					e.Count, e.Deliveries = 1, 1+rnd.IntN(2)
				}
				feed(s, w, one("postfix/smtp"), e, classify.Labels{
					Peer: pick(sentPeers...), Provider: one("provider"), Reason: one("reason"),
				})
			}
			w.check(t, s.Snapshot())
		})
	}
}

func TestEvents(t *testing.T) {
	labels := classify.Labels{Peer: "external", Provider: "gmail", Reason: "greylisted"}
	reply := logparse.Event{
		Kind: logparse.Reply, Direction: logparse.Received, Command: logparse.Rcpt,
		Code: 451, Enhanced: logparse.EnhancedCode{Class: 4, Subject: 7, Detail: 1}, Count: 1, Deliveries: 1,
	}
	repeat, dialogue := reply, reply
	repeat.Repeat = true
	dialogue.Dialogue, dialogue.Code, dialogue.Deliveries = true, 354, 0
	narrow := Reply{"postfix", "external", 451}
	delivered := Delivery{"postfix", "external", "gmail", 451, "greylisted"}
	for _, tc := range []struct {
		name                string
		event               logparse.Event
		times               int
		replies, deliveries uint64
		refusals, talks     uint64
	}{
		{name: "reply", event: reply, times: 1, replies: 1, deliveries: 1},
		{name: "constant 451 for each of 200 recipients", event: reply, times: 200, replies: 200, deliveries: 200},
		{name: "repeats are deliveries but no replies", event: repeat, times: 49, deliveries: 49},
		{name: "dialogue is apart", event: dialogue, times: 2, talks: 2},
		{name: "refusal without code", event: logparse.Event{Kind: logparse.Refusal, Command: logparse.Auth, Count: 3}, times: 1, refusals: 3},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, w := NewSource([]string{"postfix"}, start), newTally()
			for range tc.times {
				feed(s, w, "postfix/smtp", tc.event, labels)
			}
			c := s.Snapshot()
			w.check(t, c)
			got := []uint64{
				c.Received[narrow].Value, c.Deliveries[delivered].Value,
				c.Refusals[Refusal{"postfix", "external", logparse.Auth}].Value,
				c.DialogueReceived[Dialogue{"postfix", logparse.Rcpt, 354}].Value,
			}
			if diff := cmp.Diff([]uint64{tc.replies, tc.deliveries, tc.refusals, tc.talks}, got); diff != "" {
				t.Errorf("replies, deliveries, refusals, dialogue (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLines(t *testing.T) {
	s := NewSource([]string{"postfix"}, start)
	if c := s.Snapshot(); !c.LastLine.IsZero() {
		t.Errorf("last line at %v, before the first one", c.LastLine)
	}
	s.Line(&logparse.Result{Outcome: logparse.Foreign}, nil, start)
	s.Line(&logparse.Result{Outcome: logparse.NotUnderstood, MTA: "postfix", Shape: "reject"}, nil, later)
	c := s.Snapshot()
	if !c.LastLine.Equal(later) {
		t.Errorf("last line at %v, want %v", c.LastLine, later)
	}
	want := map[logparse.Outcome]uint64{logparse.Foreign: 1, logparse.NotUnderstood: 1}
	if diff := cmp.Diff(want, sums(c.Lines, same)); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[Shape]uint64{{"postfix", "reject"}: 1}, sums(c.NotUnderstood, same)); diff != "" {
		t.Errorf("not understood (-want +got):\n%s", diff)
	}
}

func TestLostLines(t *testing.T) {
	s, w := NewSource([]string{"postfix"}, start), newTally()
	for range 2 {
		lose(s, w, "rsyslog", 237)
	}
	c := s.Snapshot()
	w.check(t, c)
	if got := c.Lost["rsyslog"].Value; got != 474 {
		t.Errorf("%d lost lines, want 474", got)
	}
}

func TestSteadyStateDoesNotAllocate(t *testing.T) {
	s := NewSource([]string{"postfix"}, start)
	known, unknown := logparse.EnhancedCode{Class: 4, Subject: 7, Detail: 1}, logparse.EnhancedCode{Class: 4, Subject: 99, Detail: 9}
	r := logparse.Result{Outcome: logparse.Understood, MTA: "postfix", Program: []byte("postfix/smtp"), LostLines: 1, Logger: "rsyslog"}
	for _, e := range []logparse.Event{
		{Kind: logparse.Reply, Direction: logparse.Received, Code: 451, Enhanced: known, Deliveries: 1},
		{Kind: logparse.Reply, Direction: logparse.Sent, Code: 554, Enhanced: unknown},
		{Kind: logparse.Reply, Direction: logparse.Sent, Code: 250, Dialogue: true},
		{Kind: logparse.Refusal, Command: logparse.Auth},
		{Kind: logparse.Delivery, Cause: logparse.CauseTimeout, Deliveries: 1},
	} {
		e.Count = 1
		r.Events = append(r.Events, e)
	}
	labels := make([]classify.Labels, len(r.Events))
	if n := testing.AllocsPerRun(100, func() { s.Line(&r, labels, later) }); n > 0 {
		t.Errorf("%v allocations a line", n)
	}
}
