package pipeline

import (
	"slices"
	"time"

	"smtp_reply_exporter/exporter/config"
	"smtp_reply_exporter/logparse"
)

// unreadAfter is how long a source may have no line, or only foreign ones, before a
// warning.
const unreadAfter = time.Minute

// An unread notes which MTAs a source has lines of, or why it has none.
type unread struct {
	mtas          []string  // that were found and logged
	last          string    // the MTA of the last line
	warned        bool      // that its lines are not an MTA's
	silent        bool      // it was said that it has no lines
	started       time.Time // when it was first polled
	since         time.Time // of its first line
	form, example string    // of a header, which the first line without a readable one looks most like
}

// noteMTA logs each MTA once, when its first line is read.
func (p *Pipeline) noteMTA(in *input, r *logparse.Result) {
	u := &in.unread
	if u.last = r.MTA; slices.Contains(u.mtas, r.MTA) {
		return
	}
	u.mtas = append(u.mtas, r.MTA)
	p.logger.Info("found an MTA", "source", in.name, "mta", r.MTA)
}

// noteSilence says once if a source of any MTA has given no line for a minute, and its log
// had none of an MTA before.
func (p *Pipeline) noteSilence(in *input) {
	u := &in.unread
	switch {
	case u.silent || len(u.mtas) > 0 || !u.since.IsZero() || !in.stats.Up || in.config.MTA != config.Auto:
	case u.started.IsZero():
		u.started = p.now
	case p.now.Sub(u.started) >= unreadAfter:
		u.silent = true
		p.logger.Info("no line of an MTA was found in this source yet; if mail flows, check that this is its log", "source", in.name, "from", in.config.String())
	}
}

// noteUnread says once if a source has given lines for a minute, and none of them was an
// MTA's.
func (p *Pipeline) noteUnread(in *input, line []byte, r *logparse.Result) {
	u := &in.unread
	switch {
	case r.Read():
		if r.MTA != u.last {
			p.noteMTA(in, r)
		}
	case u.warned || len(u.mtas) > 0:
	case u.since.IsZero():
		u.since = p.now
		fallthrough
	default:
		if u.form == "" && r.Envelope.Program == nil && len(line) > 0 {
			u.form, u.example = logparse.NearestForm(line)
		}
		if p.now.Sub(u.since) < unreadAfter {
			return
		}
		u.warned = true
		if u.form == "" {
			p.logger.Warn("no line of this source is an MTA's: its lines are other programs'; check that it is the mail log", "source", in.name)
			return
		}
		p.logger.Warn("no line of this source is an MTA's: its header is in no form that is known; compare it with the example, and have the logger write one of the forms in docs/mtas.md",
			"source", in.name, "nearest_form", u.form, "example", u.example)
	}
}
