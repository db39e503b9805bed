package counter

import (
	"maps"
	"time"

	"smtp_reply_exporter/logparse"
)

// The narrower reply families are sums over Detail.
type (
	// Reply holds the labels of replies by code.
	Reply struct {
		MTA, Peer string
		Code      logparse.Code
	}
	// ByReason holds the labels of replies by code and reason.
	ByReason struct {
		MTA, Peer string
		CodeReason
	}
)

// A Snapshot holds the counts of a source at one instant. It shares no memory with the
// Source and never changes, so it is safe for concurrent use. Restore needs nothing
// else to continue counting.
type Snapshot struct {
	Created                        time.Time // the start of the source
	Sent, Received                 map[Reply]Count
	SentByReason, ReceivedByReason map[ByReason]Count
	SentDetail, ReceivedDetail     map[Detail]Count
	Deliveries                     map[Delivery]Count
	DialogueSent, DialogueReceived map[Dialogue]Count
	Refusals                       map[Refusal]Count
	Lines                          map[logparse.Outcome]Count
	NotUnderstood                  map[Shape]Count
	Lost                           map[string]Count // by logger
	Folded                         map[Family]Count
	MTAs                           map[string]time.Time // when each became known
	LastLine                       time.Time            // zero before the first line
}

// Snapshot returns a copy of the counts.
func (s *Source) Snapshot() *Snapshot {
	c := &Snapshot{
		Created: s.created, SentDetail: clone(s.sent), ReceivedDetail: clone(s.received), Deliveries: clone(s.deliveries),
		DialogueSent: clone(s.dialogueSent), DialogueReceived: clone(s.dialogueReceived), Refusals: clone(s.refusals),
		Lines: clone(s.lines), NotUnderstood: clone(s.notUnderstood), Lost: clone(s.lost), Folded: clone(s.folded),
		MTAs: maps.Clone(s.mtas), LastLine: s.lastLine,
	}
	c.Sent, c.SentByReason = s.sums(c.SentDetail, sentPeers, sentAlerts)
	c.Received, c.ReceivedByReason = s.sums(c.ReceivedDetail, receivedPeers, receivedAlerts)
	return c
}

// Restore returns a Source that continues counting from a snapshot. Predictable series
// that the snapshot lacks start at 0 now.
func Restore(c *Snapshot, mtas []string, now time.Time) *Source {
	s := &Source{
		created: c.Created, mtas: map[string]time.Time{}, programs: map[string]string{},
		sent: counts(c.SentDetail), received: counts(c.ReceivedDetail), deliveries: counts(c.Deliveries),
		dialogueSent: counts(c.DialogueSent), dialogueReceived: counts(c.DialogueReceived), refusals: counts(c.Refusals),
		lines: counts(c.Lines), notUnderstood: counts(c.NotUnderstood), lost: counts(c.Lost), folded: counts(c.Folded),
		lastLine: c.LastLine,
	}
	for _, detail := range []map[Detail]Count{c.SentDetail, c.ReceivedDetail} {
		for key := range detail {
			if key.Program != other && key.Program != none {
				s.programs[key.Program] = key.Program
			}
		}
	}
	for mta, since := range c.MTAs {
		s.zeroMTA(mta, now)
		s.mtas[mta] = since
	}
	s.zero(mtas, now)
	return s
}

func counts[K comparable](saved map[K]Count) map[K]*Count {
	c := make(map[K]*Count, len(saved))
	for key, count := range saved {
		c[key] = &count
	}
	return c
}

// sums returns the narrower families of detail, so that all sums in a snapshot agree.
// Their predictable series start at 0 when their MTA became known.
func (s *Source) sums(detail map[Detail]Count, peers []string, alerts []CodeReason) (map[Reply]Count, map[ByReason]Count) {
	replies, byReason := map[Reply]Count{}, map[ByReason]Count{}
	for mta, since := range s.mtas {
		for _, p := range peers {
			for _, code := range standardCodes {
				replies[Reply{mta, p, code}] = Count{Created: since}
			}
			for _, pair := range alerts {
				byReason[ByReason{mta, p, pair}] = Count{Created: since}
			}
		}
	}
	for key, count := range detail {
		sum(replies, Reply{key.MTA, key.Peer, key.Code}, count)
		sum(byReason, ByReason{key.MTA, key.Peer, CodeReason{key.Code, key.Reason}}, count)
	}
	return replies, byReason
}

func sum[K comparable](counts map[K]Count, key K, more Count) {
	c, ok := counts[key]
	if !ok || more.Created.Before(c.Created) {
		c.Created = more.Created
	}
	c.Value += more.Value
	counts[key] = c
}

func clone[K comparable](counts map[K]*Count) map[K]Count {
	c := make(map[K]Count, len(counts))
	for key, count := range counts {
		c[key] = *count
	}
	return c
}
