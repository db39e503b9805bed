package counter

import (
	"maps"
	"testing"

	"smtp_reply_exporter/exporter/classify"
	"smtp_reply_exporter/logparse"
)

// tally holds what a source was fed, by labels that are not folded.
type tally struct {
	sent, received                 tallyReplies
	deliveries                     map[Delivery]uint64
	dialogueSent, dialogueReceived map[Dialogue]uint64
	refusals                       map[Refusal]uint64
	lost                           map[string]uint64
	lines                          map[logparse.Outcome]uint64
}

type tallyReplies struct {
	narrow   map[Reply]uint64
	byReason map[ByReason]uint64
	detail   map[Detail]uint64
}

func newTally() *tally {
	replies := func() tallyReplies {
		return tallyReplies{map[Reply]uint64{}, map[ByReason]uint64{}, map[Detail]uint64{}}
	}
	return &tally{
		sent: replies(), received: replies(),
		deliveries: map[Delivery]uint64{}, dialogueSent: map[Dialogue]uint64{}, dialogueReceived: map[Dialogue]uint64{},
		refusals: map[Refusal]uint64{}, lost: map[string]uint64{}, lines: map[logparse.Outcome]uint64{},
	}
}

// event adds an event by the definitions of the families.
func (w *tally) event(host, mta, program string, e *logparse.Event, l classify.Labels) {
	n := uint64(e.Count)
	if e.Deliveries > 0 {
		w.deliveries[Delivery{host, mta, l.Peer, l.Provider, e.Code, l.Reason}] += uint64(e.Deliveries)
	}
	switch {
	case e.Kind == logparse.Refusal:
		w.refusals[Refusal{host, mta, l.Peer, e.Command, e.Class, l.Reason}] += n
	case e.Kind == logparse.Delivery || e.Repeat:
	case e.Dialogue && e.Direction == logparse.Sent:
		w.dialogueSent[Dialogue{host, mta, e.Command, e.Code}] += n
	case e.Dialogue:
		w.dialogueReceived[Dialogue{host, mta, e.Command, e.Code}] += n
	default:
		key := Detail{host, mta, l.Peer, program, "", e.Command, e.Code, e.Enhanced, l.Reason}
		if e.Enhanced.Class != 0 && !e.Enhanced.Known() {
			key.Enhanced = OtherEnhanced
		}
		replies := &w.sent
		if e.Direction == logparse.Received {
			replies, key.Provider = &w.received, l.Provider
		}
		replies.detail[key] += n
		replies.byReason[key.byReason()] += n
		replies.narrow[Reply{host, mta, l.Peer, e.Code}] += n
	}
}

// check compares the tally with a snapshot. What a family folded is missing from some
// series, too much in others, and counted. All families are within their limits.
func (w *tally) check(t *testing.T, c *Snapshot) {
	t.Helper()
	equal(t, c, Sent, w.sent.narrow, c.Sent)
	equal(t, c, SentByReason, w.sent.byReason, c.SentByReason)
	equal(t, c, SentDetail, w.sent.detail, c.SentDetail)
	equal(t, c, Received, w.received.narrow, c.Received)
	equal(t, c, ReceivedByReason, w.received.byReason, c.ReceivedByReason)
	equal(t, c, ReceivedDetail, w.received.detail, c.ReceivedDetail)
	equal(t, c, Deliveries, w.deliveries, c.Deliveries)
	equal(t, c, DialogueSent, w.dialogueSent, c.DialogueSent)
	equal(t, c, DialogueReceived, w.dialogueReceived, c.DialogueReceived)
	equal(t, c, Refusals, w.refusals, c.Refusals)
	equal(t, c, "lost lines", w.lost, c.Lost)
	equal(t, c, "lines", w.lines, c.Lines)
	checkLimits(t, c)
}

// equal compares the counts of a family.
func equal[K comparable](t *testing.T, c *Snapshot, family Family, want map[K]uint64, got map[K]Count) {
	t.Helper()
	var missing, more uint64
	series := sums(got, same)
	for k, n := range want {
		missing += n - min(n, series[k])
	}
	for k, n := range series {
		more += n - min(n, want[k])
	}
	if folded := c.Folded[family].Value; missing != folded || more != folded {
		t.Errorf("%s: %d counts are missing, %d are too many, but %d were folded", family, missing, more, folded)
	}
}

