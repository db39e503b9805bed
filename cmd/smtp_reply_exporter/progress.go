package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A progress reads a file, and shows on a terminal how much of it has been read:
//
//	mail.log.1.gz [===============               ]  50 %
//
// It draws the first bar after progressInterval, so that a short file shows none.
type progress struct {
	out  io.Writer
	in   io.Reader
	name string
	size int64 // bytes; 0 if unknown
	read int64
	next time.Time // when to draw the bar again
}

const (
	progressInterval = 200 * time.Millisecond
	progressWidth    = 30
)

func newProgress(out io.Writer, in io.Reader, name string, size int64) *progress {
	return &progress{out: out, in: in, name: filepath.Base(name), size: size, next: time.Now().Add(progressInterval)}
}

func (p *progress) Read(b []byte) (int, error) {
	n, err := p.in.Read(b)
	p.read += int64(n)
	if now := time.Now(); now.After(p.next) {
		p.next = now.Add(progressInterval)
		fmt.Fprintf(p.out, "\r\x1b[K%s", p)
	}
	return n, err
}

func (p *progress) String() string {
	if p.size == 0 {
		return fmt.Sprintf("%.40s %d MB", p.name, p.read/1_000_000)
	}
	read := min(p.read, p.size) // the file may have grown since
	return fmt.Sprintf("%.40s [%-*s] %3d %%", p.name,
		progressWidth, strings.Repeat("=", int(progressWidth*read/p.size)), 100*read/p.size)
}

// clear removes the bar from the terminal.
func (p *progress) clear() { fmt.Fprint(p.out, "\r\x1b[K") }

// isTerminal reports whether f is a character device: a terminal or, for instance,
// /dev/null, where a bar does no harm.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
