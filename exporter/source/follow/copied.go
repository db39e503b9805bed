package follow

import (
	"slices"
	"time"
)

// A log from which nothing was read has no mark, so that a copytruncate of all its lines
// leaves no trace in it. While older files are read, many looks may pass until its first
// block is.

// note keeps in found what f has, from which nothing was read. It follows the search for
// copies, so that those of earlier lines are not missed a second time.
func (f *file) note() {
	f.found = Finished{}
	if st, err := fstat(f.f); err == nil && len(f.marks) == 0 && !f.packed() {
		f.info = st
		f.found, _ = f.whole() // nothing if it is empty
	}
}

// untouched reports whether no line of f, from which nothing was read, can have gone into
// a copy since the last look: f begins and ends as it did when it was found, and no file
// has appeared beside it.
func (w *Follower) untouched(f *file) bool {
	p := f.path
	return f != p.named || !p.recorded || f.found.holds(f.data) && !w.changed(p)
}

// addCopies adds the copies of f that were made before anything was read from it, and
// reports whether there are any.
func (w *Follower) addCopies(f *file, now time.Time) (added bool) {
	p, files := f.path, len(f.path.files)
	w.addMissed(p, slices.Index(p.files, f), f, p.seen, now)
	added = len(p.files) > files
	if f.found.holds(f.data) {
		return added
	}
	p.source.stats.Truncations++
	if !added {
		p.source.stats.LostBytes += f.found.End.Offset
	}
	f.note()
	return added
}
