package status

import (
	"errors"
	"io/fs"
	"time"

	"smtp_reply_exporter/exporter/classify/peer"
	"smtp_reply_exporter/exporter/config"
	"smtp_reply_exporter/exporter/counter"
	"smtp_reply_exporter/exporter/pipeline"
	"smtp_reply_exporter/exporter/source"
	"smtp_reply_exporter/exporter/source/follow"
	"smtp_reply_exporter/logparse"
)

// now is in a zone of its own, so that a time that lacks it is seen.
var now = time.Date(2026, 11, 23, 14, 16, 30, 0, time.FixedZone("CET", 3600))

// began is when the sources begin to count.
var began = now.Add(-50 * time.Hour)

// healthy returns a file that is read to its end.
func healthy(name string) pipeline.SourceSnapshot {
	return pipeline.SourceSnapshot{
		Name: name, Config: &config.Source{Name: name, File: "/var/log/" + name + ".log", MTA: config.Auto},
		Snapshot: &counter.Snapshot{
			Created: began, LastLine: now.Add(-8 * time.Second),
			Lines: map[logparse.Outcome]counter.Count{
				logparse.Understood: {Value: 30}, logparse.Other: {Value: 60}, logparse.Foreign: {Value: 10},
			},
		},
		Stats:   follow.Stats{Stats: source.Stats{Up: true, CaughtUp: true}, Files: 1},
		Current: now.Add(-time.Second),
	}
}

func snapshotOf(at time.Time, sources ...pipeline.SourceSnapshot) *pipeline.Snapshot {
	return &pipeline.Snapshot{Sources: sources, State: &pipeline.StateSnapshot{Durable: true, Commits: 9, Committed: at}, At: at, Ready: true}
}

// a reply counts.
type reply struct {
	code     logparse.Code
	reason   string
	n        uint64
	internal bool
}

// count adds replies to the families of one direction.
func count(s *pipeline.SourceSnapshot, d logparse.Direction, all ...reply) {
	narrow, byReason := map[counter.Reply]counter.Count{}, map[counter.ByReason]counter.Count{}
	for _, r := range all {
		p := peer.External
		if r.internal {
			p = peer.Internal
		}
		k := counter.Reply{MTA: "postfix", Peer: p, Code: r.code}
		narrow[k] = counter.Count{Value: narrow[k].Value + r.n}
		byReason[counter.ByReason{MTA: "postfix", Peer: p, CodeReason: counter.CodeReason{Code: r.code, Reason: r.reason}}] = counter.Count{Value: r.n}
	}
	if d == logparse.Sent {
		s.Sent, s.SentByReason = narrow, byReason
	} else {
		s.Received, s.ReceivedByReason = narrow, byReason
	}
}

// hour returns what a Page remembers that has seen the snapshots of the given times.
func hour(all ...*pipeline.Snapshot) *Hour {
	h := &Hour{}
	for _, s := range all {
		h.Add(s)
	}
	return h
}

// busy returns a snapshot with something in each part of the page, the one of an hour
// before it, and one between them.
func busy() (s *pipeline.Snapshot, h *Hour) {
	mail := func(part uint64) pipeline.SourceSnapshot {
		m := healthy("mail")
		count(&m, logparse.Sent,
			reply{250, "ok", 9_000 + 400*part, false}, reply{451, "greylisted", 100 + 10*part, false}, reply{451, "dns", 3 * part, false},
			reply{452, "system_storage", 2 * part, false}, reply{550, "unknown_user", 1_204, false}, reply{554, "relay_denied", 80, true}, reply{5, "other", 7, false})
		count(&m, logparse.Received, reply{250, "ok", 1_234_567 + part, false}, reply{250, "ok", 4, true}, reply{451, "rate_limited", 684 * part, false})
		m.DialogueSent = map[counter.Dialogue]counter.Count{
			{MTA: "postfix", Command: logparse.Connect, Code: 220}: {Value: 5_000 * part}, {MTA: "postfix", Command: logparse.Quit, Code: 221}: {Value: 4_900},
			{MTA: "postfix", Command: logparse.Mail, Code: 250}: {Value: 600}, {MTA: "postfix", Command: logparse.Data, Code: 354}: {Value: 500},
		}
		m.Refusals = map[counter.Refusal]counter.Count{{MTA: "postfix", Peer: peer.External, Command: logparse.Auth, Reason: "auth_failed"}: {Value: 326}}
		m.Deliveries = map[counter.Delivery]counter.Count{
			{Peer: peer.External, Provider: "microsoft", Code: 250, Reason: "ok"}: {Value: 264 * part}, {Peer: peer.External, Provider: "microsoft", Code: 451, Reason: "rate_limited"}: {Value: 407 * part},
			{Peer: peer.External, Provider: "other", Code: 250, Reason: "ok"}: {Value: 50}, {Peer: peer.External, Provider: "other", Code: 0, Reason: "timeout"}: {Value: 3},
			{Peer: peer.Internal, Provider: "other", Code: 250, Reason: "ok"}: {Value: 99},
		}
		m.NotUnderstood = map[counter.Shape]counter.Count{{MTA: "postfix", Shape: "status_sent"}: {Value: 2 * part}, {MTA: "exim", Shape: "rejected"}: {}}
		return m
	}
	denied := healthy("old")
	denied.Stats = follow.Stats{Unreadable: true}
	denied.Err = &fs.PathError{Op: "open", Path: "/var/log/old.log", Err: fs.ErrPermission}
	denied.Current, denied.LastLine, denied.Lines = time.Time{}, time.Time{}, nil
	h = hour(snapshotOf(now.Add(-time.Hour), mail(1), denied), snapshotOf(now.Add(-30*time.Minute), mail(2), denied))
	s = snapshotOf(now, mail(3), denied)
	s.State.Durable, s.State.Failure = false, errors.New("write state: no space left on device")
	return s, h
}
