package follow

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"slices"
	"time"
)

const (
	maxFinished = 64      // of a path
	allFinished = 1 << 14 // of all paths, about
)

// A Finished is a rotated file that need not be read again, under whatever name, plain
// or compressed.
type Finished struct {
	Inode uint64
	Head  Head
	// End is where reading ended. It is zero if the end is not known: the file was
	// compressed before the first look, and is not read.
	End Mark
}

// finish remembers that f was read to its end.
func (w *Follower) finish(f *file) {
	if f.head.Len == 0 && !f.packed() { // it has only a line without end
		f.head, _ = f.headBefore(f.offset())
	}
	if len(f.marks) > 0 && f.head.Len > 0 {
		w.remember(f.path, Finished{f.info.id.inode, f.head, f.marks[0]})
	}
}

func (w *Follower) remember(p *path, done Finished) {
	p.finished = slices.DeleteFunc(p.finished, func(d Finished) bool { return d.Head == done.Head })
	p.finished = append(p.finished, done)
	limit := min(maxFinished, max(4, allFinished/len(w.paths)))
	p.finished = p.finished[max(0, len(p.finished)-limit):]
}

// record remembers the files beside p that are not open, which were rotated before p was
// first looked at. Copies of them, or their compressed forms, may have younger times.
func (w *Follower) record(p *path) {
	p.recorded = true
	old := w.rotatedFrom(p)
	slices.SortStableFunc(old, func(a, b rotated) int { return a.info.mtime.Compare(b.info.mtime) })
	limit := min(maxFinished, max(1, allFinished/2/len(w.paths)))
	for _, r := range old[max(0, len(old)-limit):] {
		f, err := openFile(p, r.name, w.looked)
		if err != nil {
			continue
		}
		if w.files[f.info.id] == nil {
			if done, ok := f.whole(); ok {
				w.remember(p, done)
			}
		}
		f.f.Close()
	}
}

// whole returns f as a file that was read to its end.
func (f *file) whole() (done Finished, ok bool) {
	done.Inode = f.info.id.inode
	if f.packed() {
		var buf [headLen]byte
		start, _ := f.textFrom(0, math.MaxInt64)
		n, _ := f.data.ReadAt(buf[:], start)
		done.Head = Head{start, n, hash(buf[:n])}
		return done, n > 0
	}
	var err error
	if done.Head, err = f.headBefore(f.info.size); err != nil || done.Head.Len == 0 {
		return done, false
	}
	done.End, err = markAt(f.data, f.info.size)
	return done, err == nil
}

// in reports whether f, whose text from start begins with text, is the finished file, and
// whether it has more lines.
func (d *Finished) in(f *file, start int64, text []byte) (same, more bool) {
	h := d.Head
	if h.Len == 0 || h.Start != start || len(text) < h.Len || hash(text[:h.Len]) != h.Hash {
		return false, false
	}
	size, end := f.info.size, d.End.Offset
	switch {
	case f.packed(): // a short file has no more lines
		return h.Len == headLen || len(text) == max(int(end-start), h.Len), false
	case end == 0: // it was compressed
		return h.Len == headLen || size == start+int64(h.Len), false
	case size <= end:
		return f.info.id.inode == d.Inode || size == end && d.End.holds(f.data), false
	}
	same = d.End.holds(f.data)
	return same, same && f.info.id.inode == d.Inode
}

// holds reports whether r has the beginning and the end of the file. It does if the file had
// no text.
func (d *Finished) holds(r io.ReaderAt) bool {
	_, same := d.Head.read(r)
	return d.Head.Len == 0 || same && d.End.holds(r)
}

// unread returns a function that accepts a file that p was rotated to if it has lines
// that were not read, and places it there: a finished file that has grown, or one that
// was written to after since and is no copy of another.
func (w *Follower) unread(p *path, since time.Time) func(*file) bool {
	return func(f *file) bool {
		var buf [headLen]byte
		start, _ := f.textFrom(0, math.MaxInt64) // an error shows again
		n, _ := f.data.ReadAt(buf[:], start)
		for _, done := range p.finished {
			same, more := done.in(f, start, buf[:n])
			if more {
				f.resume(Position{Head: done.Head, Marks: []Mark{done.End}}, done.End)
			}
			if same {
				return more
			}
		}
		if f.packed() && f.rewind() != nil {
			return false
		}
		for _, g := range slices.Backward(p.files) {
			if f.copies(g) {
				return f.continues(g, w.buf)
			}
		}
		return !f.info.mtime.Before(since.Add(-clockStep))
	}
}

// continues reports whether f, which copies g, has more lines than that, and places it
// there: g was replaced by f, and f was rotated since. If g was truncated, f may have
// more lines too, but then the next block of g tells.
func (f *file) continues(g *file, buf []byte) bool {
	st, err := fstat(g.f)
	at, pos := g.offset(), g.position()
	if g.truncated() {
		at, pos = 0, Position{}
	}
	if err != nil || g.truncated() && !f.copiesUnread(g) {
		return false
	}
	if f.packed() && f.info.size > pollBlocks*blockLen {
		return false // a Poll must not take long
	}
	same, lines := common(f, g, at, buf)
	if same < st.size || !f.longer(same) || f.packed() && f.rewind() != nil {
		return false
	}
	return f.goOn(pos, g, lines)
}

