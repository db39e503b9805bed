package follow

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// segments are what the path of a log in segments has in place of rotated files. KumoMTA
// writes each period of its log to a new file, named by its first moment, as one zstd
// frame, and removes the write permission at its end. A suffix keeps kinds of records
// apart, each in segments of its own:
//
//	20261123-161500.204718311
//	20261123-161510.118420973
//	20261123-161500.204925118_rejections
//
// A path has the segments of a directory with the same suffix. They are read in the order
// of their times, one at a time.
type segments struct {
	last   string   // the time of the newest segment that was opened; the older ones were read
	times  []string // of all that the last listing found, oldest first
	done   bool     // nothing will be written to the open one any more
	failed bool     // the next one could not be opened at this look
}

// segmentTime is what the name of a path of segments has in place of a time.
const segmentTime = "YYYYMMDD-HHMMSS"

var segmentName = regexp.MustCompile(`^\d{8}-\d{6}(\.\d{3,9})?`)

// segmentPath returns the path of a segment, and its time. ok is false for other files.
func segmentPath(name string) (path, at string, ok bool) {
	dir, base := filepath.Split(name)
	if at = segmentName.FindString(base); at == "" || isCompressed(name) {
		return "", "", false
	}
	return dir + segmentTime + base[len(at):], at, true
}

// IsSegment reports whether a file has the name of a segment, which is read although it is
// compressed.
func IsSegment(name string) bool {
	_, _, ok := segmentPath(name)
	return ok
}

// segmentFile undoes segmentPath.
func segmentFile(path, at string) string {
	dir, base := filepath.Split(path)
	return dir + at + strings.TrimPrefix(base, segmentTime)
}

// waiting returns the times of the segments after the open one.
func (s *segments) waiting() []string {
	i, found := slices.BinarySearch(s.times, s.last)
	if found {
		i++
	}
	return s.times[i:]
}

// listSegments updates the paths of segments from the names that a source's pattern
// matches, and returns the other names.
func (w *Follower) listSegments(s *followed, names []string, now time.Time) (others []string) {
	times := make(map[string][]string) // by path
	for _, name := range names {
		if path, at, ok := segmentPath(name); ok {
			times[path] = append(times[path], at)
		} else {
			others = append(others, name)
		}
	}
	for path, at := range times {
		slices.Sort(at)
		if s.paths[path] != nil {
			continue
		}
		switch segmented, known := segmented(path, at, now); {
		case !known: // until one has content
		case segmented:
			p := w.path(s, path)
			p.segments = &segments{}
			w.replacePaths(p, at)
		default:
			for _, t := range at {
				others = append(others, segmentFile(path, t))
			}
		}
	}
	for _, p := range s.paths {
		if p.segments == nil {
			continue
		}
		p.listed = now // so that its position stays, should its segments be there again
		if len(times[p.name]) == 0 {
			if _, err := os.ReadDir(filepath.Dir(p.name)); err != nil {
				continue
			}
		}
		w.updateSegments(p, times[p.name])
	}
	slices.Sort(others)
	return others
}

// segmented reports whether the newest of the files that has content begins with a zstd
// frame. A log whose files are only named like segments is plain text. known is false if
// none has content.
func segmented(path string, times []string, now time.Time) (segmented, known bool) {
	for _, at := range slices.Backward(times) {
		f, err := openFile(nil, segmentFile(path, at), now)
		if err != nil {
			known = true // the error shows again
			continue
		}
		f.f.Close()
		if f.info.size >= int64(len(zstdMagic)) {
			u, ok := f.data.(*unpacker)
			return ok && u.format.magic == zstdMagic, true
		}
	}
	return false, known
}

// replacePaths removes the paths of the files that turned out to be segments of p, which
// could not be read before.
func (w *Follower) replacePaths(p *path, times []string) {
	for _, at := range times {
		name := segmentFile(p.name, at)
		if old := p.source.paths[name]; old != nil && len(old.files) == 0 {
			p.seen = time.Time{} // so that they are old files
			delete(p.source.paths, name)
			w.paths = slices.DeleteFunc(w.paths, func(q *path) bool { return q == old })
		}
	}
}

// updateSegments takes the times of the segments that exist now. It counts those as lost
// that have disappeared unread, and those that have appeared before the one that is read,
// since the clock was set back.
func (w *Follower) updateSegments(p *path, times []string) {
	s := p.segments
	if s.times != nil {
		for _, at := range s.waiting() {
			if _, found := slices.BinarySearch(times, at); !found {
				w.lostSegment(p, at, errors.New("it was deleted before it was read"))
			}
		}
		for _, at := range times {
			if at >= s.last {
				break
			}
			if _, found := slices.BinarySearch(s.times, at); !found {
				w.lostSegment(p, at, errors.New("it appeared after a younger one"))
			}
		}
	}
	s.times = times
}

