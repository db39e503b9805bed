package follow

import (
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// A listing is what a directory contains.
type listing struct {
	names []string // sorted
	mtime time.Time
	read  time.Time
}

// listing returns the listing of a directory, which it reads once for all paths of a look
// unless the directory has changed since.
func (w *Follower) listing(dir string) *listing {
	st, err := stat(dir)
	if err != nil {
		return &listing{}
	}
	l := w.listings[dir]
	if l != nil && l.mtime.Equal(st.mtime) && l.settled() {
		return l
	}
	w.listed++
	l = &listing{mtime: st.mtime, read: time.Now()}
	w.listings[dir] = l
	entries, _ := os.ReadDir(dir) // sorts
	for _, e := range entries {
		l.names = append(l.names, e.Name())
	}
	return l
}

// settled reports whether a later change would give the directory another time.
func (l *listing) settled() bool { return l.read.Sub(l.mtime).Abs() > clockStep }

// besides returns the names that p's log has, or would have, in the directories in which
// its rotated files may be.
func (p *path) besides() []string {
	logs := []string{p.name}
	if fi, err := os.Lstat(p.name); err == nil && fi.Mode()&fs.ModeSymlink != 0 {
		if target, err := filepath.EvalSymlinks(p.name); err == nil {
			logs = append(logs, target)
		}
	}
	if old := p.source.OldDir; old != "" {
		for _, log := range logs {
			logs = append(logs, filepath.Join(OldDir(log, old), filepath.Base(log)))
		}
	}
	return logs
}

// OldDir returns the directory that a Source's OldDir names for a log.
func OldDir(log, old string) string {
	if filepath.IsAbs(old) {
		return old
	}
	return filepath.Join(filepath.Dir(log), old)
}

// changed reports whether a directory with p's rotated files may have changed since the
// last call.
func (w *Follower) changed(p *path) bool {
	var newest time.Time
	for _, log := range p.besides() {
		if st, err := stat(filepath.Dir(log)); err == nil && st.mtime.After(newest) {
			newest = st.mtime
		}
	}
	changed := !newest.Equal(p.changed)
	if time.Since(newest).Abs() > clockStep { // a later change gives it another time
		p.changed = newest
	}
	return changed
}
