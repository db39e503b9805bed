package follow

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"
)

// resume opens the files of p.left, and those that took and lost the name since then.
// Positions whose file is not found stay in p.left. An error means that the search
// failed.
func (w *Follower) resume(p *path, now time.Time) error {
	var last *file
	var errs []error
	w.changed(p) // from now on
	st, statErr := stat(p.name)
	p.left = slices.DeleteFunc(p.left, func(pos Position) bool {
		f, err := w.find(p, pos, now)
		switch {
		case err != nil:
			errs = append(errs, err)
		case f != nil:
			w.add(f, len(f.path.files))
			if f.path == p {
				last = f
			}
			switch {
			case f.info.id.inode == pos.Inode || f.packed():
			case statErr == nil && st.id.inode == pos.Inode:
				p.source.stats.Truncations++
			default: // replaced by a copy
				p.source.stats.Rotations++
			}
		}
		return f != nil
	})
	if errs != nil {
		return errors.Join(errs...)
	}
	found := len(p.files)
	// Marks prove that the log was not truncated.
	if statErr != nil || last == nil || last.info.id != st.id || len(last.marks) == 0 {
		w.addMissed(p, len(p.files), nil, p.seen, now)
	}
	if last != nil {
		last.note()
	}
	if !p.searched {
		w.gone(p, statErr == nil || len(p.files) > found)
	}
	p.searched = true
	return nil
}

// gone counts the files of p.left as lost. One that was empty may have another inode now;
// then it is read from its beginning, as another file. A later file may have its inode.
func (w *Follower) gone(p *path, another bool) {
	p.left = slices.DeleteFunc(p.left, func(pos Position) bool {
		if len(pos.Marks) == 0 && another {
			return true
		}
		p.source.stats.LostFiles++
		w.errs = append(w.errs, fmt.Errorf("%s: the file with inode %d, read up to byte %d, is gone: later lines in it are lost", p.name, pos.Inode, pos.Offset()))
		return false
	})
}

// find opens the file of pos, a position of p, under any name that it may have now;
// nil if it is not found. An error means that the file at p's name cannot be opened,
// so that it may be the one.
func (w *Follower) find(p *path, pos Position, now time.Time) (*file, error) {
	for range searches {
		all := w.rotatedFrom(p)
		if f, err := w.findIn(all, p, pos, now); f != nil || err != nil || !w.moved(p, all) {
			return f, err
		}
	}
	return nil, nil
}

// searches is how often the files of a path are searched while a rotation renames them.
const searches = 10

// moved reports whether p's rotated files are others than those of all.
func (w *Follower) moved(p *path, all []rotated) bool {
	return !slices.EqualFunc(w.rotatedFrom(p), all, func(a, b rotated) bool { return a.name == b.name && a.info.id == b.info.id })
}

// findIn is find among p's name and its rotated files.
func (w *Follower) findIn(all []rotated, p *path, pos Position, now time.Time) (*file, error) {
	exactly := func(f *file) bool {
		m, same := f.match(pos)
		if same = same && m.Offset == pos.Offset(); same {
			f.resume(pos, m)
		}
		return same
	}
	itself := func(f *file) bool { return f.info.id.inode == pos.Inode && exactly(f) }
	lostTail := func(f *file) bool {
		if f.packed() {
			return false
		}
		if f.info.id.inode != pos.Inode { // a copy, if more than the head is the same
			if m, _ := f.match(pos); m.Offset <= headLen {
				return false
			}
		}
		return w.resumeShorter(f, pos)
	}
	plain, compressed := []string{p.name}, []string(nil)
	for _, r := range slices.Backward(all) {
		if isCompressed(r.name) {
			compressed = append(compressed, r.name)
		} else {
			plain = append(plain, r.name)
		}
	}
	for _, name := range plain {
		f, err := w.openIf(itself, p, name, now)
		if f != nil || err != nil && name == p.name && !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
	}
	for _, name := range slices.Concat(plain, compressed) {
		if f, _ := w.openIf(exactly, p, name, now); f != nil {
			return f, nil
		}
	}
	// Try this last, since a log of another day may begin alike and have the same inode.
	for _, name := range plain {
		if f, _ := w.openIf(lostTail, p, name, now); f != nil {
			return f, nil
		}
	}
	for _, q := range w.named(pos.Inode) { // renamed to another name that is followed
		if f, _ := w.openIf(exactly, q, q.name, now); f != nil {
			return f, nil
		}
	}
	return nil, nil
}

