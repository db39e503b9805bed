// Package stream reads standard input and named pipes, which can be read only once. A
// Reader hands out one Record per line.
package stream

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"smtp_reply_exporter/exporter/source"
)

// retryInterval is the time between two attempts to open a named pipe.
const retryInterval = time.Second

const (
	blockLen = 64 << 10 // bytes; the capacity of a pipe on Linux
	blocks   = 4        // blocks read ahead of Poll; then the writer waits
)

// A Reader reads in its own goroutine. One caller polls it; its methods are not safe
// for concurrent use.
type Reader struct {
	path  string // of a named pipe; "" if f was given
	f     io.ReadCloser
	retry time.Time   // when to open the named pipe again
	err   error       // of the last attempt
	run   *run        // nil if no goroutine reads
	free  chan []byte // blocks for runs to fill

	line     []byte // the beginning of a line whose end has yet to come
	overlong bool   // line was truncated
	stats    source.Stats
}

// A run is one goroutine that reads until the input ends or an error occurs.
type run struct {
	full chan []byte   // closed when the goroutine ends
	stop chan struct{} // closed to end the run
	err  error         // why it ended; set before full is closed
}

// New returns a Reader of f, such as os.Stdin. It reads nothing before the first Poll.
// Close closes f.
func New(f io.ReadCloser) *Reader { return newReader("", f) }

// NewPipe returns a Reader of the named pipe at path. It opens nothing before the
// first Poll. Writers may come and go, and the pipe may be recreated.
func NewPipe(path string) *Reader { return newReader(path, nil) }

func newReader(path string, f io.ReadCloser) *Reader {
	r := &Reader{path: path, f: f, free: make(chan []byte, blocks)}
	for range blocks {
		r.free <- make([]byte, blockLen)
	}
	return r
}

// Poll hands out the lines that have arrived, without their end ("\n" or "\r\n"). It
// hands out a last line without an end once its writer has closed the input. more
// reports whether the next Poll has more to hand out at once. err is an error that is
// new since the last Poll: the end of New's f, after which Poll reads nothing more, or
// a named pipe that cannot be read, which Poll retries once a second.
func (r *Reader) Poll(now time.Time, handle func(source.Record)) (more bool, err error) {
	if err := r.start(now); err != nil {
		return false, source.Changed(&r.err, err)
	}
	if r.run == nil {
		return false, nil
	}
	for range blocks {
		select {
		case b, ok := <-r.run.full:
			if !ok {
				return false, source.Changed(&r.err, r.ended(handle))
			}
			r.lines(b, handle)
			r.free <- b
		default:
			return false, nil
		}
	}
	return true, nil
}

// start starts a goroutine that reads, if none does and there is an input.
func (r *Reader) start(now time.Time) error {
	if r.run != nil {
		return nil
	}
	if r.path != "" {
		if now.Before(r.retry) {
			return r.err
		}
		if err := r.open(); err != nil {
			r.retry = now.Add(retryInterval)
			return err
		}
	}
	if r.f == nil {
		return nil
	}
	r.err = nil
	r.stats.Up = true
	r.run = &run{full: make(chan []byte, blocks), stop: make(chan struct{})}
	go r.run.read(r.f, r.free)
	return nil
}

// open opens the pipe at path. A pipe that is open already stays open after its
// writers have gone, since closing it would lose what the next writer writes.
func (r *Reader) open() error {
	there, err := os.Stat(r.path)
	if err == nil && there.Mode().Type() != os.ModeNamedPipe {
		err = fmt.Errorf("%s is not a named pipe; make it one with mkfifo, or follow it as a file", r.path)
	}
	if f, ok := r.f.(*os.File); ok {
		if opened, statErr := f.Stat(); statErr == nil && err == nil && os.SameFile(opened, there) {
			return nil
		}
		r.close()
	}
	if err != nil {
		return err
	}
	// Without O_NONBLOCK, opening a pipe would wait for a writer.
	f, err := os.OpenFile(r.path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	r.f = f
	return nil
}

// ended handles the end of a run and returns an error to report.
func (r *Reader) ended(handle func(source.Record)) error {
	err := r.run.err
	r.run = nil
	if len(r.line) > 0 {
		r.handOut(handle)
	}
	switch {
	case r.path == "":
		r.close()
		return fmt.Errorf("the input has ended; its source is down until a restart: %w", err)
	case errors.Is(err, io.EOF): // no writer for now
		return nil
	}
	r.close()
	return err
}

// read reads f block by block.
func (r *run) read(f io.Reader, free <-chan []byte) {
	defer close(r.full)
	for {
		select {
		case b := <-free:
			n, err := f.Read(b[:blockLen])
			r.full <- b[:n] // has room for every block
			if err != nil {
				r.err = err
				return
			}
		case <-r.stop:
			return
		}
	}
}

// lines hands out the lines that end in b, and keeps the beginning of the next.
func (r *Reader) lines(b []byte, handle func(source.Record)) {
	r.stats.ReadBytes += int64(len(b))
	for len(b) > 0 {
		text, rest, whole := bytes.Cut(b, []byte{'\n'})
		b = rest
		if whole && len(r.line) == 0 {
			handOut(text, handle)
			continue
		}
		n := min(len(text), source.MaxLine-len(r.line))
		r.overlong = r.overlong || n < len(text)
		r.line = append(r.line, text[:n]...)
		if whole {
			r.handOut(handle)
		}
	}
}

// handOut hands out the line that was kept.
func (r *Reader) handOut(handle func(source.Record)) {
	if r.overlong {
		r.stats.OverlongLines++
	}
	handOut(r.line, handle)
	r.line, r.overlong = r.line[:0], false
}

func handOut(text []byte, handle func(source.Record)) {
	handle(source.Record{Line: bytes.TrimSuffix(text, []byte{'\r'}), Trusted: true})
}

// Stats returns the Reader's Stats. An open input is up and caught up.
func (r *Reader) Stats() source.Stats {
	s := r.stats
	s.CaughtUp = s.Up
	return s
}

// Err returns why the input is not open; nil if it is.
func (r *Reader) Err() error { return r.err }

// Close closes the input. It discards what the last Poll did not hand out. It does not
// wait for a read that closing cannot interrupt, such as that of an idle standard
// input; that goroutine ends with its read.
func (r *Reader) Close() {
	if r.run != nil {
		close(r.run.stop)
		r.run = nil
	}
	r.path = ""
	r.close()
}

func (r *Reader) close() {
	if r.f != nil {
		r.f.Close()
		r.f = nil
	}
	r.stats.Up = false
}
