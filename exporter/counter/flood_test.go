package counter

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
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
	host     string    // in the envelopes
}

func newFlood(t *testing.T, seed uint64, mtas ...string) *flood {
	s := NewSource(mtas, Hosts{}, start)
	return &flood{t, s, newTally(), rand.New(rand.NewPCG(seed, 0)), s.Snapshot(), ""}
}

// say feeds an event of an MTA.
func (f *flood) say(mta, program string, e logparse.Event, l classify.Labels) {
	r := logparse.Result{Outcome: logparse.Understood, MTA: mta, Program: []byte(program), Events: []logparse.Event{e}}
	r.Envelope.Host = []byte(f.host)
	f.source.Line(&r, []classify.Labels{l}, later)
	f.fed.event(f.host, mta, program, &e, l)
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
			e.Kind, e.Code, e.Dialogue, e.Class = logparse.Refusal, 0, false, pick(f, []int{0, 4, 5})
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
	f.codes(mta, dir, p, func(logparse.Code) bool { return true })
}

// codes feeds some codes of the catalogue.
func (f *flood) codes(mta string, dir logparse.Direction, p string, some func(logparse.Code) bool) {
	for _, info := range logparse.Codes() {
		if !some(info.Code) {
			continue
		}
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
	checkCatalogue(f.T, f.fed, c)
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

// verifyOne is verify for a source with one MTA, in which the reserved room suffices for
// all families.
func (f *flood) verifyOne() {
	f.Helper()
	f.verify()
	checkSums(f.T, f.snapshot)
	checkReasons(f.T, f.fed, f.snapshot)
	checkDeliveries(f.T, f.fed, f.snapshot)
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

// checkCatalogue tests that no code of the catalogue is folded where there is room for
// that of each MTA.
func checkCatalogue(t *testing.T, w *tally, c *Snapshot) {
	t.Helper()
	narrow := func(k Reply) Reply { k.Host, k.Code = "", oddToOther(k.Code); return k }
	dialogue := func(k Dialogue) Dialogue { return Dialogue{"", k.MTA, 0, oddToOther(k.Code)} }
	agree(t, "sent by code of the catalogue", totals(w.sent.narrow, narrow), sums(c.Sent, narrow))
	agree(t, "received by code of the catalogue", totals(w.received.narrow, narrow), sums(c.Received, narrow))
	agree(t, "dialogue sent by code of the catalogue", totals(w.dialogueSent, dialogue), sums(c.DialogueSent, dialogue))
	agree(t, "dialogue received by code of the catalogue", totals(w.dialogueReceived, dialogue), sums(c.DialogueReceived, dialogue))
}

// checkReasons tests that 451 and 452 are not folded by reason.
func checkReasons(t *testing.T, w *tally, c *Snapshot) {
	t.Helper()
	pair := func(k ByReason) ByReason {
		k.Host = ""
		if !isWanted(k.Code) {
			k.CodeReason = CodeReason{}
		}
		return k
	}
	agree(t, "451 and 452 sent by reason", totals(w.sent.byReason, pair), sums(c.SentByReason, pair))
	agree(t, "451 and 452 received by reason", totals(w.received.byReason, pair), sums(c.ReceivedByReason, pair))
}

// checkDeliveries tests that neither the catalogue is folded nor 451 and 452 by reason.
func checkDeliveries(t *testing.T, w *tally, c *Snapshot) {
	t.Helper()
	delivery := func(k Delivery) Delivery {
		k.Host, k.Provider, k.Code = "", "", oddToOther(k.Code)
		if !isWanted(k.Code) && k.Code != 0 {
			k.Reason = ""
		}
		return k
	}
	agree(t, "deliveries", totals(w.deliveries, delivery), sums(c.Deliveries, delivery))
}

func oddToOther(code logparse.Code) logparse.Code {
	if isOdd(code) {
		return otherOfClass(code)
	}
	return code
}

// restart tests that a restart changes no series.
func (f *flood) restart() {
	f.Helper()
	after := restored(f.T, f.source).Snapshot()
	if reflect.DeepEqual(f.snapshot, after) { // cmp takes long for so many series
		return
	}
	f.Errorf("a restart (-before +after):\n%s", cmp.Diff(f.snapshot, after))
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
					f.verifyOne()
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
			f.verifyOne()
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
			for i, w := range waves(mtas...) {
				if len(mtas) == 5 {
					f.catalogue(w.mta, w.dir, w.p)
				}
				f.anything(w.mta, w.dir, w.p, 600)
				if i%10 == 0 {
					f.verify()
				}
			}
			for _, w := range waves(mtas...) {
				f.catalogue(w.mta, w.dir, w.p)
			}
			f.verify()
			if len(mtas) == 5 {
				checkReasons(t, f.fed, f.snapshot)
			}
			if len(mtas) > 5 && f.snapshot.Folded[Refusals].Value == 0 {
				t.Error("no refusals folded")
			}
			f.restart()
		})
	}
}

// TestFloodOfReserved uses up the room for 451 and 452 by reason with those of all other
// MTAs. That for the catalogue is still there.
func TestFloodOfReserved(t *testing.T) {
	f := newFlood(t, 0, "postfix")
	others := slices.DeleteFunc(logparse.MTAs(), func(mta string) bool { return mta == "postfix" })
	for _, w := range waves(others...) {
		f.codes(w.mta, w.dir, w.p, isWanted)
	}
	f.verify()
	before := f.snapshot.Folded[SentDetail].Value
	for _, w := range waves("postfix") {
		f.codes(w.mta, w.dir, w.p, func(code logparse.Code) bool { return !isWanted(code) })
	}
	f.verify()
	c := f.snapshot
	if before == 0 || c.Folded[SentDetail].Value == before {
		t.Errorf("%d counts folded before, and %d after", before, c.Folded[SentDetail].Value)
	}
	postfix := func(k Reply) Reply {
		if k.MTA != "postfix" {
			return Reply{}
		}
		return k
	}
	agree(t, "sent by detail", sums(c.Sent, postfix), sums(c.SentDetail, func(k Detail) Reply { return postfix(Reply{"", k.MTA, k.Peer, k.Code}) }))
	agree(t, "received by detail", sums(c.Received, postfix), sums(c.ReceivedDetail, func(k Detail) Reply { return postfix(Reply{"", k.MTA, k.Peer, k.Code}) }))
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
