package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A disk is a small file system.
type disk struct {
	*testing.T
	dir string
}

func newDisk(t *testing.T) *disk {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can mount a small file system")
	}
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("mount: %s", out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %s", out)
		}
	})
	return &disk{t, dir}
}

// fill leaves room only in the last pages of files.
func (d *disk) fill() {
	d.Helper()
	filler, err := os.Create(filepath.Join(d.dir, "filler"))
	if err != nil {
		d.Fatal(err)
	}
	for err == nil {
		_, err = filler.Write(make([]byte, 4096))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		d.Fatal(err)
	}
	filler.Close()
}

func (d *disk) free() {
	d.Helper()
	if err := os.Remove(filepath.Join(d.dir, "filler")); err != nil {
		d.Fatal(err)
	}
}

// lineOf256 is a refusal of 256 bytes. 16 of them fill a page, so that a full disk has
// no partial line.
var lineOf256 = func() string {
	const begin, end = "Nov 23 14:16:23 mx1 postfix/smtpd[25062]: NOQUEUE: reject: RCPT from unknown[203.0.113.7]: " +
		"452 4.3.1 Insufficient system storage; from=<b@example.org> to=<a@example.net> proto=ESMTP helo=<", ".example>\n"
	return begin + strings.Repeat("h", 256-len(begin)-len(end)) + end
}()

// log appends at most n lines, until the disk is full, and returns how many.
func (d *disk) log(n int) (written int) {
	d.Helper()
	f, err := os.OpenFile(filepath.Join(d.dir, "mail.log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		d.Fatal(err)
	}
	defer f.Close()
	for range n {
		if _, err := f.WriteString(lineOf256); errors.Is(err, syscall.ENOSPC) {
			break
		} else if err != nil {
			d.Fatal(err)
		}
		written++
	}
	return written
}

// TestFullDisk fills the disk of the log and the state. A mail host then replies 452.
// The exporter must count that, keep the count over a crash, and continue afterwards.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	d := newDisk(t)
	v := newVictim(t, d.dir)
	logged := d.log(5)
	v.start()
	check := func(when string) {
		t.Helper()
		v.wait(when, func() bool { return v.scrapeOnce()["smtp_replies_sent_total 452"] >= float64(logged) })
		s := v.scrapeOnce()
		if got := s["smtp_replies_sent_total 452"]; got != float64(logged) {
			t.Errorf("%s: %v replies, %d logged", when, got, logged)
		}
		if s["smtp_reply_exporter_state_durable"] != 1 {
			t.Errorf("%s: the state is not durable", when)
		}
	}
	check("before")
	d.fill()
	for i := range 3 {
		n := d.log(2)
		if n != 2 {
			t.Fatalf("%d lines found room", n)
		}
		logged += n
		check("on the full disk")
		v.kill()
		if i == 1 { // missed, too
			logged += d.log(2)
		}
		v.start()
		check("after a crash on the full disk")
	}
	logged += d.log(1000)
	check("after the last line that found room")
	v.kill()
	d.free()
	logged += d.log(1000)
	v.start()
	check("with room again")
}
