package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"smtp_reply_exporter/exporter/counter"
	"smtp_reply_exporter/exporter/pipeline"
	"smtp_reply_exporter/logparse"
)

// replies sends the families of replies, deliveries and refusals.
func (o out) replies(s *pipeline.SourceSnapshot) {
	for k, n := range s.Sent {
		o.counter(sent, n, k.Host, k.MTA, k.Peer, code(k.Code), class(k.Code), k.Code.Meaning())
	}
	for k, n := range s.Received {
		o.counter(received, n, k.Host, k.MTA, k.Peer, code(k.Code), class(k.Code), k.Code.Meaning())
	}
	for k, n := range s.SentByReason {
		o.counter(sentByReason, n, k.Host, k.MTA, k.Peer, code(k.Code), k.Reason)
	}
	for k, n := range s.ReceivedByReason {
		o.counter(receivedByReason, n, k.Host, k.MTA, k.Peer, code(k.Code), k.Reason)
	}
	for k, n := range s.SentDetail {
		o.counter(sentDetail, n, k.Host, k.MTA, k.Peer, k.Program, command(k.Command), code(k.Code), enhanced(k.Enhanced), k.Reason)
	}
	for k, n := range s.ReceivedDetail {
		o.counter(receivedDetail, n, k.Host, k.MTA, k.Peer, k.Program, k.Provider, command(k.Command), code(k.Code),
			enhanced(k.Enhanced), k.Reason)
	}
	for k, n := range s.Deliveries {
		o.counter(deliveries, n, k.Host, k.MTA, k.Peer, k.Provider, code(k.Code), class(k.Code), k.Reason)
	}
	for k, n := range s.DialogueSent {
		o.counter(dialogueSent, n, k.Host, k.MTA, command(k.Command), code(k.Code), class(k.Code), k.Code.Meaning())
	}
	for k, n := range s.DialogueReceived {
		o.counter(dialogueReceived, n, k.Host, k.MTA, command(k.Command), code(k.Code), class(k.Code), k.Code.Meaning())
	}
	for k, n := range s.Refusals {
		o.counter(refusals, n, k.Host, k.MTA, k.Peer, command(k.Command), logparse.Code(100*k.Class).ClassLabel(), k.Reason)
	}
}

// health sends the families about the source itself.
func (o out) health(s *pipeline.SourceSnapshot) {
	o.gauge(up, boolean(s.Stats.Up))
	o.gauge(behind, float64(s.Stats.BehindBytes))
	o.gauge(caughtUp, max(0, seconds(s.CaughtUp))) // alerts need it before the first time, too
	o.time(lastLine, s.LastLine)
	for d, n := range map[*prometheus.Desc]int64{
		readBytes: s.Stats.ReadBytes, rotations: s.Stats.Rotations, truncations: s.Stats.Truncations,
		lostBytes: s.Stats.LostBytes, lostFiles: s.Stats.LostFiles, overlong: s.Stats.OverlongLines,
	} {
		o.counter(d, counter.Count{Value: uint64(n), Created: s.Created})
	}
	for cause, n := range s.Stats.Dropped {
		o.counter(dropped, counter.Count{Value: uint64(n), Created: s.Created}, cause)
	}
	for k, n := range s.Lines {
		o.counter(lines, n, k.String())
	}
	for k, n := range s.Lost {
		o.counter(upstreamLost, n, k)
	}
	for k, n := range s.NotUnderstood {
		o.counter(notUnderstood, n, k.MTA, k.Shape)
	}
	for k, n := range s.Folded {
		o.counter(foldedReplies, n, string(k))
	}
}

// code returns the label of a code; "other" if it stands for codes that the catalogue
// lacks.
func code(c logparse.Code) string {
	if counter.IsOther(c) {
		return "other"
	}
	return c.String()
}

// class returns the class of a code, folded or not.
func class(c logparse.Code) string {
	if counter.IsOther(c) {
		c *= 100
	}
	return c.ClassLabel()
}

// command returns the label of a command; "none" if the log does not show it.
func command(c logparse.Command) string {
	if c == logparse.NoCommand {
		return "none"
	}
	return c.String()
}

// enhanced returns the label of an enhanced code; "none" if there is none.
func enhanced(e logparse.EnhancedCode) string {
	switch {
	case e == counter.OtherEnhanced:
		return "other"
	case e.Class == 0:
		return "none"
	}
	return e.String()
}
