package status

import (
	"errors"
	"io/fs"
	"slices"
	"time"

	"smtp_reply_exporter/exporter/config"
	"smtp_reply_exporter/exporter/pipeline"
	"smtp_reply_exporter/logparse"
)

const (
	// silentAfter is as in the alert SMTPReplyExporterLogSilent.
	silentAfter = 24 * time.Hour
	// strangeAfter is how long all lines of a source may be other programs'.
	strangeAfter = time.Minute
	// late is how long a source with lateBytes to read may not have been at its end.
	late      = 5 * time.Minute
	lateBytes = 1 << 20
)

// A State is how a source is, the worst first.
type State int

// The states of a source.
const (
	Denied   State = iota // it may not be read
	Broken                // it cannot be read for another reason
	Absent                // there is no such log
	NotMail               // none of its lines is an MTA's
	Late                  // it has not been read to its end for long
	Partly                // one of its logs cannot be read
	Silent                // no line for a day
	Catching              // it is being read to its end
	Waiting               // no line yet
	Reading
)

var stateNames = [...]string{
	Denied: "permission denied", Broken: "cannot be read", Absent: "no such log", NotMail: "not a mail log", Late: "far behind",
	Partly: "partly read", Silent: "silent", Catching: "catching up", Waiting: "no line yet", Reading: "reading",
}

// String returns what the page calls the state.
func (s State) String() string { return stateNames[s] }

// Class returns the class of the state's mark: bad, odd or good.
func (s State) Class() string {
	switch {
	case s <= NotMail:
		return "bad"
	case s <= Silent:
		return "odd"
	}
	return "good"
}

// A Source is one of the configuration.
type Source struct {
	Name  string
	From  string // path, glob, address or the journal's matches
	State State
	Err   error // why it cannot be read

	Files    int // open ones, if it is a glob
	Behind   int64
	AtEnd    bool      // it was read to its end a moment ago
	Current  time.Time // when it was last read to its end; zero before the first time
	Backlog  time.Time // when it was last counted, if that is in the recent counts
	Since    time.Time // when counting began
	LastLine time.Time // zero before the first one

	Lines, Replies, NotUnderstood uint64

	config *config.Source
}

// sourcesOf returns all sources, the worst first.
func sourcesOf(s *pipeline.Snapshot, now time.Time) []Source {
	all := make([]Source, len(s.Sources))
	for i := range s.Sources {
		all[i] = sourceOf(&s.Sources[i], now)
	}
	slices.SortStableFunc(all, func(a, b Source) int {
		if a.State != b.State {
			return int(a.State - b.State)
		}
		return int(min(1, max(-1, b.Behind-a.Behind)))
	})
	return all
}

func sourceOf(s *pipeline.SourceSnapshot, now time.Time) Source {
	v := Source{
		Name: s.Name, From: s.Config.String(), Err: s.Err, config: s.Config,
		Behind: s.Stats.BehindBytes, AtEnd: s.Stats.CaughtUp && !s.Stats.Unreadable,
		Current: in(s.Current, now), Since: in(s.Created, now), LastLine: in(s.LastLine, now),
		Replies: s.Lines[logparse.Understood].Value, NotUnderstood: s.Lines[logparse.NotUnderstood].Value,
	}
	if now.Sub(s.CaughtUp) < time.Hour {
		v.Backlog = in(s.CaughtUp, now)
	}
	if s.Stats.Files > 1 {
		v.Files = s.Stats.Files
	}
	for _, n := range s.Lines {
		v.Lines += n.Value
	}
	v.State = v.state(s, now)
	return v
}

// in returns a time in the zone of now; zero if it is zero.
func in(t, now time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.In(now.Location())
}

func (v *Source) state(s *pipeline.SourceSnapshot, now time.Time) State {
	foreign := s.Lines[logparse.Foreign].Value
	begun := func(t time.Time, ago time.Duration) bool { return now.Sub(t) > ago }
	switch {
	case !s.Stats.Up && errors.Is(s.Err, fs.ErrPermission):
		return Denied
	case !s.Stats.Up && (errors.Is(s.Err, fs.ErrNotExist) && v.config.File != "" || s.Err == nil && v.config.File != "" && v.AtEnd):
		return Absent
	case !s.Stats.Up && s.Err != nil:
		return Broken
	case v.Lines > 0 && foreign == v.Lines && begun(v.Since, strangeAfter):
		return NotMail
	case !v.AtEnd && v.Behind > lateBytes && !v.Current.IsZero() && begun(v.Current, late):
		return Late
	case s.Err != nil:
		return Partly
	case !v.AtEnd:
		return Catching
	case v.LastLine.IsZero() && begun(v.Since, silentAfter), !v.LastLine.IsZero() && begun(v.LastLine, silentAfter):
		return Silent
	case v.LastLine.IsZero():
		return Waiting
	}
	return Reading
}
