// Package follow reads log files that grow and that are renamed, truncated,
// compressed, deleted and recreated, without losing or repeating a line. A Follower
// takes paths and glob patterns, hands out a Line at a time, and returns Positions
// from which another process resumes.
//
// It identifies a file by its open inode, not by its name. At each look it checks
// which inode each name refers to. It continues to read a file that has lost its
// name until the file has been quiet for a while, since a writer may still append
// to it before it reopens its log.
//
// No reader can see lines written between the copy and the truncation of
// logrotate's copytruncate, or a file that is created and deleted between two
// looks.
package follow

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"

	"smtp_reply_exporter/exporter/source"
)

// Interval is how long a caller waits before the next Poll if there is no more to
// read.
const Interval = 250 * time.Millisecond

const (
	blockLen   = 256 << 10 // bytes read at once; more only for a longer line
	pollBlocks = 16        // blocks read in one Poll
	pollFiles  = 64        // short files read in place of a block
	// Time between two looks at a pattern, or at a name that has been idle for
	// idleAfter.
	idleInterval = time.Second
	idleAfter    = time.Minute
)

// Config says what to follow.
type Config struct {
	Sources []Source
	// MaxLine is the length in bytes to which longer lines are truncated; 0 means
	// source.MaxLine.
	MaxLine int
	// Quiet is how long after its last change a file that has lost its name is still
	// read; 0 means 60 s.
	Quiet time.Duration
}

// A Source is a log, or the logs that match a pattern. A file belongs to the first
// source that covers it.
type Source struct {
	// Path is a file's path, or a pattern in the syntax of filepath.Match. It may match the
	// segments of KumoMTA's logs.
	Path string
	// FromStart reports whether files that the first look finds are read from their
	// beginning instead of their end. Files that appear later are always read from
	// their beginning.
	FromStart bool
	// OldDir is another directory to which the log is rotated, relative to the log's
	// own; "" if there is none.
	OldDir string
}

// A Line is a line of a log, without its line end ("\n" or "\r\n") and without
// NULs before it.
type Line struct {
	Source int // index in Config.Sources
	// Path is the name under which the file is followed. All segments of a log have one.
	Path string
	Text []byte // at most MaxLine bytes, valid only during the call
}

// A Follower follows any number of logs with one buffer. Its caller polls it; it
// has no goroutines. It is not safe for concurrent use.
type Follower struct {
	cfg      Config
	buf      []byte
	sources  []*followed
	paths    []*path
	files    map[fileID]*file // every open file
	restored []Position
	listings map[string]*listing // of one look
	listed   int                 // listings read so far
	inodes   map[uint64][]*path  // by what their names refer to, during one look
	looked   time.Time           // of the last look
	more     bool
	turn     int // index of the path to read next
	limit    int // open files
	refused  bool
	err      error // about limit
	errs     []error
}

type followed struct {
	Source
	index  int
	paths  map[string]*path
	listed time.Time // when its pattern was last matched, also before a restart
	stats  Stats
	err    error
}

// pattern reports whether the source's path is a pattern.
func (s *followed) pattern() bool { return strings.ContainsAny(s.Path, "*?[") }

// path is a followed name.
type path struct {
	source *followed
	name   string
	files  []*file    // oldest first
	named  *file      // the one of files that the last look found under the name
	left   []Position // of files that are not open, to resume from
	// searched reports whether the files of left that are gone were counted as lost.
	searched bool
	seen     time.Time // when a look last found a file, or first found none; zero before the first look
	next     time.Time // when to look again
	listed   time.Time // when the source's pattern last matched it
	err      error

	refused int64 // bytes written to the named file, which cannot be opened for lack of descriptors
	from    int64 // where to begin in that file, from which nothing was read; 0 if it is not known

	finished []Finished // oldest first
	failed   []fileID   // that could not be opened and are counted as lost
	recorded bool       // finished is complete
	changed  time.Time  // of the directories, when they were last looked through

	segments *segments // nil for a log that is one file
}

// New returns a Follower of the sources in cfg. It opens nothing before the first
// Poll.
func New(cfg Config) *Follower {
	cfg.MaxLine = cmp.Or(cfg.MaxLine, source.MaxLine)
	cfg.Quiet = cmp.Or(cfg.Quiet, time.Minute)
	w := &Follower{cfg: cfg, buf: make([]byte, max(blockLen, 2*cfg.MaxLine)), files: make(map[fileID]*file), listings: make(map[string]*listing)}
	w.limit = maxOpen()
	w.limit -= w.limit / 4 // for scrapes, the state and the journal
	for i, s := range cfg.Sources {
		w.sources = append(w.sources, &followed{Source: s, index: i, paths: make(map[string]*path)})
	}
	return w
}

// Restore makes the first Poll resume from positions that Positions returned. Call
// it before the first Poll.
func (w *Follower) Restore(positions []Position) {
	w.restored = positions
}

