// Package follow reads the lines of log files that keep growing, get renamed,
// truncated, compressed, deleted and made again, without losing or repeating a
// line.
//
// One rule carries it: a file is its inode, held open, and not its name. At
// each look a name is only asked which inode it stands for now. A file that has
// lost its name is read on until it has been quiet for a while, so what a
// writer adds before it reopens its log is still read.
//
// What no reader can see: lines written between the copy and the truncation of
// logrotate's copytruncate; a file that comes and is deleted between two looks.
// Rotated files are looked for beside the log, so after a restart not in
// logrotate's olddir.
package follow

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"

	"smtp_reply_exporter/exporter/source"
)

// Interval is how long to wait before the next Poll when there is no more to read.
const Interval = 250 * time.Millisecond

const (
	blockLen   = 256 << 10 // that are read at once; more only for a longer line
	pollBlocks = 16        // in one Poll
	// between two looks at a pattern, or at a name that has been idle for idleAfter
	idleInterval = time.Second
	idleAfter    = time.Minute
)

// Config says what to follow.
type Config struct {
	Sources []Source
	// MaxLine is the length in bytes that longer lines are cut to; 0 is source.MaxLine.
	MaxLine int
	// Quiet is for how long a file that lost its name is read on after its last
	// change; 0 is 60 s.
	Quiet time.Duration
}

// A Source is a log, or the logs that match a pattern. A file belongs to the
// first source that has it.
type Source struct {
	// Path is a file's path or a pattern as filepath.Match has it.
	Path string
	// FromStart reads the files that the first look finds from their beginning,
	// not from their end. Files that appear later always are.
	FromStart bool
}

// A Line is a line of a log, without its line end ("\n" or "\r\n") and without
// NULs before it.
type Line struct {
	Source int    // index in Config.Sources
	Path   string // that the file was opened under
	Text   []byte // valid during the call only, at most MaxLine bytes
}

// Stats are what a Follower knows of a source. It is up while a file can be read.
type Stats struct {
	source.Stats
	Files       int // open
	BehindBytes int64
	// These count from the Follower's start.
	Rotations   int64 // files that took over a name from another one
	Truncations int64
	LostBytes   int64 // seen in a file and gone before they could be read
}

// A Follower follows any number of logs with one buffer. It has no goroutines
// and is not safe for concurrent use: its caller polls it.
type Follower struct {
	cfg      Config
	buf      []byte
	sources  []*followed
	paths    []*path
	files    map[fileID]*file // every open file
	restored []Position
	looked   time.Time // of the last look
	more     bool
	turn     int // of paths, whose turn it is to be read
	errs     []error
}

type followed struct {
	Source
	index  int
	paths  map[string]*path
	listed time.Time // when its pattern was last matched, also by the Follower whose state this one has
	stats  Stats
	err    error
}

// pattern reports whether the source's path stands for any number of logs.
func (s *followed) pattern() bool { return strings.ContainsAny(s.Path, "*?[") }

// path is a name that is followed.
type path struct {
	source *followed
	name   string
	files  []*file    // oldest first
	named  *file      // the one of files that the last look found at the name
	left   []Position // of files that are not open, to go on with
	seen   time.Time  // when a look last found a file, or first none; zero: not looked yet
	next   time.Time  // when to look again
	listed time.Time  // when the source's pattern last matched it
	err    error
}

// New returns a Follower of what cfg says. It opens nothing before the first Poll.
func New(cfg Config) *Follower {
	cfg.MaxLine = cmp.Or(cfg.MaxLine, source.MaxLine)
	cfg.Quiet = cmp.Or(cfg.Quiet, time.Minute)
	w := &Follower{cfg: cfg, buf: make([]byte, max(blockLen, 2*cfg.MaxLine)), files: make(map[fileID]*file)}
	for i, s := range cfg.Sources {
		w.sources = append(w.sources, &followed{Source: s, index: i, paths: make(map[string]*path)})
	}
	return w
}

// Restore makes the first Poll go on at positions, as Positions returned them.
// Call it before the first Poll.
func (w *Follower) Restore(positions []Position) {
	w.restored = positions
}

// Positions returns where every followed file stands. Between two Polls all
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
		if len(p.files)+len(p.left) == 0 {
			all = append(all, Position{Path: p.name, Seen: p.seen})
		}
		all = append(all, p.left...)
		for _, f := range p.files {
			all = append(all, f.position())
		}
	}
	return all
}

// Stats returns what is known of the source with that index in Config.Sources.
func (w *Follower) Stats(index int) Stats {
	s := w.sources[index]
	st := s.stats
	st.CaughtUp = !w.looked.IsZero()
	for _, p := range w.paths {
		if p.source != s {
			continue
		}
		for _, f := range p.files {
			st.Files++
			st.Up = st.Up || f.err == nil
			st.CaughtUp = st.CaughtUp && !f.unread
			st.BehindBytes += f.behind()
		}
	}
	return st
}

// Poll looks at the names, at most once an Interval while there is more to
// read, and hands out lines of some 4 MiB. more reports whether the next Poll
// has something to read at once. err is what is wrong since this Poll and was
// not before: a log that is not there yet (fs.ErrNotExist), one that may not be
// read, lines that are lost. All else is read nevertheless, and what is wrong
// is tried again at each look.
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
	blocks := 0
	for idle := 0; idle < len(w.paths); {
		if blocks == pollBlocks {
			return true
		}
		w.turn = (w.turn + 1) % len(w.paths)
		p := w.paths[w.turn]
		// A younger file's turn is when the older ones are read.
		i := slices.IndexFunc(p.files, func(f *file) bool { return f.unread })
		if i < 0 {
			idle++
			continue
		}
		idle = 0
		blocks++
		w.readBlock(p.files[i], now, handle)
	}
	return false
}

func (w *Follower) readBlock(f *file, now time.Time, handle func(Line)) {
	n, err := f.readBlock(w.buf, w.cfg.MaxLine, f.path.lines(handle))
	f.path.source.stats.ReadBytes += n
	if errors.Is(err, errTruncated) {
		err = w.truncated(f, now)
	}
	if err == nil {
		f.read, f.size = now, f.info.size
	}
	w.report(&f.err, err)
}

// lines is what hands out the lines of p.
func (p *path) lines(handle func(Line)) func(text []byte, overlong bool) {
	return func(text []byte, overlong bool) {
		if overlong {
			p.source.stats.OverlongLines++
		}
		handle(Line{Source: p.source.index, Path: p.name, Text: text})
	}
}

// release lets go of files that have lost their name and are quiet, and of paths
// that no pattern matches any more.
func (w *Follower) release(now time.Time, handle func(Line)) {
	for _, p := range w.paths {
		kept := func(f *file) bool {
			quiet := f.packed() || now.Sub(f.grown) >= w.cfg.Quiet
			return f == p.named || f.err == nil && (f.unread || !quiet)
		}
		if len(p.files) == 0 || p.named == nil && slices.ContainsFunc(p.files, kept) {
			continue // without a name all are let go at once, so that the youngest is known
		}
		last := p.files[len(p.files)-1]
		p.files = slices.DeleteFunc(p.files, func(f *file) bool {
			if kept(f) {
				return false
			}
			if f.err == nil {
				p.source.stats.ReadBytes += f.finish(w.buf, w.cfg.MaxLine, p.lines(handle))
			} else {
				p.source.stats.LostBytes += f.behind()
			}
			f.f.Close()
			delete(w.files, f.info.id)
			return true
		})
		if p.named == nil {
			p.left = []Position{last.position()}
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

// report reports err if it is not what *last is, and remembers it there.
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
