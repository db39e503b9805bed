package follow

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// clockStep is how far a file's time may lag behind the clock.
const clockStep = 10 * time.Millisecond

// look finds out which file each name refers to.
func (w *Follower) look(now time.Time) {
	w.forget()
	w.refused = false
	if w.looked.IsZero() {
		w.adopt()
	}
	for _, s := range w.sources {
		w.list(s, now)
	}
	if w.looked.IsZero() {
		// Resume before opening new files, which may be the same ones.
		for _, p := range w.paths {
			if len(p.left) > 0 && p.segments == nil {
				w.report(&p.err, w.reason(w.resume(p, now)))
			}
		}
	}
	for _, p := range w.paths {
		if !now.Before(p.next) {
			w.lookAt(p, now)
		}
		w.refused = w.refused || p.refused > 0
	}
	w.report(&w.err, w.full())
	w.looked = now
}

// errFull means that no more files may be open.
var errFull = errors.New("too many open files")

// reason returns why a path cannot be read, unless that is errFull, which full reports
// once for all paths.
func (w *Follower) reason(err error) error {
	if errors.Is(err, errFull) {
		return nil
	}
	return err
}

// full returns an error if some logs are not read for lack of file descriptors.
func (w *Follower) full() error {
	if !w.refused {
		return nil
	}
	return fmt.Errorf("%w: %d logs are read and the others wait; raise the limit of the process (LimitNOFILE= in the unit, ulimit -n)", errFull, w.limit)
}

// forget makes a look begin with what the file system has now.
func (w *Follower) forget() {
	clear(w.listings)
	w.inodes = nil
}

// adopt assigns the restored positions to their paths.
func (w *Follower) adopt() {
	for _, pos := range w.restored {
		for _, s := range w.sources {
			if pos.Path == s.Path && s.pattern() {
				s.listed = pos.Seen
				break
			}
			name := pos.Path
			if pos.Segment != "" {
				name = segmentFile(pos.Path, pos.Segment)
			}
			if ok, _ := filepath.Match(s.Path, name); ok || name == s.Path {
				p := w.path(s, pos.Path)
				if strings.HasPrefix(filepath.Base(p.name), segmentTime) {
					p.segments = &segments{last: pos.Segment}
				}
				p.seen = pos.Seen
				p.finished, p.recorded = append(p.finished, pos.Finished...), p.recorded || pos.Recorded
				pos.Finished, pos.Head = nil, pos.Head.proven()
				if pos.Inode != 0 {
					p.left = append(p.left, pos)
				}
				break
			}
		}
	}
	w.restored = nil
}

// path returns s's path with that name. It adds one if there is none.
func (w *Follower) path(s *followed, name string) *path {
	p := s.paths[name]
	if p == nil {
		p = &path{source: s, name: name, seen: s.listed}
		s.paths[name] = p
		w.paths = append(w.paths, p)
	}
	return p
}

// list updates the source's paths from the file system.
func (w *Follower) list(s *followed, now time.Time) {
	if !s.pattern() {
		w.path(s, s.Path)
		return
	}
	if !w.looked.IsZero() && now.Sub(s.listed) < idleInterval {
		return
	}
	names, err := filepath.Glob(s.Path)
	if err == nil && len(names) == 0 {
		err = fs.ErrNotExist
	}
	if err != nil {
		err = fmt.Errorf("%s: no file matches: %w", s.Path, err)
	}
	w.report(&s.err, err)
	names = w.listSegments(s, names, now)
	matched := make(map[string]bool, len(names))
	for _, name := range names {
		matched[name] = true
	}
	for _, name := range names {
		if s.paths[name] == nil && (isCompressed(name) || s.rotated(name, matched)) {
			continue
		}
		w.path(s, name).listed = now
	}
	s.listed = now
}

// rotated reports whether name is a rotated file of one of names or of a path of s.
func (s *followed) rotated(name string, names map[string]bool) bool {
	return slices.ContainsFunc(logsOf(name), func(log string) bool {
		if !names[log] && s.paths[log] == nil {
			return false
		}
		_, ok := rotation(log, name)
		return ok
	})
}

