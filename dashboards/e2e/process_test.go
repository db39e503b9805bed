//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// start runs a program until the end of the test. It writes the output to DIR/NAME.out,
// and shows it if the test fails.
func start(t *testing.T, dir, name, program string, args ...string) {
	t.Helper()
	out, err := os.Create(filepath.Join(dir, name+".out"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Postfix ends its whole process group
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // the process state has its error
	}()
	t.Cleanup(func() {
		select {
		case <-ended:
			t.Errorf("%s ended by itself: %v", name, cmd.ProcessState)
		default:
			_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended meanwhile
			select {
			case <-ended:
			case <-time.After(20 * time.Second):
				t.Errorf("%s does not end", name)
				_ = cmd.Process.Kill()
			}
		}
		out.Close()
		if text, err := os.ReadFile(out.Name()); t.Failed() && err == nil {
			t.Logf("%s:\n%s", name, text[max(0, len(text)-4000):])
		}
	})
}

// onMailHost returns the command that runs a program on the mail host.
func onMailHost(args ...string) []string {
	return append([]string{"netns", "exec", mailNamespace}, args...)
}

// wait waits until check returns nil. After within, it fails with the last error.
func wait(t *testing.T, within time.Duration, what string, check func() error) {
	t.Helper()
	began := time.Now()
	for {
		err := check()
		if err == nil {
			t.Logf("%s after %.1f s", what, time.Since(began).Seconds())
			return
		}
		if time.Since(began) > within {
			t.Fatalf("not within %v: %s: %v", within, what, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// write creates a file that every user may read, and returns its path.
func write(t *testing.T, path, format string, args ...any) string {
	t.Helper()
	if err := os.WriteFile(path, fmt.Appendf(nil, format, args...), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// read returns a file's content.
func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
