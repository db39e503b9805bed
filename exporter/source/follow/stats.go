package follow

import (
	"cmp"
	"errors"
	"io/fs"

	"smtp_reply_exporter/exporter/source"
)

// Stats are what a Follower reports about a source. A source is up while a file under
// one of its names can be read.
type Stats struct {
	source.Stats
	Unreadable  bool  // there are files under its names, but none can be read
	Files       int   // open files
	BehindBytes int64 // written and not handed out yet
	// These count from the Follower's start.
	Rotations   int64 // files that took over the name of another file
	Truncations int64
	LostBytes   int64 // seen in a file but gone before they could be read
	// LostFiles are rotated files with lines that cannot be read: the file is gone,
	// damaged or in a foreign format. How many lines are lost is not known.
	LostFiles int64
}

// Stats returns the Stats of the source with that index in Config.Sources.
func (w *Follower) Stats(index int) Stats {
	s := w.sources[index]
	st := s.stats
	st.CaughtUp = !w.looked.IsZero()
	for _, p := range w.paths {
		if p.source != s {
			continue
		}
		st.BehindBytes += p.refused
		st.CaughtUp = st.CaughtUp && (p.refused == 0 || len(p.left) == 0)
		if s := p.segments; s != nil && s.done && !s.failed && len(s.waiting()) > 0 {
			st.CaughtUp = false
		}
		up, unreadable := p.readable()
		st.Up, st.Unreadable = st.Up || up, st.Unreadable || unreadable
		for _, f := range p.files {
			st.Files++
			st.CaughtUp = st.CaughtUp && !f.unread
			st.BehindBytes += f.behind()
		}
	}
	st.Unreadable = st.Unreadable && !st.Up
	return st
}

// readable reports whether the file under p's name can be read, or cannot be read. Neither
// is so if there is no file.
func (p *path) readable() (up, unreadable bool) {
	if p.segments != nil { // there may be no open one
		failed := p.err != nil || p.named != nil && p.named.err != nil
		return !failed && len(p.segments.times) > 0, failed
	}
	if p.named == nil {
		return false, p.err != nil && !errors.Is(p.err, fs.ErrNotExist)
	}
	// The open file can be read even if its directory no longer can. Another error is
	// that of the next file, which has taken the name.
	var failed *fs.PathError
	up = p.named.err == nil && (p.err == nil || errors.As(p.err, &failed) && failed.Op == "stat")
	return up, !up
}

// Err returns why the source with that index is not up, by one of its files; nil if it
// is, or if nothing was read yet.
func (w *Follower) Err(index int) error {
	s := w.sources[index]
	for _, p := range w.paths {
		if p.source != s {
			continue
		}
		if p.err != nil {
			return p.err
		}
		if p.named != nil && p.named.err != nil {
			return p.named.err
		}
	}
	return cmp.Or(s.err, w.err)
}
