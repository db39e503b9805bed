package status

import (
	"smtp_reply_exporter/exporter/classify/peer"
	"smtp_reply_exporter/exporter/pipeline"
	"smtp_reply_exporter/logparse"
)

// A kind is what a key counts.
type kind uint8

const (
	replies       kind = iota // by direction and code; name is peer.Internal for those of internal peers
	reasons                   // the same by reason, of all peers
	dialogue                  // by direction and code
	refusals                  // without a code; code is the class, from 2 to 5 or 0
	deliveries                // of external peers, by provider (name), class (code) and reason
	lines                     // by outcome (name)
	notUnderstood             // lines by MTA (name) and shape (reason)
	lostLines                 // that a logger (name) reports
	lostBytes
	lostFiles
	dropped // messages by cause (name)
)

// A key is what the page counts, over all sources, hosts and MTAs. It has no label that a
// log fills but the code, so there are few.
type key struct {
	kind         kind
	direction    logparse.Direction
	code         logparse.Code
	name, reason string
}

// totals are counts since the start of counting. Those that are 0 are left out.
type totals map[key]uint64

func (t totals) add(k key, n uint64) {
	if n > 0 {
		t[k] += n
	}
}

// sum returns the totals of a snapshot.
func sum(s *pipeline.Snapshot) totals {
	t := totals{}
	for i := range s.Sources {
		t.source(&s.Sources[i])
	}
	return t
}

func (t totals) source(s *pipeline.SourceSnapshot) {
	for k, n := range s.Sent {
		t.add(key{kind: replies, direction: logparse.Sent, code: k.Code, name: internal(k.Peer)}, n.Value)
	}
	for k, n := range s.Received {
		t.add(key{kind: replies, direction: logparse.Received, code: k.Code, name: internal(k.Peer)}, n.Value)
	}
	for k, n := range s.SentByReason {
		t.add(key{kind: reasons, direction: logparse.Sent, code: k.Code, reason: k.Reason}, n.Value)
	}
	for k, n := range s.ReceivedByReason {
		t.add(key{kind: reasons, direction: logparse.Received, code: k.Code, reason: k.Reason}, n.Value)
	}
	for k, n := range s.DialogueSent {
		t.add(key{kind: dialogue, direction: logparse.Sent, code: k.Code}, n.Value)
	}
	for k, n := range s.DialogueReceived {
		t.add(key{kind: dialogue, direction: logparse.Received, code: k.Code}, n.Value)
	}
	for k, n := range s.Refusals {
		t.add(key{kind: refusals, direction: logparse.Sent, code: logparse.Code(k.Class), reason: k.Reason}, n.Value)
	}
	for k, n := range s.Deliveries {
		if k.Peer == peer.External {
			t.add(key{kind: deliveries, code: classOf(k.Code), name: k.Provider, reason: k.Reason}, n.Value)
		}
	}
	t.health(s)
}

// health adds what a source's lines were, and what was lost of them.
func (t totals) health(s *pipeline.SourceSnapshot) {
	for outcome, n := range s.Lines {
		t.add(key{kind: lines, name: outcome.String()}, n.Value)
	}
	for shape, n := range s.NotUnderstood {
		t.add(key{kind: notUnderstood, name: shape.MTA, reason: shape.Shape}, n.Value)
	}
	for logger, n := range s.Lost {
		t.add(key{kind: lostLines, name: logger}, n.Value)
	}
	t.add(key{kind: lostBytes}, uint64(s.Stats.LostBytes))
	t.add(key{kind: lostFiles}, uint64(s.Stats.LostFiles))
	for cause, n := range s.Stats.Dropped {
		t.add(key{kind: dropped, name: cause}, uint64(n))
	}
}

func internal(p string) string {
	if p == peer.Internal {
		return p
	}
	return ""
}

// classOf returns the class of a code, folded or not: 2 to 5, or 0 if it has none.
func classOf(code logparse.Code) logparse.Code {
	if code < 10 {
		return code
	}
	return logparse.Code(code.Class())
}

// since returns what was counted after an earlier sum.
func (t totals) since(earlier totals) totals {
	changed := totals{}
	for k, n := range t {
		if before := earlier[k]; n > before {
			changed[k] = n - before
		}
	}
	return changed
}
