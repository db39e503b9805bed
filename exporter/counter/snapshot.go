package counter

import (
	"maps"
	"time"

	"smtp_reply_exporter/logparse"
)

// A Snapshot holds the counts of a source at one instant. It shares no memory with the
// Source and never changes, so it is safe for concurrent use. Restore needs nothing
// else to continue counting.
type Snapshot struct {
	Created                        time.Time       // the start of the source
	Sent, Received                 map[Reply]Count // nil in a state that lacks them, as are the next two
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
	Hosts                          []string             // those that have a label; nil in a state that lacks them
	LastLine                       time.Time            // zero before the first line
}

// Snapshot returns a copy of the counts.
func (s *Source) Snapshot() *Snapshot {
	return &Snapshot{
		Created: s.created,
		Sent:    s.sent.narrow.clone(), SentByReason: s.sent.byReason.clone(), SentDetail: s.sent.detail.clone(),
		Received: s.received.narrow.clone(), ReceivedByReason: s.received.byReason.clone(), ReceivedDetail: s.received.detail.clone(),
		Deliveries: s.deliveries.clone(), Refusals: s.refusals.clone(),
		DialogueSent: s.dialogueSent.clone(), DialogueReceived: s.dialogueReceived.clone(),
		Lines: clone(s.lines), NotUnderstood: clone(s.notUnderstood), Lost: clone(s.lost), Folded: clone(s.folded),
		MTAs: maps.Clone(s.mtas), Hosts: s.hosts.names(), LastLine: s.lastLine,
	}
}

// DropZeros removes the series that are 0.
func (s *Snapshot) DropZeros() {
	dropZeros(s.Sent)
	dropZeros(s.SentByReason)
	dropZeros(s.SentDetail)
	dropZeros(s.Received)
	dropZeros(s.ReceivedByReason)
	dropZeros(s.ReceivedDetail)
	dropZeros(s.Deliveries)
	dropZeros(s.DialogueSent)
	dropZeros(s.DialogueReceived)
	dropZeros(s.Refusals)
	dropZeros(s.Lines)
	dropZeros(s.NotUnderstood)
	dropZeros(s.Lost)
	dropZeros(s.Folded)
}

func dropZeros[K comparable](counts map[K]Count) {
	maps.DeleteFunc(counts, func(_ K, c Count) bool { return c.Value == 0 })
}

func clone[K comparable](counts map[K]*Count) map[K]Count {
	c := make(map[K]Count, len(counts))
	for key, count := range counts {
		c[key] = *count
	}
	return c
}
