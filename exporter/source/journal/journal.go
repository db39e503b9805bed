// Package journal reads the systemd journal. A Reader takes journalctl's matches,
// hands out an Envelope for each entry, and returns a Position from which another
// process resumes. It runs journalctl as a child process, so that the exporter
// needs no cgo and also runs on hosts without systemd.
//
// It reads in three steps, each with its own journalctl. If a step fails, it starts
// again with the first one. The first step only checks, since journalctl
// --output=export reports neither a missing journal nor missing permission. The
// second step prints all entries and ends, which shows that all were read. The third
// step follows. The last two steps begin with the entry that was read last, by
// --cursor instead of --after-cursor. If the journal does not hold that entry,
// journalctl begins with the next best one without an error; the Reader notices by
// the first entry that it gets.
//
// While it follows, a watchdog asks yet another journalctl once a minute for the newest
// entry, and the Reader begins anew if the one that follows does not print what there is.
package journal

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"time"

	"smtp_reply_exporter/exporter/source"
	"smtp_reply_exporter/logparse"
)

const (
	pollLen = 4 << 20 // bytes that one Poll reads

	// The time between two starts of journalctl if it fails; it doubles each time.
	minDelay = time.Second
	maxDelay = time.Minute

	// Suppressed N messages from UNIT (systemd's sd-messages.h, SD_MESSAGE_JOURNAL_DROPPED)
	droppedID = "a596d6fe7bfa4994828e72309e95d61e"
)

// Older is the cause of dropped entries in Stats.Dropped: the journal does not hold
// the position's entry, and they are older than it.
const Older = "older"

// Config says what to read.
type Config struct {
	// Matches are journalctl's matches, such as _SYSTEMD_UNIT=exim4.service; "+" means
	// or. None means SYSLOG_FACILITY=2, mail.
	Matches []string
	// FromStart reports whether the Reader begins with the first entry instead of the
	// time of the first Poll, unless a position is restored.
	FromStart bool
	// Journalctl is the program's path; "" means journalctl in PATH.
	Journalctl string
	// ExtraArgs select the journal, such as --directory=DIR; none means the host's.
	ExtraArgs []string
}

// A Position is the place in the journal up to which entries were handed out. The
// zero Position means that the journal was not read yet.
type Position struct {
	// Cursor is the last entry's; "" if there was none yet.
	Cursor string
	// Realtime is when journald received that entry, or when reading began, in
	// microseconds since 1970. If the journal does not hold the entry, the Reader
	// resumes with the entries that are not older.
	Realtime int64
}

// A Reader reads one journal. Its caller polls it. It is not safe for concurrent use.
type Reader struct {
	cfg      Config
	decoder  decoder
	envelope logparse.Envelope // of the entry handed out

	cursor   []byte // these two are the position
	realtime int64
	at       []byte // cursor of the last entry read, which may be dropped or journald's own
	dropping bool   // entries older than the position are dropped

	step    step
	child   *child    // of this step; nil if it is to be started
	started time.Time // when the child was started
	begun   bool      // the child has printed its first entry, or needs none at the position
	more    bool      // the last Poll left output unread
	next    time.Time // when to start the next child
	delay   time.Duration

	watchdog      watchdog
	machineIDFile string

	stats source.Stats // without Up, CaughtUp and Dropped
	older int64        // entries dropped
	err   error        // the last error since the journal was last read to its end
	errs  []error
}

// A step is one of the three steps in the package comment.
type step uint8

const (
	checking step = iota
	catchingUp
	following
)

// New returns a Reader of the journal that cfg selects. It starts nothing before the
// first Poll.
func New(cfg Config) *Reader {
	cfg.Journalctl = cmp.Or(cfg.Journalctl, "journalctl")
	if len(cfg.Matches) == 0 {
		cfg.Matches = []string{"SYSLOG_FACILITY=2"}
	}
	return &Reader{cfg: cfg, machineIDFile: machineIDFile}
}

