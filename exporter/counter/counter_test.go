package counter

import (
	"fmt"
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

// feed counts a line with one event, in the source and in the tally.
func feed(s *Source, w *tally, program string, e logparse.Event, l classify.Labels) {
	r := logparse.Result{Outcome: logparse.Understood, MTA: "postfix", Program: []byte(program), Events: []logparse.Event{e}}
	s.Line(&r, []classify.Labels{l}, later)
	w.event("", "postfix", program, &e, l)
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
			s, w := NewSource([]string{"postfix"}, Hosts{}, start), newTally()
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
			c := s.Snapshot()
			w.check(t, c)
			checkSums(t, c)
			checkTotals(t, c)
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
	narrow := Reply{"", "postfix", "external", 451}
	delivered := Delivery{"", "postfix", "external", "gmail", 451, "greylisted"}
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
		{name: "refusal without code", event: logparse.Event{Kind: logparse.Refusal, Command: logparse.Auth, Class: 5, Count: 3}, times: 1, refusals: 3},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, w := NewSource([]string{"postfix"}, Hosts{}, start), newTally()
			for range tc.times {
				feed(s, w, "postfix/smtp", tc.event, labels)
			}
			c := s.Snapshot()
			w.check(t, c)
			got := []uint64{
				c.Received[narrow].Value, c.Deliveries[delivered].Value,
				c.Refusals[Refusal{"", "postfix", "external", logparse.Auth, 5, "greylisted"}].Value,
				c.DialogueReceived[Dialogue{"", "postfix", logparse.Rcpt, 354}].Value,
			}
			if diff := cmp.Diff([]uint64{tc.replies, tc.deliveries, tc.refusals, tc.talks}, got); diff != "" {
				t.Errorf("replies, deliveries, refusals, dialogue (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLines(t *testing.T) {
	s := NewSource([]string{"postfix"}, Hosts{}, start)
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
	s, w := NewSource([]string{"postfix"}, Hosts{}, start), newTally()
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
	s := NewSource([]string{"postfix"}, Hosts{}, start)
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
	f := newFlood(t, 0, "postfix")
	for _, w := range waves("postfix") {
		f.anything(w.mta, w.dir, w.p, 3000)
	}
	r.Events[0].Code, r.Events[1].Code, r.Events[2].Code, r.Program = 499, 599, 299, []byte("postfix/new")
	if n := testing.AllocsPerRun(100, func() { f.source.Line(&r, labels, later) }); n > 0 {
		t.Errorf("%v allocations a folded line", n)
	}
}
