//go:build unix

package stream

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

func makePipe(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "log")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// openWriter opens a pipe that has a reader.
func openWriter(t *testing.T, path string) *os.File {
	f, err := os.OpenFile(path, os.O_WRONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func write(t *testing.T, f *os.File, text string) {
	t.Helper()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

func TestPipeWriters(t *testing.T) {
	path := makePipe(t)
	r := read(t, NewPipe(path))
	for range 5 { // without a writer, Poll must not hang
		r.poll()
	}
	if !r.Stats().Up {
		t.Error("an open pipe is not up")
	}

	first := openWriter(t, path)
	write(t, first, "a\nb")
	r.untilLines(1)
	write(t, first, "c\nhalf")
	r.untilLines(2)
	first.Close() // its unfinished line must not be joined with the next writer's
	r.untilLines(3)

	second, third := openWriter(t, path), openWriter(t, path)
	write(t, second, "d\n")
	second.Close()
	write(t, third, "e\n")
	third.Close()
	r.untilLines(5)

	if out, err := exec.Command("sh", "-c", "echo f >"+path+"; echo g >"+path).CombinedOutput(); err != nil {
		t.Fatal(err, string(out))
	}
	r.untilLines(7)
	r.wantLines("a", "bc", "half", "d", "e", "f", "g")
	if len(r.errs) > 0 {
		t.Errorf("reported %v", r.errs)
	}
}

// After a pipe is deleted and recreated, the Reader reads the old writer until it
// closes.
func TestPipeReplaced(t *testing.T) {
	path := makePipe(t)
	r := read(t, NewPipe(path))
	r.poll()
	old := openWriter(t, path)
	write(t, old, "a\n")
	r.untilLines(1)
	if err := os.Rename(path, path+".old"); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	write(t, old, "b\n")
	r.untilLines(2)
	old.Close()
	r.until("the new pipe is open", func() bool {
		f, err := os.OpenFile(path, os.O_WRONLY|syscall.O_NONBLOCK, 0)
		if err != nil {
			return false
		}
		write(t, f, "c\n")
		f.Close()
		return true
	})
	r.untilLines(3)
	r.wantLines("a", "b", "c")
}