// truncated reports whether f no longer has what was read from it.
func (f *file) truncated() bool { return len(f.marks) > 0 && !f.marks[0].holds(f.data) }

// longer reports whether f has more bytes than size.
func (f *file) longer(size int64) bool {
	var b [1]byte
	n, _ := f.data.ReadAt(b[:], size)
	return n > 0
}

// copies reports whether f, plain or compressed, has the content of g or of its
// beginning, or that which g had before a truncation.
func (f *file) copies(g *file) bool {
	if g.packed() {
		return false
	}
	if g.head.Len > 0 && len(g.marks) > 0 {
		_, same := g.head.read(f.data)
		if f.packed() {
			return f.rewind() != nil || same || g.truncated() && f.copiesUnread(g)
		}
		i := slices.IndexFunc(g.marks, func(m Mark) bool { return m.Offset <= f.info.size })
		if same = same && i >= 0 && g.marks[i].holds(f.data); same || !g.truncated() {
			return same
		}
	}
	return f.copiesUnread(g)
}

// copiesUnread is copies for what g has now.
func (f *file) copiesUnread(g *file) bool {
	now, err := fstat(g.f) // it may have grown since the last look
	if err != nil {
		return false
	}
	head, _ := g.headBefore(now.size)
	var buf [headLen]byte
	n, _ := f.data.ReadAt(buf[:head.Len], head.Start)
	if f.packed() && f.rewind() != nil {
		return true
	}
	return n > 0 && (n == head.Len || !f.packed()) && g.begins(buf[:n], head.Start)
}

// begins reports whether f has the bytes of b at offset.
func (f *file) begins(b []byte, offset int64) bool {
	var buf [headLen]byte
	n, _ := f.data.ReadAt(buf[:len(b)], offset)
	return bytes.Equal(buf[:n], b)
}

// addMissed inserts at index at of p's files the files that took p's name and lost it
// again, and were written to after since. Those that until was rotated before, unless it
// is nil, are left to a later call.
func (w *Follower) addMissed(p *path, at int, until *file, since, now time.Time) {
	for range searches {
		all := w.rotatedFrom(p)
		older := all
		if until != nil {
			older = all[:until.place(all)]
		}
		at = w.addMissedOf(older, p, at, since, now)
		if !w.moved(p, all) {
			return
		}
	}
}

// addMissedOf is addMissed among p's rotated files. It returns the index after the files
// that it has added.
func (w *Follower) addMissedOf(all []rotated, p *path, at int, since, now time.Time) int {
	if !p.recorded && at > 0 {
		all = p.files[at-1].successors(all)
	}
	unread := w.unread(p, since)
	for k, r := range all {
		grown := slices.ContainsFunc(p.finished, func(d Finished) bool { return d.Inode == r.info.id.inode })
		if !grown && r.info.mtime.Before(since.Add(-clockStep)) {
			continue
		}
		// A file that has got the name since is younger, and is left to the next search.
		accept := func(f *file) bool { return f.info.id == r.info.id && unread(f) }
		f, err := w.openIf(accept, p, r.name, now)
		switch {
		case err == nil || errors.Is(err, fs.ErrNotExist): // it was just renamed
		case !slices.Contains(p.failed, r.info.id):
			p.failed = append(p.failed[max(0, len(p.failed)-maxFinished):], r.info.id)
			p.source.stats.LostFiles++
			w.errs = append(w.errs, fmt.Errorf("its lines are lost: %w", err))
		}
		if f == nil {
			continue
		}
		if len(p.files) > 0 {
			p.source.stats.Rotations++
		}
		w.add(f, p.before(all, k, at))
		at++
	}
	return at
}

// before returns the index at which all[k] is inserted: at, or that of the first younger
// file from which nothing was read.
func (p *path) before(all []rotated, k, at int) int {
	for i, f := range p.files[:at] {
		if len(f.marks) == 0 && f.place(all) > k {
			return i
		}
	}
	return at
}

// place returns how many files of all were rotated before f. If f was replaced, these are
// the files before its copy. If neither is among all, f was written to after all of them
// that it is younger than.
func (f *file) place(all []rotated) int {
	if i := slices.IndexFunc(all, func(r rotated) bool { return r.info.id == f.info.id }); i >= 0 {
		return i
	}
	if i := slices.IndexFunc(all, func(r rotated) bool {
		g, err := openFile(f.path, r.name, f.grown)
		if err != nil {
			return false
		}
		defer g.f.Close()
		return g.info.id == r.info.id && g.copiesUnread(f)
	}); i >= 0 {
		return i
	}
	st, err := fstat(f.f) // it may have grown since the last look
	for i, r := range slices.Backward(all) {
		if err == nil && !r.info.mtime.After(st.mtime) {
			return i + 1
		}
	}
	return 0
}

// successors returns the files of all that the names say were rotated after f. States
// of earlier versions do not say which files are finished.
func (f *file) successors(all []rotated) []rotated {
	i := slices.IndexFunc(all, func(r rotated) bool { return r.info.id == f.info.id })
	if i < 0 {
		i = slices.IndexFunc(all, func(r rotated) bool {
			g, err := openFile(f.path, r.name, f.grown)
			if err != nil {
				return false
			}
			defer g.f.Close()
			return g.packed() && g.copies(f)
		})
	}
	return all[i+1:]
}
