//go:build linux

package follow

import (
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestPermission removes the permissions of a log and its directory, and restores
// them. Root is never refused, so the test runs as nobody.
func TestPermission(t *testing.T) {
	if os.Getuid() == 0 {
		runAsNobody(t)
		return
	}
	t.Run("directory", func(t *testing.T) {
		w := newWorld(t, running, Source{Path: "mail/mail.log"})
		w.must(os.Mkdir(w.path("mail"), 0o755))
		log := w.open("mail/mail.log")
		w.start()
		log.add(3)
		log.name = "" // its times cannot be set
		w.must(os.Chmod(w.path("mail"), 0))
		w.poll()
		log.add(3)
		w.wait(5 * time.Minute)
		if len(w.got) != 6 || len(w.errs) != 1 || !w.reported(fs.ErrPermission) || !w.stats().Up {
			t.Errorf("%d lines read, reported %v, stats %+v", len(w.got), w.errs, w.stats())
		}
		w.must(os.Chmod(w.path("mail"), 0o755))
		log.add(3)
		w.settle(false)
	})
	for _, m := range []mode{running, restarting} {
		t.Run("next file/"+string(m), func(t *testing.T) {
			w := newWorld(t, m, Source{Path: "mail.log"})
			log := w.open("mail.log")
			w.start()
			log.add(3)
			w.poll()
			rotate(w, log)
			w.must(os.Chmod(w.path("mail.log"), 0))
			log.add(3)
			w.wait(5 * time.Minute)
			if len(w.got) != 3 || !w.reported(fs.ErrPermission) {
				t.Errorf("%d lines read, reported %v", len(w.got), w.errs)
			}
			w.must(os.Chmod(w.path("mail.log"), 0o644))
			log.add(3)
			w.settle(false)
		})
	}
	t.Run("while down", func(t *testing.T) {
		w := newWorld(t, down, Source{Path: "mail.log"})
		log := w.open("mail.log")
		w.start()
		log.add(3)
		w.mode = running
		w.poll()
		w.save()
		w.must(os.Chmod(w.path("mail.log"), 0))
		log.add(3)
		w.mode = restarting
		w.wait(10 * time.Second)
		w.must(os.Chmod(w.path("mail.log"), 0o644))
		w.settle(false)
	})
}

func runAsNobody(t *testing.T) {
	dir, err := os.MkdirTemp("", "follow") //nolint:usetesting // nobody may not enter the directories above t.TempDir
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	from, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	program := filepath.Join(dir, "follow.test")
	to, err := os.OpenFile(program, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(to, from); err != nil {
		t.Fatal(err)
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-test.run=^TestPermission$", "-test.v")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "TMPDIR="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestDescriptors tests that a Follower closes what it opens.
func TestDescriptors(t *testing.T) {
	count := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	w := newWorld(t, running, Source{Path: "*.log"})
	log := w.open("mail.log")
	before := count()
	w.start()
	for range 10 {
		rotate(w, log)
		w.compress("mail.log.1", ".gz")
		log.add(3)
		w.poll()
		w.save()
		w.restart()
	}
	w.settle(false)
	if got := count(); got != before+1 {
		t.Errorf("%d descriptors while following one file, want %d", got, before+1)
	}
	w.f.Close()
	if got := count(); got != before {
		t.Errorf("%d descriptors after Close, want %d", got, before)
	}
}
