package follow

import (
	"bytes"
	"slices"
	"time"
)

// rewriteTime is how long a program may take to write a log anew with the lines that
// were read already, as editors do.
const rewriteTime = 5 * time.Second

// predecessor is what was read under a file's name before: an older file, or the file
// itself before a truncation.
type predecessor struct {
	pos   Position
	file  *file // nil for the file itself
	since time.Time
	alike bool // the file begins like it
}

// replaces makes f, which has not been read, go on after the lines that it has in common
// with the file of p that was read before. rsync and sed -i replace a log by a copy. If
// that file was rotated, f is a new log, even if it begins alike.
func (w *Follower) replaces(f *file, p *path, now time.Time) {
	all := w.rotatedFrom(p)
	for _, old := range slices.Backward(p.files) {
		if !old.packed() && !slices.ContainsFunc(all, func(r rotated) bool { return r.info.id == old.info.id }) {
			f.was = &predecessor{pos: old.position(), file: old, since: now}
			return
		}
	}
}

// waits decides where to begin f, whose predecessor is known. It reports whether it must
// wait: f has only lines that were read before, but more of them may follow.
func (w *Follower) waits(f *file, now time.Time) bool {
	was := f.was
	st, err := fstat(f.f)
	if err != nil || st.size == 0 {
		return false // the next block reports the error
	}
	f.info = st
	patient := now.Sub(was.since) < rewriteTime
	var wait bool
	if old := was.file; old != nil && w.files[old.info.id] == old {
		wait = w.replaced(f, old, patient)
	} else {
		wait = w.rewritten(f, patient)
	}
	if !wait {
		f.was = nil
	}
	return wait
}

// rewritten is waits for a file that was truncated, or whose predecessor is gone.
func (w *Follower) rewritten(f *file, patient bool) (wait bool) {
	pos := f.was.pos
	if len(pos.Marks) == 0 {
		return false
	}
	i := slices.IndexFunc(pos.Marks, func(m Mark) bool { return m.Offset <= f.info.size })
	if i < 0 {
		return patient
	}
	n, same := pos.Head.read(f.data)
	if !pos.Marks[i].holds(f.data) || !same && n == pos.Head.Len {
		return false
	}
	f.was.alike = true
	if i > 0 && patient {
		return true
	}
	f.resume(pos, pos.Marks[i])
	if i > 0 {
		w.lostTail(f, pos)
	}
	return false
}

// replaced is waits for a file whose predecessor is open. What they have in common is
// read in the predecessor, except for a last line without end. A log that only begins
// alike, with a header perhaps, is another log.
func (w *Follower) replaced(f, old *file, patient bool) (wait bool) {
	pos := f.was.pos
	m, _ := f.match(pos)
	same, lines := common(f, old, m.Offset, w.buf)
	st, err := fstat(old.f)
	f.was.alike = same > 0
	if err == nil && same == f.info.size && same < st.size && patient {
		return true
	}
	if lines >= min(pos.Offset(), old.offset()) || lines > headLen {
		if m.Offset == 0 { // old was truncated since
			pos = Position{}
		}
		f.goOn(pos, old, lines)
	}
	return false
}

// goOn continues f after the lines that it has in common with old, of which pos is a
// position, and reports whether it could.
func (f *file) goOn(pos Position, old *file, lines int64) bool {
	head, err := f.headBefore(lines)
	if err != nil || lines == 0 || f.packed() && f.rewind() != nil {
		return false
	}
	end, err := markAt(f.data, lines)
	if err != nil || f.packed() && f.rewind() != nil {
		return false
	}
	i := slices.IndexFunc(pos.Marks, func(m Mark) bool { return m.Offset <= lines })
	if i >= 0 {
		f.resume(pos, pos.Marks[i])
	} else {
		f.resume(Position{}, Mark{})
	}
	f.head = head // that of pos may be shorter
	f.next, f.marks, f.after = end, addMark(f.marks, end), old
	f.shared = lines
	old.replaced = true
	return true
}

// common returns up to where two files have the same bytes, and the same lines. Those
// before the line end at are the same.
func common(f, g *file, at int64, buf []byte) (same, lines int64) {
	lines = at
	for a, b := buf[:len(buf)/2], buf[len(buf)/2:]; ; {
		n, _ := f.data.ReadAt(a, at)
		m, _ := g.data.ReadAt(b, at)
		n = min(n, m)
		for i := range n {
			if a[i] != b[i] {
				n = i
				break
			}
		}
		if i := bytes.LastIndexByte(a[:n], '\n') + 1; i > 0 {
			lines = at + int64(i)
		}
		if at += int64(n); n < len(a) {
			return at, lines
		}
	}
}