// Restore makes the first Poll resume from a position that Position returned. Call it
// before the first Poll.
func (r *Reader) Restore(p Position) {
	r.cursor, r.at, r.realtime = []byte(p.Cursor), []byte(p.Cursor), p.Realtime
}

// Position returns the Reader's position. Between two Polls, all entries up to it have
// been handed out, and none after it.
func (r *Reader) Position() Position {
	return Position{Cursor: string(r.cursor), Realtime: r.realtime}
}

// Stats returns the journal's Stats. The journal is up while journalctl can read it,
// and caught up once all entries that existed when journalctl started are handed out.
func (r *Reader) Stats() source.Stats {
	s := r.stats
	s.Dropped = map[string]int64{Older: r.older}
	s.Up = r.step != checking && r.err == nil
	s.CaughtUp = r.step == following && r.child != nil && !r.more
	return s
}

// Err returns why the journal is not up; nil if it is, or was not read yet.
func (r *Reader) Err() error { return r.err }

// Poll hands out the entries that have arrived, from at most 4 MiB of journalctl's
// output. An Envelope has SYSLOG_IDENTIFIER, or else _COMM, as the program, and
// SYSLOG_PID, or else _PID; its message may have several lines. Poll starts
// journalctl, again if it has ended, but does not wait for it. more reports whether
// the next Poll has something to do at once. err joins the errors that are new since
// the last Poll: no journalctl (exec.ErrNotFound), no journal, no permission
// (fs.ErrPermission), a position that the journal does not hold. Poll retries at
// growing intervals of at most a minute.
func (r *Reader) Poll(now time.Time, handle func(source.Record)) (more bool, err error) {
	r.errs = nil
	if r.child == nil && !now.Before(r.next) {
		r.start(now)
	}
	r.more = r.child != nil && r.read(now, handle)
	if r.step == following && r.child != nil && !r.more {
		r.watch(now)
	}
	return r.more, errors.Join(r.errs...)
}

// watch begins anew if the watchdog finds that journalctl does not print new entries.
func (r *Reader) watch(now time.Time) {
	r.watchdog.start(now, r.cfg.Journalctl, r.probeArgs)
	if r.watchdog.stalled(r.at) {
		r.child.kill()
		r.delay = 0
		r.fail(now, errStalled)
	}
}

// Close ends journalctl. Position remains valid.
func (r *Reader) Close() {
	r.watchdog.stop()
	if r.child != nil {
		r.child.kill()
		r.child = nil
	}
}

func (r *Reader) start(now time.Time) {
	if r.Position() == (Position{}) && !r.cfg.FromStart {
		r.realtime = now.UnixMicro()
	}
	r.started, r.begun = now, len(r.at) == 0
	r.decoder.reset()
	args := r.checkArgs()
	if r.step != checking {
		args = r.readArgs()
	}
	c, err := startChild(r.cfg.Journalctl, args)
	if err != nil {
		r.fail(now, cannotStart(err))
		return
	}
	r.child = c
}

// read decodes what the child has printed.
func (r *Reader) read(now time.Time, handle func(source.Record)) (more bool) {
	for n := 0; n < pollLen; {
		select {
		case chunk, ok := <-r.child.chunks:
			if !ok {
				return r.ended(now)
			}
			if r.step == checking {
				continue
			}
			n += len(chunk)
			if err := r.decoder.decode(chunk, func() error { return r.take(handle) }); err != nil {
				r.child.kill()
				r.fail(now, fmt.Errorf("journalctl --output=export: %w", err))
				return false
			}
		default:
			return false
		}
	}
	return true
}

