// Package journal reads the systemd journal through journalctl, a child
// process, so that the exporter needs no cgo and runs where there is no systemd.
//
// Reading is in three steps, a journalctl each; when one fails, the first comes
// again. The first one only checks, since with --output=export nothing is said
// of a journal that is missing or may not be read. The second one prints what
// is there and ends, which shows that all was read. The third one follows. The
// latter two begin with the entry that was read last (--cursor, where
// --after-cursor would begin with the next one), since journalctl seeks a cursor
// that the journal does not hold to the next best place and says nothing.
package journal

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"slices"
	"strconv"
	"time"

	"smtp_reply_exporter/exporter/source"
	"smtp_reply_exporter/logparse"
)

const (
	pollLen = 4 << 20 // bytes that one Poll reads

	// between two starts of journalctl when it fails; doubled each time
	minDelay = time.Second
	maxDelay = time.Minute

	// Suppressed N messages from UNIT (systemd's sd-messages.h, SD_MESSAGE_JOURNAL_DROPPED)
	droppedID = "a596d6fe7bfa4994828e72309e95d61e"
)

// Older is why entries are dropped: they are older than the position's, of a
// journal that does not hold that one.
const Older = "older"

// Config says what to read.
type Config struct {
	// Matches are journalctl's, such as _SYSTEMD_UNIT=exim4.service, where "+"
	// is an or; none stands for SYSLOG_FACILITY=2, mail.
	Matches []string
	// FromStart reads the journal from its beginning where no position is
	// restored, not from the first Poll on.
	FromStart bool
	// Journalctl is the program's path; "" is journalctl in PATH.
	Journalctl string
	// ExtraArgs say which journal to read, such as --directory=DIR; none
	// stands for the host's.
	ExtraArgs []string
}

// A Position says how far the journal has been handed out. The zero Position
// stands for a journal that was not read yet.
type Position struct {
	// Cursor is the last entry's; "" where there was none yet.
	Cursor string
	// Realtime is when journald received that entry, or when reading began, in
	// microseconds since 1970: where the journal does not hold the entry,
	// reading goes on with those that are not older.
	Realtime int64
}

// A Reader reads one journal. It is not safe for concurrent use: its caller
// polls it.
type Reader struct {
	cfg      Config
	decoder  decoder
	envelope logparse.Envelope // of the call

	cursor   []byte // these two are the position
	realtime int64
	at       []byte // cursor of the last entry read: handed out, dropped, or journald's own
	dropping bool   // older entries than the position's

	step    step
	child   *child    // of this step; nil: to be started
	started time.Time // the child
	begun   bool      // the child has printed the entry to begin with, or another one
	more    bool      // the last Poll left something
	next    time.Time // when to start the next child
	delay   time.Duration

	stats source.Stats // but Up, CaughtUp and Dropped
	older int64        // entries dropped
	err   error        // what was wrong since the journal was last read to its end
	errs  []error
}

// A step of reading, see above.
type step uint8

const (
	checking step = iota
	catchingUp
	following
)

// New returns a Reader of what cfg says. It starts nothing before the first Poll.
func New(cfg Config) *Reader {
	cfg.Journalctl = cmp.Or(cfg.Journalctl, "journalctl")
	if len(cfg.Matches) == 0 {
		cfg.Matches = []string{"SYSLOG_FACILITY=2"}
	}
	return &Reader{cfg: cfg}
}

// Restore makes the first Poll go on at a position, as Position returned it.
// Call it before the first Poll.
func (r *Reader) Restore(p Position) {
	r.cursor, r.at, r.realtime = []byte(p.Cursor), []byte(p.Cursor), p.Realtime
}

// Position returns where the Reader stands. Between two Polls all entries up
// to it have been handed out, and none after it.
func (r *Reader) Position() Position {
	return Position{Cursor: string(r.cursor), Realtime: r.realtime}
}

// Stats returns what is known of the journal: it is up while journalctl can read
// it, and caught up when what there was at journalctl's start has been handed out.
func (r *Reader) Stats() source.Stats {
	s := r.stats
	s.Dropped = map[string]int64{Older: r.older}
	s.Up = r.step != checking && r.err == nil
	s.CaughtUp = r.step == following && r.child != nil && !r.more
	return s
}

// Poll hands out what has arrived, at most 4 MiB of journalctl's output: envelopes
// with SYSLOG_IDENTIFIER (else _COMM) as program, SYSLOG_PID (else _PID), and
// messages that may have several lines. It
// starts journalctl, also when it has ended, but does not wait for it. more
// reports whether the next Poll has something to do at once. err is what is wrong
// since this Poll and was not before: no journalctl (exec.ErrNotFound), no
// journal, no permission (fs.ErrPermission), a position that the journal does
// not hold. All is tried again, at growing intervals of a minute at most.
func (r *Reader) Poll(now time.Time, handle func(source.Record)) (more bool, err error) {
	r.errs = nil
	if r.child == nil && !now.Before(r.next) {
		r.start(now)
	}
	r.more = r.child != nil && r.read(now, handle)
	return r.more, errors.Join(r.errs...)
}

// Close ends journalctl. The position stays.
func (r *Reader) Close() {
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
	args := []string{"--no-pager", "--lines=0"}
	if r.step != checking {
		args = []string{"--no-pager", "--output=export", "--all", "--output-fields=" + outputFields}
		if !r.begun {
			args = append(args, "--cursor="+string(r.at))
		} else if r.realtime > 0 {
			r.dropping = true // of the second in which reading began
			args = append(args, fmt.Sprintf("--since=@%d", r.realtime/1e6))
		}
		if r.step == following {
			args = append(args, "--follow", "--no-tail")
		}
	}
	args = append(args, r.cfg.ExtraArgs...)
	if r.step != checking {
		args = slices.Concat(args, []string{"--"}, r.cfg.Matches, []string{"+", "MESSAGE_ID=" + droppedID, "_TRANSPORT=driver"})
	}
	c, err := startChild(r.cfg.Journalctl, args)
	switch {
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, fs.ErrNotExist):
		r.fail(now, fmt.Errorf("no journalctl, which is a part of systemd: %w", err))
	case err != nil:
		r.fail(now, fmt.Errorf("cannot start journalctl: %w", err))
	default:
		r.child = c
	}
}

// read takes what the child has printed.
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

// take hands out the entry that the decoder has, if it is one to hand out.
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
	*e = logparse.Envelope{Program: f[fieldIdentifier], PID: f[fieldSyslogPID], Host: f[fieldHostname], Message: f[fieldMessage]}
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

// missing goes on where the journal does not hold the entry to begin with.
func (r *Reader) missing() {
	r.dropping = true
	if r.step == catchingUp { // with --follow, journalctl may print entries of this boot only
		r.errs = append(r.errs, fmt.Errorf("the journal does not hold the entry that was read last (removed, another journal, or other matches): going on with those since %s",
			time.UnixMicro(r.realtime).UTC().Format(time.RFC3339Nano)))
	}
}

// sameEntry compares two cursors, s=FILE;i=NUMBER;b=BOOT;m=...;t=...;x=HASH
// (sd_journal_get_cursor(3)). Of files of different origin only what comes after
// the number counts: that stays when journald moves entries from /run to /var.
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

// ended goes on after the child has ended. more reports whether at once.
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
	return true
}

// fail begins again with the first step, later.
func (r *Reader) fail(now time.Time, err error) {
	if news := source.Changed(&r.err, err); news != nil {
		r.errs = append(r.errs, news)
	}
	r.child, r.step = nil, checking
	r.delay = min(max(2*r.delay, minDelay), maxDelay)
	r.next = now.Add(r.delay)
}