func (w *Follower) lostSegment(p *path, at string, cause error) {
	p.source.stats.LostFiles++
	w.errs = append(w.errs, fmt.Errorf("%s: lines in it are lost: %w", segmentFile(p.name, at), cause))
}

// lookSegments looks at the open segment of p, or opens the first one.
func (w *Follower) lookSegments(p *path, now time.Time) {
	s := p.segments
	s.failed = false
	var err error
	switch {
	case p.named != nil || len(s.times) == 0:
	case len(p.left) > 0:
		err = w.resumeSegment(p, now)
	case p.seen.IsZero() && !p.source.FromStart:
		err = w.skipSegments(p, now)
	}
	if err == nil && len(s.times) > 0 {
		p.seen = now
	}
	w.report(&p.err, w.reason(err))
	f := p.named
	if f == nil {
		return
	}
	st, err := fstat(f.f)
	if err != nil {
		return
	}
	f.look(st, now)
	_, there := slices.BinarySearch(s.times, s.last)
	if !s.done && (st.readOnly || len(s.waiting()) > 0 || !there) {
		s.done, f.unread = true, true // read what was written since the last block
	}
}

// openSegment opens a segment of p; nil if it is open as another file.
func (w *Follower) openSegment(p *path, at string, now time.Time) (*file, error) {
	grows := func(f *file) bool {
		f.data = &unpacker{f: f.f, grows: true}
		return true
	}
	f, err := w.openIf(grows, p, segmentFile(p.name, at), now)
	if err != nil {
		if p.refused = 0; errors.Is(err, errFull) {
			p.refused = 1
		}
		return nil, err
	}
	p.refused = 0
	s := p.segments
	s.last = at
	s.done = f != nil && f.info.readOnly || len(s.waiting()) > 0
	if f != nil {
		w.add(f, 0)
		f.main, p.named = true, f
	}
	return f, nil
}

// skipSegments begins at the end of the newest segment.
func (w *Follower) skipSegments(p *path, now time.Time) error {
	times := p.segments.times
	f, err := w.openSegment(p, times[len(times)-1], now)
	if f == nil {
		return err
	}
	if p.segments.done {
		w.closeSegment(p)
		return nil
	}
	for full := true; full; {
		b, err := f.load(w.buf)
		if err == nil {
			_, err = f.handOut(b, w.cfg.MaxLine, func([]byte, bool) {})
		}
		if err != nil {
			return nil // the next block reports it
		}
		full = b.full
	}
	return nil
}

// resumeSegment reopens the segment that was read before a restart.
func (w *Follower) resumeSegment(p *path, now time.Time) error {
	pos, s := p.left[0], p.segments
	if _, found := slices.BinarySearch(s.times, s.last); !found {
		p.left = nil
		w.lostSegment(p, s.last, fmt.Errorf("it was read up to byte %d, and is gone", pos.Offset()))
		return nil
	}
	f, err := w.openSegment(p, s.last, now)
	if err != nil {
		return err
	}
	p.left = nil
	if f == nil || len(pos.Marks) == 0 {
		return nil
	}
	if m, same := f.match(pos); same {
		f.resume(pos, m)
		return nil
	}
	w.lostSegment(p, s.last, errors.New("it was replaced by another file"))
	return f.rewind()
}

// nextSegment opens the next segment of p if the open one has been read to its end for
// good. It reports whether it has opened one.
func (w *Follower) nextSegment(p *path, now time.Time, handle func(Line)) bool {
	s := p.segments
	if s.failed || len(p.left) > 0 || p.named != nil && !w.finishSegment(p, now, handle) {
		return false
	}
	first := s.last == ""
	for _, at := range s.waiting() {
		f, err := w.openSegment(p, at, now)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			s.last = at
			w.lostSegment(p, at, err)
		case err != nil:
			s.failed = true
			w.report(&p.err, w.reason(err))
			return false
		case f != nil:
			if !first {
				p.source.stats.Rotations++
			}
			return true
		}
	}
	return false
}

// finishSegment closes the open segment of p, and reports whether it was at its end for
// good. One that ends within a frame may still be on its way here, by cp for instance.
func (w *Follower) finishSegment(p *path, now time.Time, handle func(Line)) bool {
	f := p.named
	u := f.data.(*unpacker)
	damaged := f.err != nil || u.cut(f.info.size)
	if !p.segments.done || damaged && now.Sub(f.info.mtime).Abs() < w.cfg.Quiet {
		return false
	}
	if damaged {
		p.source.stats.LostBytes += u.unread(f.info.size)
		cause := f.err
		if cause == nil {
			cause = errors.New("it ends within a frame")
		}
		w.lostSegment(p, p.segments.last, cause)
	} else {
		p.source.stats.ReadBytes += f.finish(w.buf, w.cfg.MaxLine, p.lines(handle))
	}
	w.closeSegment(p)
	return true
}

func (w *Follower) closeSegment(p *path) {
	w.remove(p.named)
	p.named.f.Close()
	p.named = nil
}
