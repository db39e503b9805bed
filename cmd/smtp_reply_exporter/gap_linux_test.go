package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

const (
	mailLog = "/var/log/mail.log"

	inNamespace = "SMTP_REPLY_EXPORTER_IN_NAMESPACE"
)

// TestStartInsideRotation starts the exporter without a configuration after a rotation
// that leaves no log until its next line, as rsyslog's does. A journal and a stale log
// of Exim are there to be taken by mistake. The test has its own /var/log, /var/lib and
// /run, in a mount namespace.
func TestStartInsideRotation(t *testing.T) {
	if os.Getenv(inNamespace) == "" {
		inMountNamespace(t)
		return
	}
	for name, end := range map[string]func(*victim){"terminated": (*victim).terminate, "killed": (*victim).kill} {
		t.Run(name, func(t *testing.T) {
			h := newGapHost(t)
			h.write(mailLog, 2) // before the first start, so they do not count
			h.start()
			h.counts(0)
			h.write(mailLog, 4)
			h.counts(4)
			end(h.victim)

			h.write(mailLog, 1)
			h.rotate()
			h.write(mailLog+".1", 2) // by rsyslog, which has yet to reopen its log
			h.check()
			h.start()
			h.counts(7)
			h.waits()
			h.write(mailLog+".1", 1)
			h.counts(8)
			h.hangUp()
			h.counts(8)
			h.write(mailLog, 2)
			h.counts(10)
			h.wait("the log is there again", func() bool { return h.up() })
		})
	}
	t.Run("without any log", func(t *testing.T) {
		h := newGapHost(t)
		h.write(mailLog, 1)
		h.start()
		h.counts(0)
		h.write(mailLog, 1)
		h.counts(1)
		h.terminate()
		h.remove("/var/log", "/run/systemd")
		h.check()
		h.start()
		h.counts(1)
		h.waits()
		h.write(mailLog, 9)
		h.counts(10)
	})
	t.Run("first start", func(t *testing.T) {
		h := newGapHost(t)
		h.write(mailLog, 5)
		h.rotate()
		h.start()
		h.counts(0)
		h.waits()
		h.write(mailLog+".1", 1)
		h.counts(1)
		h.write(mailLog, 9)
		h.counts(10)
	})
	t.Run("another log after the state was moved away", func(t *testing.T) {
		h := newGapHost(t)
		h.write(mailLog, 1)
		h.start()
		h.counts(0)
		h.terminate()
		h.remove(mailLog)
		h.must(os.Rename("/var/lib/smtp_reply_exporter/state", "/var/lib/smtp_reply_exporter/state.old"))
		clear(h.values)
		clear(h.created)
		h.start()
		h.counts(0)
		h.write("/var/log/exim4/mainlog", 10)
		h.counts(10)
	})
}

// inMountNamespace runs the test again in a mount namespace.
func inMountNamespace(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("a mount namespace needs root")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), inNamespace+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	out, err := cmd.CombinedOutput()
	switch {
	case cmd.ProcessState == nil && os.Getenv("CI") == "":
		t.Skipf("no mount namespace: %v", err)
	case err != nil:
		t.Errorf("%v\n%s", err, out)
	}
}

// A gapHost is a host with mail.log, a stale exim4/mainlog and a journal.
type gapHost struct {
	*victim
	lines int
}

func newGapHost(t *testing.T) *gapHost {
	t.Helper()
	h := &gapHost{victim: newVictimWith(t)}
	for _, dir := range []string{"/var/log", "/var/lib", "/run"} {
		h.must(syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=32m"))
		t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) }) // the namespace ends anyway
	}
	for _, dir := range []string{"/var/log/exim4", "/var/lib/smtp_reply_exporter", "/run/systemd/journal"} {
		h.must(os.MkdirAll(dir, 0o755))
	}
	h.must(os.WriteFile("/var/log/exim4/mainlog", []byte("2026-11-23 14:26:53 1xVUxo-0001BI-1d Completed\n"), 0o600))
	return h
}

func (h *gapHost) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// write appends lines with a 554 each.
func (h *gapHost) write(log string, n int) {
	h.Helper()
	h.must(os.MkdirAll("/var/log", 0o755))
	f, err := os.OpenFile(log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	h.must(err)
	for range n {
		h.lines++
		_, err = fmt.Fprintf(f, "Nov 23 14:16:%02d mx1 postfix/smtpd[25062]: NOQUEUE: reject: RCPT from unknown[203.0.113.7]: "+
			"554 5.7.1 <a@example.net>: Relay access denied; from=<b@example.org> to=<a@example.net> proto=ESMTP helo=<h.example>\n", h.lines)
		h.must(err)
	}
	h.must(f.Close())
}

func (h *gapHost) rotate() {
	h.Helper()
	h.must(os.Rename(mailLog, mailLog+".1"))
}

// remove removes what is in the directories, or files.
func (h *gapHost) remove(paths ...string) {
	h.Helper()
	for _, path := range paths {
		entries, _ := os.ReadDir(path) // none for a file
		for _, e := range entries {
			h.must(os.RemoveAll(path + "/" + e.Name()))
		}
		if len(entries) == 0 {
			h.must(os.Remove(path))
		}
	}
}

// counts waits until so many replies are counted.
func (h *gapHost) counts(want float64) {
	h.Helper()
	got := 0.0
	h.wait(fmt.Sprintf("%v replies", want), func() bool {
		got = h.scrapeOnce()["smtp_replies_sent_total 554"]
		return got >= want
	})
	if got != want {
		h.Fatalf("%v replies, want %v", got, want)
	}
}

func (h *gapHost) up() bool { return h.scrapeOnce()["smtp_reply_exporter_source_up"] == 1 }

// waits checks that the exporter waits for the log, and has said so once.
func (h *gapHost) waits() {
	h.Helper()
	if h.up() {
		h.Error("the source is up")
	}
	logged := h.stderr.String()
	if n := strings.Count(logged, `msg="waiting for the log`); n != 1 || !strings.Contains(logged, "log="+mailLog) ||
		!strings.Contains(logged, "--config.file, or move the state file away") {
		h.Errorf("%d warnings", n)
	}
}

// hangUp makes the exporter reload.
func (h *gapHost) hangUp() {
	h.Helper()
	before := h.scrapeOnce()["smtp_reply_exporter_config_last_reload_success_timestamp_seconds"]
	h.must(h.cmd.Process.Signal(syscall.SIGHUP))
	h.wait("a reload", func() bool {
		return h.scrapeOnce()["smtp_reply_exporter_config_last_reload_success_timestamp_seconds"] > before
	})
}

// check runs --config.check.
func (h *gapHost) check() {
	h.Helper()
	if out, err := command(h.T, "--config.check").CombinedOutput(); err != nil {
		h.Errorf("--config.check: %v: %s", err, out)
	}
}
