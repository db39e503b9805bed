package counter

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"smtp_reply_exporter/exporter/classify"
	"smtp_reply_exporter/exporter/classify/peer"
	"smtp_reply_exporter/exporter/classify/provider"
	"smtp_reply_exporter/exporter/classify/reason"
	"smtp_reply_exporter/logparse"
)

// A flood is a source into whose log somebody writes whatever a log can show.
type flood struct {
	*testing.T
	source   *Source
	fed      *tally
	rnd      *rand.Rand
	snapshot *Snapshot // the last one
}

func newFlood(t *testing.T, seed uint64, mtas ...string) *flood {
	s := NewSource(mtas, start)
	return &flood{t, s, newTally(), rand.New(rand.NewPCG(seed, 0)), s.Snapshot()}
}

// say feeds an event of an MTA.
func (f *flood) say(mta, program string, e logparse.Event, l classify.Labels) {
	r := logparse.Result{Outcome: logparse.Understood, MTA: mta, Program: []byte(program), Events: []logparse.Event{e}}
	f.source.Line(&r, []classify.Labels{l}, later)
	f.fed.event(mta, program, &e, l)
	f.fed.lines[logparse.Understood]++
}

func pick[T any](f *flood, values []T) T { return values[f.rnd.IntN(len(values))] }

// anything feeds n random events of one direction and peer. The peer of replies received
// is never authenticated.
func (f *flood) anything(mta string, dir logparse.Direction, p string, n int) {
	for range n {
		e := logparse.Event{
			Kind: logparse.Reply, Direction: dir, Command: logparse.Command(f.rnd.IntN(int(logparse.OtherCommand) + 1)),
			Code: logparse.Code(200 + f.rnd.IntN(400)), Count: 1 + f.rnd.IntN(2),
		}
		e.Enhanced = logparse.EnhancedCode{Class: uint8(e.Code.Class()), Subject: uint16(f.rnd.IntN(8)), Detail: uint16(f.rnd.IntN(10))}
		l := classify.Labels{Peer: p, Provider: provider.Other, Reason: reason.OK}
		if e.Code.Class() > 3 {
			l.Reason = pick(f, reason.Names()[1:])
		} else {
			e.Dialogue = f.rnd.IntN(2) == 0
		}
		if dir == logparse.Received {
			l.Provider = pick(f, provider.Names())
		}
		switch kind := f.rnd.IntN(4); {
		case kind == 0 && dir == logparse.Sent:
			e.Kind, e.Code, e.Dialogue = logparse.Refusal, 0, false
		case kind == 0:
			e.Kind, e.Code, e.Dialogue, e.Deliveries = logparse.Delivery, 0, false, 1
			l.Reason = pick(f, logparse.Causes())
		case dir == logparse.Received && !e.Dialogue:
			e.Deliveries = 1
		}
		f.say(mta, fmt.Sprint(mta, f.rnd.IntN(50)), e, l)
	}
}

// catalogue feeds each code of the catalogue, and 451 and 452 with each reason.
func (f *flood) catalogue(mta string, dir logparse.Direction, p string) {
	for _, info := range logparse.Codes() {
		reasons := reason.Names()[1:]
		if info.Code.Class() < 4 {
			reasons = []string{reason.OK}
		} else if !isWanted(info.Code) {
			reasons = []string{"policy"}
		}
		for _, r := range reasons {
			e := logparse.Event{Kind: logparse.Reply, Direction: dir, Command: logparse.Rcpt, Code: info.Code, Count: 1, Deliveries: int(dir)}
			f.say(mta, mta, e, classify.Labels{Peer: p, Provider: "gmx", Reason: r})
		}
	}
}

// verify takes a snapshot and checks what holds at each one.
func (f *flood) verify() {
	f.Helper()
	c := f.source.Snapshot()
	f.fed.check(f.T, c)
	checkTotals(f.T, c)
	checkClasses(f.T, f.fed, c)
	growing(f.T, f.snapshot.Sent, c.Sent)
	growing(f.T, f.snapshot.ReceivedByReason, c.ReceivedByReason)
	growing(f.T, f.snapshot.SentDetail, c.SentDetail)
	growing(f.T, f.snapshot.ReceivedDetail, c.ReceivedDetail)
	growing(f.T, f.snapshot.Deliveries, c.Deliveries)
	growing(f.T, f.snapshot.DialogueSent, c.DialogueSent)
	growing(f.T, f.snapshot.Refusals, c.Refusals)
	if f.Failed() {
		f.FailNow()
	}
	f.snapshot = c
}

// growing tests that no series disappears or goes back.
func growing[K comparable](t *testing.T, before, after map[K]Count) {
	t.Helper()
	for k, was := range before {
		if got, ok := after[k]; !ok || got.Value < was.Value || got.Created != was.Created {
			t.Errorf("%T %+v was %v, and is %v", k, k, was, got)
		}
	}
}

// checkClasses tests that a folded code keeps its class, and a delivery that nobody
// answered its code none.
func checkClasses(t *testing.T, w *tally, c *Snapshot) {
	t.Helper()
	class := func(code logparse.Code) int {
		if IsOther(code) {
			return int(code)
		}
		return code.Class()
	}
	agree(t, "sent by class", totals(w.sent.narrow, func(k Reply) int { return class(k.Code) }), sums(c.Sent, func(k Reply) int { return class(k.Code) }))
	agree(t, "received by class", totals(w.received.narrow, func(k Reply) int { return class(k.Code) }), sums(c.Received, func(k Reply) int { return class(k.Code) }))
	agree(t, "deliveries by class", totals(w.deliveries, func(k Delivery) int { return class(k.Code) }), sums(c.Deliveries, func(k Delivery) int { return class(k.Code) }))
	agree(t, "dialogue by class", totals(w.dialogueSent, func(k Dialogue) int { return class(k.Code) }), sums(c.DialogueSent, func(k Dialogue) int { return class(k.Code) }))
}