// lookAt finds out which file a name refers to, and whether the files of the path
// have changed.
func (w *Follower) lookAt(p *path, now time.Time) {
	if p.segments != nil {
		w.lookSegments(p, now)
		return
	}
	st, err := stat(p.name)
	switch {
	case err == nil && (p.named == nil || p.named.info.id != st.id):
		err = w.appeared(p, st, now)
	case errors.Is(err, fs.ErrNotExist) && p.named != nil:
		w.truncate(p, now)
		w.addMissed(p, len(p.files), nil, p.seen, now)
		p.named = nil
	case errors.Is(err, fs.ErrNotExist) && p.seen.IsZero() && len(p.left) == 0:
		w.addYoungest(p, now)
	case err == nil && len(p.named.marks) == 0 && !w.untouched(p.named):
		w.addCopies(p.named, now)
	}
	if !p.recorded && (err == nil || errors.Is(err, fs.ErrNotExist)) {
		w.record(p)
	}
	if err == nil || errors.Is(err, fs.ErrNotExist) && p.seen.IsZero() {
		p.seen = now
	}
	for _, f := range p.files {
		if f.packed() {
			continue
		}
		if f.info.id != st.id {
			if st, err := fstat(f.f); err == nil {
				f.look(st, now)
			}
		} else {
			f.look(st, now)
		}
	}
	if p.source.pattern() && errors.Is(err, fs.ErrNotExist) {
		err = nil // a file of a pattern may disappear
	}
	p.refuse(err, st)
	w.report(&p.err, w.reason(err))
	p.next = now
	if !slices.ContainsFunc(p.files, func(f *file) bool { return now.Sub(f.grown) < idleAfter }) {
		p.next = now.Add(idleInterval)
	}
}

// refuse notes whether err means that p's file cannot be opened for lack of descriptors.
// A file that would be followed from its end is read from its present end later.
func (p *path) refuse(err error, st info) {
	p.refused = 0
	if !errors.Is(err, errFull) {
		return
	}
	from := p.from
	for _, pos := range p.left {
		from = max(from, pos.Offset())
	}
	if p.seen.IsZero() && p.from == 0 && len(p.left) == 0 && !p.source.FromStart {
		p.from, from = st.size, st.size
	}
	p.refused = max(1, st.size-from)
}

// appeared starts to follow the file that p's name now refers to, after the files
// that took and lost the name since the last look.
func (w *Follower) appeared(p *path, st info, now time.Time) error {
	first, follows := p.seen.IsZero(), len(p.files)+len(p.left) > 0
	w.changed(p) // from now on
	if w.files[st.id] == nil {
		if isCompressed(p.name) {
			return errPacked(p)
		}
		switch {
		case len(p.left) > 0:
			if err := w.resume(p, now); err != nil {
				return err
			}
		case len(p.files) > 0 || !first:
			w.truncate(p, now)
			w.addMissed(p, len(p.files), nil, p.seen, now)
		}
		// Meanwhile, the name may have gone to another file, and the inode too.
		next, err := stat(p.name)
		if err != nil {
			return err
		}
		if next.id != st.id {
			return w.appeared(p, next, now)
		}
	}
	f := w.files[st.id]
	switch {
	case f == nil:
		packed := false
		accept := func(f *file) bool {
			packed = f.packed()
			return !packed && (!first || p.source.FromStart || f.toEnd(w.buf, min(f.info.size, cmp.Or(p.from, f.info.size))) == nil)
		}
		var err error
		if f, err = w.openIf(accept, p, p.name, now); packed {
			return errPacked(p)
		} else if f == nil {
			return err
		}
		if follows {
			p.source.stats.Rotations++
		}
		f.note()
		w.replaces(f, p, now)
		w.add(f, len(p.files))
	case f.path != p && f.path.named == f: // followed under another name
		p.named = nil
		return nil
	case f.path != p || f != p.files[len(p.files)-1]: // renamed to this name
		w.remove(f)
		f.path = p
		w.add(f, len(p.files))
	}
	f.main, p.named, p.left = true, f, nil
	return nil
}

func errPacked(p *path) error {
	return fmt.Errorf("%s: a compressed file cannot be followed", p.name)
}

// addYoungest adds the file that p was last rotated to, at its end. It is for a first
// look that finds no file: the writer may have yet to reopen its log.
func (w *Follower) addYoungest(p *path, now time.Time) {
	for _, r := range slices.Backward(w.rotatedFrom(p)) {
		packed := isCompressed(r.name)
		atEnd := func(f *file) bool {
			packed = f.packed()
			return !packed && w.atEnd(f)
		}
		f, _ := w.openIf(atEnd, p, r.name, now)
		if f != nil {
			w.add(f, 0)
		}
		if f != nil || packed {
			return
		}
	}
}

// add inserts f into its path's files at index i.
func (w *Follower) add(f *file, i int) {
	f.path.files = slices.Insert(f.path.files, i, f)
	w.files[f.info.id] = f
}

// remove undoes add.
func (w *Follower) remove(f *file) {
	f.path.files = slices.DeleteFunc(f.path.files, func(g *file) bool { return g == f })
	delete(w.files, f.info.id)
}
