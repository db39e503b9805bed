package follow

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// FuzzLines writes any bytes in pieces and compares the lines with a split of the
// whole.
func FuzzLines(f *testing.F) {
	f.Add([]byte("a\nb\r\n\nc"), uint16(3))
	f.Add([]byte("\x00\x00a\x00\n\x00\n"), uint16(1))
	f.Add([]byte(strings.Repeat("long", 100)+"\n"+strings.Repeat("\x00", 100)+"x\n"), uint16(64))
	f.Fuzz(func(t *testing.T, input []byte, piece uint16) {
		const maxLine = 32
		if len(input) > 1<<14 {
			return
		}
		var want []string
		lines := bytes.Split(input, []byte("\n"))
		for _, line := range lines[:len(lines)-1] {
			line = bytes.TrimSuffix(bytes.TrimLeft(line, "\x00"), []byte("\r"))
			want = append(want, string(line[:min(len(line), maxLine)]))
		}
		w := newWorld(t, running, Source{Path: "mail.log"})
		w.cfg.MaxLine = maxLine
		w.restartEmpty()
		w.f.buf = w.f.buf[:headLen+markLen] // small blocks
		log := w.open("mail.log")
		w.start()
		for p := range slices.Chunk(input, max(int(piece), len(input)/20+1)) {
			log.raw(string(p))
			w.poll()
		}
		if !slices.Equal(w.got, want) || len(w.errs) > 0 {
			t.Errorf("read %q, want %q; reported %v", w.got, want, w.errs)
		}
	})
}

func TestAddMark(t *testing.T) {
	var marks []Mark
	for offset := int64(1); offset < 1<<20; offset += 100 {
		marks = addMark(marks, Mark{Offset: offset})
		for i, m := range marks {
			if i > 0 && m.Offset >= marks[i-1].Offset {
				t.Fatalf("marks not newest first: %v", marks)
			}
			// The distance of two marks is at most about three times that to the end.
			if i > 0 && marks[i-1].Offset-m.Offset > 3*max(100, offset-marks[i-1].Offset) {
				t.Fatalf("a gap of %d bytes at %d: %v", marks[i-1].Offset-m.Offset, m.Offset, marks)
			}
		}
	}
	if len(marks) > maxMarks || marks[len(marks)-1].Offset > 1<<19 {
		t.Errorf("%d marks, the oldest at %d", len(marks), marks[len(marks)-1].Offset)
	}
}

// bigLog writes a log of about size bytes.
func bigLog(tb testing.TB, size int) (name string, lines int) {
	tb.Helper()
	var b bytes.Buffer
	for ; b.Len() < size; lines++ {
		fmt.Fprintf(&b, "Nov 23 16:00:00 mail postfix/smtp[%d]: 4QfG2r0000z: to=<user@example.org>, relay=mx.example.org[192.0.2.25]:25, delay=0.61, delays=0.01/0/0.31/0.29, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 3B5C71)\n", lines)
	}
	name = filepath.Join(tb.TempDir(), "mail.log")
	if err := os.WriteFile(name, b.Bytes(), 0o644); err != nil {
		tb.Fatal(err)
	}
	return name, lines
}

func TestAllocations(t *testing.T) {
	const size = 8 << 20
	name, lines := bigLog(t, size)
	f := New(Config{Sources: []Source{{Path: name, FromStart: true}}})
	defer f.Close()
	now, got := time.Now(), 0
	allocs := testing.AllocsPerRun(1, func() {
		if _, err := f.Poll(now, func(Line) { got++ }); err != nil {
			t.Fatal(err)
		}
	})
	if perLine := allocs / float64(lines/2); perLine > 0.01 {
		t.Errorf("%.3f allocations a line", perLine)
	}
}

func BenchmarkFollower(b *testing.B) {
	name, lines := bigLog(b, 64<<20)
	fi, err := os.Stat(name)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("Follower", func(b *testing.B) {
		b.SetBytes(fi.Size())
		for b.Loop() {
			f := New(Config{Sources: []Source{{Path: name, FromStart: true}}})
			got := 0
			for more := true; more; {
				if more, err = f.Poll(time.Now(), func(Line) { got++ }); err != nil {
					b.Fatal(err)
				}
			}
			f.Close()
			if got != lines {
				b.Fatalf("%d lines, want %d", got, lines)
			}
		}
	})
	b.Run("bufio.Scanner", func(b *testing.B) {
		b.SetBytes(fi.Size())
		for b.Loop() {
			f, err := os.Open(name)
			if err != nil {
				b.Fatal(err)
			}
			got := 0
			for s := bufio.NewScanner(f); s.Scan(); got++ {
			}
			f.Close()
			if got != lines {
				b.Fatalf("%d lines, want %d", got, lines)
			}
		}
	})
}

// BenchmarkIdle polls 1,000 files without changes. Four polls a second must take less
// than 1 % of a core, so one must take less than 2.5 ms.
func BenchmarkIdle(b *testing.B) {
	dir := b.TempDir()
	for i := range 1000 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.log", i)), []byte("a\n"), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	for _, pattern := range []bool{false, true} {
		b.Run(fmt.Sprintf("pattern=%t", pattern), func(b *testing.B) {
			var cfg Config
			if pattern {
				cfg.Sources = []Source{{Path: filepath.Join(dir, "*.log")}}
			} else {
				for i := range 1000 {
					cfg.Sources = append(cfg.Sources, Source{Path: filepath.Join(dir, fmt.Sprintf("%d.log", i))})
				}
			}
			f := New(cfg)
			defer f.Close()
			now := time.Now()
			for more := true; more; {
				more, _ = f.Poll(now, func(Line) {})
			}
			now = now.Add(2 * idleAfter)
			for b.Loop() {
				now = now.Add(Interval)
				if more, err := f.Poll(now, func(Line) {}); more || err != nil {
					b.Fatal(more, err)
				}
			}
		})
	}
}
