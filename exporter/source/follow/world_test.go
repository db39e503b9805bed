package follow

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// mode is what the follower does while a test rotates its files.
type mode string

const (
	running    mode = "running"
	restarting mode = "restarting" // before each poll, from its positions
	down       mode = "down"       // until the rotation is over
)

// world is a directory with logs, a clock, and a follower.
type world struct {
	*testing.T
	dir     string
	now     time.Time
	mode    mode
	cfg     Config
	f       *Follower
	saved   []byte // positions
	writers []*writer
	lines   int // written
	want    []string
	got     []string
	errs    []error
	// overlong lines that the followers before f handed out
	overlong int64
}

func newWorld(t *testing.T, m mode, sources ...Source) *world {
	w := &world{T: t, dir: t.TempDir(), now: time.Date(2026, 11, 23, 16, 0, 0, 0, time.UTC), mode: m}
	for _, s := range sources {
		s.Path = w.path(s.Path)
		w.cfg.Sources = append(w.cfg.Sources, s)
	}
	w.f = New(w.cfg)
	t.Cleanup(func() {
		w.f.Close()
		for _, wr := range w.writers {
			wr.f.Close()
		}
	})
	return w
}

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// start does the follower's first poll, in any mode.
func (w *world) start() {
	w.Helper()
	w.pollNow()
	w.save()
}

// poll advances the clock and polls.
func (w *world) poll() {
	w.Helper()
	w.now = w.now.Add(Interval)
	switch w.mode {
	case restarting:
		w.restart()
		w.pollNow()
		w.save()
	case running:
		w.pollNow()
	}
}

func (w *world) wait(d time.Duration) {
	w.Helper()
	for ; d > 0; d -= Interval {
		w.poll()
	}
}

func (w *world) pollNow() {
	w.Helper()
	for more, polls := true, 0; more; polls++ {
		if polls == 10_000 {
			w.Fatal("there is always more to read")
		}
		var err error
		more, err = w.f.Poll(w.now, func(l Line) {
			w.got = append(w.got, string(l.Text))
		})
		if err != nil {
			w.errs = append(w.errs, err)
		}
	}
}

// pollAround polls, and does something between the look and the first block.
func (w *world) pollAround(act func()) {
	w.Helper()
	w.now = w.now.Add(Interval)
	if w.mode == down {
		act()
		return
	}
	if w.mode == restarting {
		w.restart()
	}
	handle := func(l Line) { w.got = append(w.got, string(l.Text)) }
	w.f.errs = nil
	w.f.look(w.now)
	w.f.release(w.now, handle)
	act()
	w.f.more = w.f.read(w.now, handle)
	w.errs = append(w.errs, w.f.errs...)
	w.pollNow()
	if w.mode == restarting {
		w.save()
	}
}

func (w *world) save() {
	w.Helper()
	var err error
	w.saved, err = json.Marshal(w.f.Positions())
	w.must(err)
}

// restart kills the follower and starts another one from the saved positions.
func (w *world) restart() {
	w.Helper()
	w.overlong += w.stats().OverlongLines
	w.f.Close()
	var positions []Position
	w.must(json.Unmarshal(w.saved, &positions))
	w.f = New(w.cfg)
	w.f.Restore(positions)
}

// restartEmpty starts a follower without positions.
func (w *world) restartEmpty() {
	w.f.Close()
	w.f = New(w.cfg)
}

// settle polls until all renamed files are closed, and compares the lines.
func (w *world) settle(unordered bool) {
	w.Helper()
	if w.mode != running {
		w.restart()
	}
	w.mode = running
	w.wait(2 * idleInterval)
	w.now = w.now.Add(2 * time.Minute)
	w.poll()
	w.poll()
	if unordered {
		slices.Sort(w.want)
		slices.Sort(w.got)
	}
	if w.Failed() {
		return
	}
	if diff := cmp.Diff(w.want, w.got); diff != "" {
		w.Errorf("lines (-written +read):\n%s", diff)
	}
	for _, err := range w.errs {
		w.Logf("reported: %v", err)
	}
}

// stats returns the Stats of the first source.
func (w *world) stats() Stats { return w.f.Stats(0) }

// writer is a process that holds a log open.
type writer struct {
	w    *world
	f    *os.File
	name string
}