// Positions returns the position of every followed file. Between two Polls, all
// lines before a position have been handed out, and none after it.
func (w *Follower) Positions() []Position {
	if w.looked.IsZero() {
		return w.restored
	}
	var all []Position
	for _, s := range w.sources {
		if s.pattern() {
			all = append(all, Position{Path: s.Path, Seen: s.listed})
		}
	}
	for _, p := range w.paths {
		first := len(all)
		if len(p.files)+len(p.left) == 0 {
			all = append(all, Position{Path: p.name, Seen: p.seen})
		}
		all = append(all, p.left...)
		for i, f := range p.files {
			// A rotated file that is empty is found as missed, once it has lines. Its inode
			// alone proves nothing.
			empty := len(f.marks) == 0 && f.info.size == 0 && f != p.named && p.recorded
			if !f.replaced && !empty || i == len(p.files)-1 {
				all = append(all, f.position())
			}
		}
		all[first].Finished, all[first].Recorded = slices.Clone(p.finished), p.recorded
		if p.segments != nil {
			all[first].Segment = p.segments.last
		}
	}
	return all
}

// Poll looks at the names, at most once per Interval while there is more to read,
// and hands out about 4 MiB of lines to handle. more reports whether the next Poll
// has more to read at once. err joins the errors that are new since the last Poll:
// a log that does not exist yet (fs.ErrNotExist), a log that cannot be read, lines
// that are lost. Poll reads everything else nevertheless, and retries at each look.
func (w *Follower) Poll(now time.Time, handle func(Line)) (more bool, err error) {
	w.errs = nil
	if !w.more || now.Sub(w.looked) >= Interval {
		w.look(now)
		w.release(now, handle)
	}
	w.more = w.read(now, handle)
	return w.more, errors.Join(w.errs...)
}

// read reads block by block, each path in turn.
func (w *Follower) read(now time.Time, handle func(Line)) (more bool) {
	budget := pollBlocks * pollFiles
	for idle := 0; idle < len(w.paths); {
		if budget <= 0 {
			return true
		}
		w.turn = (w.turn + 1) % len(w.paths)
		p := w.paths[w.turn]
		// Read older files to their end before younger ones.
		i := slices.IndexFunc(p.files, func(f *file) bool { return f.unread })
		if i < 0 && p.segments != nil && w.nextSegment(p, now, handle) {
			i = 0
		}
		if i < 0 {
			idle++
			continue
		}
		idle = 0
		f := p.files[i]
		at := f.offset()
		w.readBlock(f, now, handle)
		budget--
		if f.unread || f.packed() || f.offset()-at > blockLen/pollFiles {
			budget -= pollFiles - 1
		}
	}
	return false
}

// readBlock reads and hands out the next block of f. If that is f's first one, and a copy
// has the lines before it, the copy is read instead.
func (w *Follower) readBlock(f *file, now time.Time, handle func(Line)) {
	if f.was != nil && w.waits(f, now) {
		f.unread = false
		return
	}
	b, err := f.load(w.buf)
	for range searches { // while it is copied and truncated
		if err != nil || len(f.marks) > 0 || w.untouched(f) {
			break
		}
		if w.addCopies(f, now) {
			return
		}
		b, err = f.load(w.buf) // the search has used the buffer
	}
	f.unread = err == nil && b.full
	if err == nil {
		var n int64
		n, err = f.handOut(b, w.cfg.MaxLine, f.path.lines(handle))
		f.path.source.stats.ReadBytes += n
		if len(f.marks) > 0 {
			f.found = Finished{}
		}
	}
	if errors.Is(err, errTruncated) {
		err = w.truncated(f, now)
	}
	if err == nil {
		f.read, f.size = now, f.info.size
	}
	w.report(&f.err, err)
}

// lines returns a function that hands out lines of p.
func (p *path) lines(handle func(Line)) func(text []byte, overlong bool) {
	return func(text []byte, overlong bool) {
		if overlong {
			p.source.stats.OverlongLines++
		}
		handle(Line{Source: p.source.index, Path: p.name, Text: text})
	}
}

// release closes files that have lost their name and are quiet, and drops paths that
// no pattern matches any more.
func (w *Follower) release(now time.Time, handle func(Line)) {
	for _, p := range w.paths {
		kept := func(f *file) bool {
			quiet := f.packed() || now.Sub(f.grown) >= w.cfg.Quiet
			return f == p.named || f.err == nil && (f.unread || !quiet)
		}
		if len(p.files) == 0 || p.named == nil && slices.ContainsFunc(p.files, kept) {
			continue // a path without a named file closes all at once, to keep the youngest's position
		}
		last := p.files[len(p.files)-1]
		p.files = slices.DeleteFunc(p.files, func(f *file) bool {
			if kept(f) {
				return false
			}
			if f.err == nil && !f.replaced {
				p.source.stats.ReadBytes += f.finish(w.buf, w.cfg.MaxLine, p.lines(handle))
			}
			if f.err != nil {
				p.source.stats.LostBytes += f.behind()
				p.source.stats.LostFiles++
			}
			w.finish(f)
			f.f.Close()
			delete(w.files, f.info.id)
			return true
		})
		if p.named == nil {
			p.left, p.searched = []Position{last.position()}, true
		}
	}
	w.paths = slices.DeleteFunc(w.paths, func(p *path) bool {
		gone := p.source.pattern() && len(p.files) == 0 && p.listed.Before(p.source.listed)
		if gone {
			delete(p.source.paths, p.name)
		}
		return gone
	})
}

// report adds err to the errors of this Poll unless it equals *last, and stores it
// there.
func (w *Follower) report(last *error, err error) {
	if news := source.Changed(last, err); news != nil {
		w.errs = append(w.errs, news)
	}
}

// Close closes all files.
func (w *Follower) Close() {
	for _, f := range w.files {
		f.f.Close()
	}
	w.files, w.paths = nil, nil
}