// take hands out the decoder's entry, unless it is older than the position, or is
// journald's own report of lost lines.
func (r *Reader) take(handle func(source.Record)) error {
	f := &r.decoder.fields
	realtime, err := strconv.ParseInt(string(f[fieldRealtime]), 10, 64)
	if err != nil || len(f[fieldCursor]) == 0 {
		return fmt.Errorf("an entry without %s or %s", fieldNames[fieldCursor], fieldNames[fieldRealtime])
	}
	if !r.begun {
		r.begun = true
		if sameEntry(f[fieldCursor], r.at) {
			return nil
		}
		r.missing()
	}
	r.at = append(r.at[:0], f[fieldCursor]...)
	if r.dropping {
		if sameEntry(f[fieldCursor], r.cursor) {
			r.dropping = false
			return nil
		}
		if realtime < r.realtime {
			if len(r.cursor) > 0 {
				r.older++
			}
			return nil
		}
		r.dropping = false
	}
	r.cursor, r.realtime = append(r.cursor[:0], f[fieldCursor]...), realtime
	if string(f[fieldMessageID]) == droppedID && string(f[fieldTransport]) == "driver" {
		if n, err := strconv.ParseInt(string(f[fieldDropped]), 10, 64); err == nil && n > 0 {
			r.stats.LostLines += n
		}
		return nil
	}
	e := &r.envelope
	*e = logparse.Envelope{Program: f[fieldIdentifier], PID: f[fieldSyslogPID], Host: f[fieldHostname], Message: f[fieldMessage], Container: len(f[fieldContainer]) > 0}
	if len(e.Program) == 0 {
		e.Program = f[fieldComm]
	}
	if len(e.PID) == 0 {
		e.PID = f[fieldPID]
	}
	r.stats.ReadBytes += int64(len(e.Message))
	if r.decoder.overlong {
		r.stats.OverlongLines++
	}
	handle(source.Record{Envelope: e, Trusted: true})
	return nil
}

// missing handles a journal that does not hold the entry at the position.
func (r *Reader) missing() {
	r.dropping = true
	if r.step == catchingUp { // with --follow, journalctl may print entries of this boot only
		r.errs = append(r.errs, fmt.Errorf("the journal does not hold the entry that was read last (removed, another journal, or other matches): continuing with the entries since %s",
			time.UnixMicro(r.realtime).UTC().Format(time.RFC3339Nano)))
	}
}

// sameEntry reports whether two cursors, s=FILE;i=NUMBER;b=BOOT;m=...;t=...;x=HASH
// (sd_journal_get_cursor(3)), are of the same entry. If FILE differs, it compares
// only what follows NUMBER: that stays when journald moves entries from /run to /var.
func sameEntry(a, b []byte) bool {
	fileA, _, _ := bytes.Cut(a, []byte(";i="))
	fileB, _, _ := bytes.Cut(b, []byte(";i="))
	if !bytes.Equal(fileA, fileB) {
		_, a, _ = bytes.Cut(a, []byte(";b="))
		_, b, _ = bytes.Cut(b, []byte(";b="))
		return len(a) > 0 && bytes.Equal(a, b)
	}
	return bytes.Equal(a, b)
}

// ended proceeds to the next step after the child has ended. more reports whether the
// next step can start at once.
func (r *Reader) ended(now time.Time) (more bool) {
	err := r.child.complaint()
	if r.step == following {
		err = cmp.Or(err, errors.New("journalctl ended while it followed"))
		if now.Sub(r.started) > maxDelay {
			r.delay = 0
		}
	}
	if err != nil {
		r.fail(now, err)
		return false
	}
	if r.step == catchingUp {
		r.err = nil
		if !r.begun {
			r.missing()
		}
	}
	r.child = nil
	r.step++
	r.watchdog = watchdog{}
	return true
}

// fail schedules a new start with the first step.
func (r *Reader) fail(now time.Time, err error) {
	if news := source.Changed(&r.err, err); news != nil {
		r.errs = append(r.errs, news)
	}
	r.watchdog.stop()
	r.child, r.step = nil, checking
	r.delay = min(max(2*r.delay, minDelay), maxDelay)
	r.next = now.Add(r.delay)
}
