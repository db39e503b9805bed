package counter

import (
	"slices"
	"time"
)

// Restore returns a Source that continues counting from a snapshot. Predictable series
// that the snapshot lacks start at 0 now.
//
// A snapshot of another version may have more series than the limits allow, which make
// room for more codes and reasons than it did. Restore folds the smallest of these. It may
// also lack labels. The families in which that was so have changed: some of their series
// have disappeared, others have jumped.
func Restore(c *Snapshot, mtas []string, which Hosts, now time.Time) (s *Source, changed []Family) {
	s = empty(c.Created)
	s.hosts = newHosts(which, c.Hosts)
	s.lines, s.notUnderstood, s.lost, s.folded = counts(c.Lines), counts(c.NotUnderstood), counts(c.Lost), counts(c.Folded)
	s.lastLine = c.LastLine
	s.restoreReplies(&s.sent, c.SentDetail, c.SentByReason, c.Sent, c.MTAs, now)
	s.restoreReplies(&s.received, c.ReceivedDetail, c.ReceivedByReason, c.Received, c.MTAs, now)
	restore(s, &s.deliveries, c.Deliveries, now)
	restore(s, &s.dialogueSent, c.DialogueSent, now)
	restore(s, &s.dialogueReceived, c.DialogueReceived, now)
	refusals, relabelled := labelled(c.Refusals)
	restore(s, &s.refusals, refusals, now)
	for _, f := range families {
		if folded := s.folded[f]; folded != nil && folded.Value > c.Folded[f].Value {
			changed = append(changed, f)
		}
	}
	if relabelled && !slices.Contains(changed, Refusals) {
		changed = append(changed, Refusals)
	}
	for mta, since := range c.MTAs {
		s.zeroMTA(mta, now)
		s.mtas[mta] = since
	}
	s.zero(mtas, now)
	return s, changed
}

// labelled returns refusals with a reason: those of a version that gave none have other.
// Their series that are 0 are dropped. It reports whether there were others.
func labelled(saved map[Refusal]Count) (refusals map[Refusal]Count, changed bool) {
	refusals = make(map[Refusal]Count, len(saved))
	for r, count := range saved {
		if r.Reason == "" {
			if count.Value == 0 {
				continue
			}
			r.Reason, changed = other, true
		}
		refusals[r] = count
	}
	return refusals, changed
}

func counts[K comparable](saved map[K]Count) map[K]*Count {
	c := make(map[K]*Count, len(saved))
	for key, count := range saved {
		c[key] = &count
	}
	return c
}

func restore[K comparable](s *Source, f *family[K], saved map[K]Count, now time.Time) {
	if f.restore(saved) {
		return
	}
	if folded := f.refold(saved); folded > 0 {
		add(s.folded, f.name, folded, now)
	}
}

// restoreReplies restores the replies of one direction. A state that lacks the narrower
// families has their sums in detail.
func (s *Source) restoreReplies(r *replies, detail map[Detail]Count, byReason map[ByReason]Count, narrow map[Reply]Count, mtas map[string]time.Time, now time.Time) {
	for key := range detail {
		if key.Program != other && key.Program != none {
			s.programs[key.Program] = key.Program
		}
	}
	if narrow != nil && r.restore(detail, byReason, narrow) {
		return
	}
	r.narrow.clear()
	r.byReason.clear()
	r.detail.clear()
	for mta, since := range mtas {
		r.zero(mta, since)
	}
	for _, saved := range byValue(detail) {
		place := r.place(saved.key)
		r.add(place, saved.Count)
		var folded foldedFamilies
		folded.add(saved.key, place)
		s.noteFolded(r, folded, saved.Value, now)
	}
}

// restore adds the series of a saved state. It reports whether they are within the limits
// and the sums agree.
func (r *replies) restore(detail map[Detail]Count, byReason map[ByReason]Count, narrow map[Reply]Count) bool {
	if !r.detail.restore(detail) || !r.byReason.restore(byReason) || !r.narrow.restore(narrow) {
		return false
	}
	for key, c := range r.byReason.series {
		if IsOther(key.Code) {
			continue
		}
		if c.part = r.narrow.series[Reply{key.Host, key.MTA, key.Peer, key.Code}]; c.part == nil && c.Value > 0 {
			return false
		}
	}
	for key, c := range r.detail.series {
		if IsOther(key.Code) {
			continue
		}
		if c.part = r.byReason.series[key.byReason()]; c.part == nil {
			return false
		}
	}
	return true
}