// checkLimits tests that no family exceeds its limit, and that the folded code has no
// class where the label class does not exist.
func checkLimits(t *testing.T, c *Snapshot) {
	t.Helper()
	within := func(family Family, series, limit int) {
		if series > limit {
			t.Errorf("%s has %d series, more than %d", family, series, limit)
		}
	}
	checkLimit(within, SentDetail, c.SentDetail, func(k Detail) string { return k.Host }, 1000)
	checkLimit(within, ReceivedDetail, c.ReceivedDetail, func(k Detail) string { return k.Host }, 2000)
	checkLimit(within, SentByReason, c.SentByReason, func(k ByReason) string { return k.Host }, 2000)
	checkLimit(within, ReceivedByReason, c.ReceivedByReason, func(k ByReason) string { return k.Host }, 2000)
	checkLimit(within, Deliveries, c.Deliveries, func(k Delivery) string { return k.Host }, 1000)
	checkLimit(within, Refusals, c.Refusals, func(k Refusal) string { return k.Host }, 300)
	for family, of := range map[Family]map[Reply]Count{Sent: c.Sent, Received: c.Received} {
		within(family, len(of), 20_000)
		for mta := range c.MTAs {
			within(family, countOf(of, func(k Reply) bool { return k.MTA == mta && k.Host == "" }), 500)
		}
	}
	for family, of := range map[Family]map[Dialogue]Count{DialogueSent: c.DialogueSent, DialogueReceived: c.DialogueReceived} {
		within(family, len(of), 20_000)
		for mta := range c.MTAs {
			within(family, countOf(of, func(k Dialogue) bool { return k.MTA == mta && k.Host == "" }), 500)
		}
	}
}

// checkLimit checks the limits of a family whose room is for a source: in all, and without a host.
func checkLimit[K comparable](within func(Family, int, int), family Family, counts map[K]Count, host func(K) string, limit int) {
	within(family, len(counts), 20_000)
	within(family, countOf(counts, func(k K) bool { return host(k) == "" }), limit)
}

func countOf[K comparable](counts map[K]Count, is func(K) bool) (n int) {
	for k := range counts {
		if is(k) {
			n++
		}
	}
	return n
}

// checkSums tests that the sums of a snapshot agree by all labels that the families share.
func checkSums(t *testing.T, c *Snapshot) {
	t.Helper()
	narrow := func(k Reply) Reply { k.Code = classless(k.Code); return k }
	fromReason := func(k ByReason) Reply { return Reply{k.Host, k.MTA, k.Peer, classless(k.Code)} }
	agree(t, "sent by reason", sums(c.Sent, narrow), sums(c.SentByReason, fromReason))
	agree(t, "sent by detail", sums(c.SentByReason, same), sums(c.SentDetail, Detail.byReason))
	agree(t, "received by reason", sums(c.Received, narrow), sums(c.ReceivedByReason, fromReason))
	agree(t, "received by detail", sums(c.ReceivedByReason, same), sums(c.ReceivedDetail, Detail.byReason))
}

// checkTotals tests that the sums of a snapshot agree by MTA and peer.
func checkTotals(t *testing.T, c *Snapshot) {
	t.Helper()
	type total struct{ mta, peer string }
	narrow := func(k Reply) total { return total{k.MTA, k.Peer} }
	byReason := func(k ByReason) total { return total{k.MTA, k.Peer} }
	detail := func(k Detail) total { return total{k.MTA, k.Peer} }
	agree(t, "sent by reason, in all", sums(c.Sent, narrow), sums(c.SentByReason, byReason))
	agree(t, "sent by detail, in all", sums(c.Sent, narrow), sums(c.SentDetail, detail))
	agree(t, "received by reason, in all", sums(c.Received, narrow), sums(c.ReceivedByReason, byReason))
	agree(t, "received by detail, in all", sums(c.Received, narrow), sums(c.ReceivedDetail, detail))
}

func agree[K comparable](t *testing.T, what string, want, got map[K]uint64) {
	t.Helper()
	if maps.Equal(want, got) {
		return
	}
	for k, n := range want {
		if got[k] != n {
			t.Errorf("%s: the sum of %+v is %d, want %d", what, k, got[k], n)
			return
		}
	}
	t.Errorf("%s: %d sums, want %d", what, len(got), len(want))
}

func classless(code logparse.Code) logparse.Code {
	if IsOther(code) {
		return otherCode
	}
	return code
}

func same[K any](k K) K { return k }

// sums adds the counts whose keys by maps to the same key. It omits series of 0.
func sums[K, N comparable](counts map[K]Count, by func(K) N) map[N]uint64 {
	s := map[N]uint64{}
	for k, c := range counts {
		if c.Value > 0 {
			s[by(k)] += c.Value
		}
	}
	return s
}
