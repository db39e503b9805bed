package pipeline

import (
	"time"

	"smtp_reply_exporter/logparse"
)

// unreadAfter is how long the lines of a source may all be foreign.
const unreadAfter = time.Minute

// An unread notes whether a source has given a line of an MTA since the start.
type unread struct {
	known         bool      // it has, or it was said that it has not
	since         time.Time // of its first line
	form, example string    // of a header, which the first line without a readable one looks most like
}

// noteUnread says once if a source has given lines for a minute, and none of them was an
// MTA's.
func (p *Pipeline) noteUnread(in *input, line []byte, r *logparse.Result) {
	u := &in.unread
	switch {
	case u.known:
	case r.Read():
		u.known = true
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
		u.known = true
		if u.form == "" {
			p.logger.Warn("no line of this source is an MTA's: its lines are other programs'; check that it is the mail log", "source", in.name)
			return
		}
		p.logger.Warn("no line of this source is an MTA's: its header is in no form that is known; compare it with the example, and have the logger write one of the forms in docs/mtas.md",
			"source", in.name, "nearest_form", u.form, "example", u.example)
	}
}