func (w *world) open(name string) *writer {
	w.Helper()
	f, err := os.OpenFile(w.path(name), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	w.must(err)
	wr := &writer{w, f, name}
	w.writers = append(w.writers, wr)
	wr.touch()
	return wr
}

// reopen reopens the log, as a daemon does on SIGHUP.
func (wr *writer) reopen(name string) {
	wr.w.Helper()
	wr.w.must(wr.f.Close())
	f, err := os.OpenFile(wr.w.path(name), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	wr.w.must(err)
	wr.f, wr.name = f, name
	wr.touch()
}

// withoutAppend makes the writer write at its own offset, as `daemon > log` does.
func (wr *writer) withoutAppend() {
	wr.w.Helper()
	wr.w.must(wr.f.Close())
	f, err := os.OpenFile(wr.w.path(wr.name), os.O_WRONLY, 0)
	wr.w.must(err)
	_, err = f.Seek(0, io.SeekEnd)
	wr.w.must(err)
	wr.f = f
}

// touch gives the file the time of the world's clock.
func (wr *writer) touch() {
	wr.w.Helper()
	if wr.name != "" {
		wr.w.must(os.Chtimes(wr.w.path(wr.name), wr.w.now, wr.w.now))
	}
}

func (wr *writer) raw(s string) {
	wr.w.Helper()
	_, err := io.WriteString(wr.f, s)
	wr.w.must(err)
	wr.touch()
}

// add writes n numbered lines, which the follower must hand out.
func (wr *writer) add(n int) {
	wr.w.Helper()
	for range n {
		text := wr.w.line()
		wr.w.want = append(wr.w.want, text)
		wr.raw(text + "\n")
	}
}

// line returns the next numbered line.
func (w *world) line() string {
	w.lines++
	return fmt.Sprintf("Nov 23 16:00:00 mail postfix/smtp[%d]: %s", w.lines, strings.Repeat("x", w.lines*37%150))
}

func (w *world) rename(from, to string) {
	w.Helper()
	w.must(os.Rename(w.path(from), w.path(to)))
	for _, wr := range w.writers {
		switch wr.name {
		case to:
			wr.name = ""
		case from:
			wr.name = to
		}
	}
}

func (w *world) remove(name string) {
	w.Helper()
	w.must(os.Remove(w.path(name)))
	for _, wr := range w.writers {
		if wr.name == name {
			wr.name = ""
		}
	}
}

func (w *world) create(name string) {
	w.Helper()
	w.must(os.WriteFile(w.path(name), nil, 0o644))
	w.must(os.Chtimes(w.path(name), w.now, w.now))
}

// copyLog copies the log's content as cp does.
func (w *world) copyLog(to string) {
	w.Helper()
	b, err := os.ReadFile(w.path("mail.log"))
	w.must(err)
	w.must(os.WriteFile(w.path(to), b, 0o644))
	w.must(os.Chtimes(w.path(to), w.now, w.now))
}

func (w *world) truncate(name string, size int64) {
	w.Helper()
	w.must(os.Truncate(w.path(name), size))
	w.must(os.Chtimes(w.path(name), w.now, w.now))
}

// bzip2Command writes with the command, since no library of Go does.
type bzip2Command struct{ out io.Writer }

func (z bzip2Command) Write(b []byte) (int, error) {
	cmd := exec.Command("bzip2")
	cmd.Stdin, cmd.Stdout = bytes.NewReader(b), z.out
	return len(b), cmd.Run()
}

func (bzip2Command) Close() error { return nil }

// compress replaces a file as gzip and its like do, which keep its time.
func (w *world) compress(name, ext string) {
	w.Helper()
	b, err := os.ReadFile(w.path(name))
	w.must(err)
	fi, err := os.Stat(w.path(name))
	w.must(err)
	var out bytes.Buffer
	var z io.WriteCloser = gzip.NewWriter(&out)
	switch ext {
	case ".zst":
		z, err = zstd.NewWriter(&out, zstd.WithEncoderConcurrency(1))
	case ".xz":
		z, err = xz.NewWriter(&out)
	case ".bz2":
		z, err = bzip2Command{&out}, nil
	}
	w.must(err)
	_, err = z.Write(b)
	w.must(err)
	w.must(z.Close())
	w.must(os.WriteFile(w.path(name+ext), out.Bytes(), 0o644))
	w.must(os.Chtimes(w.path(name+ext), fi.ModTime(), fi.ModTime()))
	w.remove(name)
}

// reported reports whether a Poll returned an error like target.
func (w *world) reported(target error) bool {
	return slices.ContainsFunc(w.errs, func(err error) bool { return errors.Is(err, target) })
}