func totals[K, N comparable](counts map[K]uint64, by func(K) N) map[N]uint64 {
	s := map[N]uint64{}
	for k, n := range counts {
		s[by(k)] += n
	}
	return s
}

// haveCatalogue tests that the codes of the catalogue have series of their own.
func (f *flood) haveCatalogue(mta string, dir logparse.Direction, p string) {
	f.Helper()
	got, want := f.snapshot.Sent, f.fed.sent.narrow
	if dir == logparse.Received {
		got, want = f.snapshot.Received, f.fed.received.narrow
	}
	for _, info := range logparse.Codes() {
		if key := (Reply{mta, p, info.Code}); want[key] == 0 || got[key].Value != want[key] {
			f.Errorf("%s: %+v is %d, want %d", dir, key, got[key].Value, want[key])
		}
	}
}

// haveReasons tests that 451 and 452 have series of their own for each reason.
func (f *flood) haveReasons(mta string, dir logparse.Direction, p string) {
	f.Helper()
	got, want := f.snapshot.SentByReason, f.fed.sent.byReason
	if dir == logparse.Received {
		got, want = f.snapshot.ReceivedByReason, f.fed.received.byReason
	}
	for _, code := range []logparse.Code{451, 452} {
		for _, r := range reason.Names()[1:] {
			if key := (ByReason{mta, p, CodeReason{code, r}}); want[key] == 0 || got[key].Value != want[key] {
				f.Errorf("%s: %+v is %d, want %d", dir, key, got[key].Value, want[key])
			}
		}
	}
}

// restart tests that a restart changes no series.
func (f *flood) restart() {
	f.Helper()
	if diff := cmp.Diff(f.snapshot, restored(f.T, f.source).Snapshot()); diff != "" {
		f.Errorf("a restart (-before +after):\n%s", diff)
	}
}

// A wave is what one direction and peer of an MTA can show.
type wave struct {
	mta string
	dir logparse.Direction
	p   string
}

func waves(mtas ...string) (all []wave) {
	for _, mta := range mtas {
		for _, p := range sentPeers {
			all = append(all, wave{mta, logparse.Sent, p})
		}
		for _, p := range receivedPeers {
			all = append(all, wave{mta, logparse.Received, p})
		}
	}
	return all
}

// TestFlood floods a source with one MTA in several orders. Whatever came before, the
// catalogue and 451 and 452 by reason have series of their own, and all sums agree.
func TestFlood(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("order ", seed), func(t *testing.T) {
			f := newFlood(t, seed, "postfix")
			order := waves("postfix")
			f.rnd.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
			for _, w := range order {
				for range 3 {
					f.anything(w.mta, w.dir, w.p, 1200)
					f.verify()
					checkSums(t, f.snapshot)
				}
			}
			for family, n := range f.snapshot.Folded {
				if n.Value == 0 && family != Refusals { // one MTA has not so many
					t.Errorf("%s did not fold", family)
				}
			}
			for _, w := range order {
				f.catalogue(w.mta, w.dir, w.p)
			}
			f.verify()
			checkSums(t, f.snapshot)
			for _, w := range order {
				f.haveCatalogue(w.mta, w.dir, w.p)
				f.haveReasons(w.mta, w.dir, w.p)
			}
			f.restart()
		})
	}
}

// TestFloodOfMTAs floods a source with many MTAs, one after another. The last one has
// the catalogue, and 451 and 452 by reason, as if it were the first.
func TestFloodOfMTAs(t *testing.T) {
	for name, mtas := range map[string][]string{"5 MTAs": logparse.MTAs()[:5], "all MTAs": logparse.MTAs()} {
		t.Run(name, func(t *testing.T) {
			f := newFlood(t, 0)
			for _, w := range waves(mtas...) {
				if len(mtas) == 5 {
					f.catalogue(w.mta, w.dir, w.p)
				}
				f.anything(w.mta, w.dir, w.p, 600)
				f.verify()
			}
			for _, w := range waves(mtas...) {
				f.catalogue(w.mta, w.dir, w.p)
			}
			f.verify()
			for _, w := range waves(mtas...) {
				f.haveCatalogue(w.mta, w.dir, w.p)
				if len(mtas) == 5 {
					f.haveReasons(w.mta, w.dir, w.p)
				}
			}
			if len(mtas) > 5 && f.snapshot.Folded[Refusals].Value == 0 {
				t.Error("no refusals folded")
			}
			f.restart()
		})
	}
}

// TestFloodOfPrograms writes under ever new syslog identifiers, as any local user can.
func TestFloodOfPrograms(t *testing.T) {
	f := newFlood(t, 0, "postfix")
	for i := range 3000 {
		e := logparse.Event{
			Kind: logparse.Reply, Direction: logparse.Received, Command: logparse.Rcpt, Code: logparse.Code(500 + i%100),
			Enhanced: logparse.EnhancedCode{Class: 5, Subject: 7, Detail: uint16(i % 30)}, Count: 1, Deliveries: 1,
		}
		f.say("postfix", fmt.Sprint("postfix/", i, "/smtp"), e, classify.Labels{Peer: peer.External, Provider: "gmx", Reason: "policy"})
	}
	f.verify()
	checkSums(t, f.snapshot)
}