// named returns the paths whose names refer to an inode.
func (w *Follower) named(inode uint64) []*path {
	if w.inodes == nil {
		w.inodes = make(map[uint64][]*path)
		for _, p := range w.paths {
			if st, err := stat(p.name); err == nil {
				w.inodes[st.id.inode] = append(w.inodes[st.id.inode], p)
			}
		}
	}
	return w.inodes[inode]
}

// openIf opens name as a file of p; nil if the file is open already, or if accept
// returns false.
func (w *Follower) openIf(accept func(*file) bool, p *path, name string, now time.Time) (*file, error) {
	if st, err := stat(name); err == nil && w.files[st.id] != nil {
		return nil, nil
	}
	if len(w.files) >= w.limit {
		return nil, fmt.Errorf("%s: %w", name, errFull)
	}
	f, err := openFile(p, name, now)
	if err != nil {
		return nil, err
	}
	if w.files[f.info.id] != nil || !accept(f) {
		f.f.Close()
		return nil, nil
	}
	return f, nil
}

// atEnd accepts a file and places it at its end.
func (w *Follower) atEnd(f *file) bool { return f.toEnd(w.buf, f.info.size) == nil }

// resumeShorter continues f at the newest mark that holds, or at its end if none does,
// and reports whether f begins as pos's file did. It never continues at the
// beginning, which was read.
func (w *Follower) resumeShorter(f *file, pos Position) bool {
	m, same := f.match(pos)
	if !same || len(pos.Marks) == 0 {
		return false
	}
	if m.Offset > 0 {
		f.resume(pos, m)
		f.pastHole(min(pos.Offset(), f.info.size))
	} else if !w.atEnd(f) {
		return false
	}
	w.lostTail(f, pos)
	return true
}

func (w *Follower) lostTail(f *file, pos Position) {
	w.errs = append(w.errs, fmt.Errorf("%s: lost its tail: was read up to byte %d, continues at %d", f.f.Name(), pos.Offset(), f.offset()))
}

// newest returns the newest mark that holds in a compressed file, or zero if none does.
func (f *file) newest(marks []Mark) (m Mark, err error) {
	if err := f.rewind(); err != nil {
		return Mark{}, err
	}
	for _, older := range slices.Backward(marks) {
		if older.holds(f.data) {
			m = older
		}
	}
	return m, f.rewind()
}

// truncate handles the truncations of p's files before younger ones are added, so that
// those stay behind their copies.
func (w *Follower) truncate(p *path, now time.Time) {
	for _, f := range slices.Clone(p.files) {
		if f.main && !f.packed() && f.truncated() {
			w.report(&f.err, w.truncated(f, now))
		}
	}
}

// truncated finds where to continue in f, which no longer holds what was read from
// it. A copy may hold the rest of that.
func (w *Follower) truncated(f *file, now time.Time) error {
	p, pos := f.path, f.position()
	if f.packed() {
		m, err := f.newest(pos.Marks)
		if err == nil && m.Offset == 0 {
			err = errors.New("is not the compressed form of the file that was read")
		}
		if err != nil {
			return fmt.Errorf("%s: %w", f.f.Name(), err)
		}
		f.resume(pos, m)
		w.lostTail(f, pos)
		return nil
	}
	if !f.main { // the next copy has overwritten this one
		w.remove(f)
		p.source.stats.LostBytes += max(0, f.size-pos.Offset())
		return f.f.Close()
	}
	p.source.stats.Truncations++
	w.changed(p) // from now on
	st, err := fstat(f.f)
	if err != nil {
		return err
	}
	f.info = st
	m, _ := f.match(pos)
	f.resume(Position{}, Mark{}) // at its beginning
	defer f.note()
	f.was = &predecessor{pos: pos, since: now}
	if m.Offset > 0 {
		return nil // it is written anew
	}
	if len(pos.Marks) > 0 {
		w.forget()
		g, _ := w.find(p, pos, now)
		if g != nil {
			w.add(g, slices.Index(p.files, f))
		}
		w.addMissed(p, slices.Index(p.files, f), f, f.read, now)
		if g != nil {
			f.was = nil
			return nil
		}
	}
	p.source.stats.LostBytes += max(0, f.size-pos.Offset())
	return nil
}
