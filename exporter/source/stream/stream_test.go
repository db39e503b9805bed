package stream

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"smtp_reply_exporter/exporter/source"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// reading is a Reader with its lines and errors.
type reading struct {
	*testing.T
	*Reader
	now   time.Time
	lines []string
	errs  []error
}

func read(t *testing.T, r *Reader) *reading {
	t.Cleanup(r.Close)
	return &reading{T: t, Reader: r, now: time.Date(2026, 11, 23, 16, 0, 0, 0, time.UTC)}
}

// poll polls once, a second after the last time.
func (r *reading) poll() (more bool) {
	r.now = r.now.Add(time.Second)
	more, err := r.Poll(r.now, func(record source.Record) { r.lines = append(r.lines, string(record.Line)) })
	if err != nil {
		r.errs = append(r.errs, err)
	}
	return more
}

// until polls until done returns true.
func (r *reading) until(what string, done func() bool) {
	r.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for r.poll(); !done(); r.poll() {
		if time.Now().After(deadline) {
			r.Fatalf("waited in vain until %s; %d lines, errors %v, stats %+v", what, len(r.lines), r.errs, r.Stats())
		}
		time.Sleep(time.Millisecond)
	}
}

func (r *reading) untilLines(n int) {
	r.Helper()
	r.until(fmt.Sprintf("there are %d lines", n), func() bool { return len(r.lines) >= n })
}

func (r *reading) wantLines(want ...string) {
	r.Helper()
	if d := cmp.Diff(want, r.lines); d != "" {
		r.Errorf("lines (-want +got):\n%s", d)
	}
}

func TestLines(t *testing.T) {
	long := strings.Repeat("x", source.MaxLine)
	tests := []struct {
		name, input string
		want        []string
		overlong    int64
	}{
		{"empty", "", nil, 0},
		{"lines", "a\nb\n", []string{"a", "b"}, 0},
		{"no end", "a\nb", []string{"a", "b"}, 0},
		{"empty lines", "\n\na\n", []string{"", "", "a"}, 0},
		{"CRLF", "a\r\nb\rc\r\n", []string{"a", "b\rc"}, 0},
		{"NUL and not UTF-8", "\x00\xff\n", []string{"\x00\xff"}, 0},
		{"as long as may be", long + "\na\n", []string{long, "a"}, 0},
		{"overlong", long + "yz\na\n", []string{long, "a"}, 1},
		{"much too long", strings.Repeat(long, 5) + "\na\n", []string{long, "a"}, 1},
		{"overlong, no end", long + "yz", []string{long}, 1},
	}
	for _, tt := range tests {
		for name, reader := range map[string]io.Reader{
			"at once":   strings.NewReader(tt.input),
			"in halves": iotest.HalfReader(strings.NewReader(tt.input)),
			"with EOF":  iotest.DataErrReader(strings.NewReader(tt.input)),
		} {
			t.Run(tt.name+"/"+name, func(t *testing.T) {
				r := read(t, New(io.NopCloser(reader)))
				r.until("the end is reported", func() bool { return len(r.errs) > 0 })
				r.wantLines(tt.want...)
				want := source.Stats{ReadBytes: int64(len(tt.input)), OverlongLines: tt.overlong}
				if d := cmp.Diff(want, r.Stats()); d != "" {
					t.Errorf("stats (-want +got):\n%s", d)
				}
				for range 3 {
					r.poll()
				}
				if len(r.errs) != 1 || !errors.Is(r.errs[0], io.EOF) {
					t.Errorf("reported %v, want the end once", r.errs)
				}
			})
		}
	}
}

func TestReadError(t *testing.T) {
	broken := errors.New("input/output error")
	r := read(t, New(io.NopCloser(io.MultiReader(strings.NewReader("a\n"), iotest.ErrReader(broken)))))
	r.until("the error is reported", func() bool { return len(r.errs) > 0 })
	r.wantLines("a")
	if !errors.Is(r.errs[0], broken) || r.Stats().Up {
		t.Errorf("reported %v, stats %+v", r.errs, r.Stats())
	}
}

// In a pipe like standard input, written lines wait for Poll, the writer waits once
// there is no room, and Close ends the read.
func TestBackPressure(t *testing.T) {
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r := read(t, New(in))
	const lines = 50_000 // more than pipe and blocks hold
	written := make(chan error, 1)
	go func() {
		var err error
		for i := 0; i < lines && err == nil; i++ {
			_, err = fmt.Fprintf(out, "line %d\n", i)
		}
		written <- err
	}()
	r.untilLines(lines)
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	for i, line := range r.lines {
		if want := fmt.Sprintf("line %d", i); line != want {
			t.Fatalf("line %d is %q", i, line)
		}
	}
	if st := r.Stats(); !st.Up || len(r.errs) > 0 {
		t.Errorf("stats %+v, errors %v", st, r.errs)
	}
	r.Close()
	if _, err := out.WriteString("a\n"); err == nil {
		t.Error("the pipe is still open after Close")
	}
	out.Close()
}

// Close while every block is full.
func TestCloseUnread(t *testing.T) {
	r := read(t, New(io.NopCloser(endless{})))
	r.poll()
	for len(r.run.full) < blocks {
		runtime.Gosched()
	}
	r.Close()
	if r.poll() || r.Stats().Up {
		t.Error("reads on after Close")
	}
}

type endless struct{}

func (endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = '\n'
	}
	return len(b), nil
}

func FuzzLines(f *testing.F) {
	f.Add([]byte("a\r\nb\n\nc"), uint8(2))
	f.Fuzz(func(t *testing.T, input []byte, size uint8) {
		// The lines do not depend on the blocks.
		r := New(nil)
		var got []string
		handle := func(record source.Record) { got = append(got, string(record.Line)) }
		for b := input; len(b) > 0; {
			n := min(int(size)+1, len(b))
			r.lines(b[:n], handle)
			b = b[n:]
		}
		var want []string
		whole := strings.Split(string(input), "\n")
		for _, line := range whole[:len(whole)-1] {
			want = append(want, strings.TrimSuffix(line[:min(len(line), source.MaxLine)], "\r"))
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
		if last := whole[len(whole)-1]; string(r.line) != last[:min(len(last), source.MaxLine)] {
			t.Errorf("kept %q of %q", r.line, last)
		}
	})
}

func TestPipeErrors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	r := read(t, NewPipe(path))
	for range 3 {
		r.poll()
	}
	if len(r.errs) != 1 || !errors.Is(r.errs[0], fs.ErrNotExist) || r.Stats().Up {
		t.Errorf("reported %v, stats %+v, want once that it does not exist", r.errs, r.Stats())
	}
	if err := os.WriteFile(path, []byte("a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		r.poll()
	}
	want := path + " is not a named pipe; make it one with mkfifo, or follow it as a file"
	if len(r.errs) != 2 || r.errs[1].Error() != want {
		t.Errorf("reported %v, want %q", r.errs, want)
	}
	r.wantLines()
}
