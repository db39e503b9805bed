package pipeline

import (
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestFile(t *testing.T) {
	const mail = "[{name: mail, file: DIR/mail.log}]"
	for _, tc := range []struct {
		name string
		play func(*host)
	}{
		{name: "start at the end", play: func(h *host) {
			h.write("mail.log", refused+refused)
			h.run(mail)
			h.write("mail.log", refused)
			h.waitReplies("mail", 1)
		}},
		{name: "start at the beginning", play: func(h *host) {
			h.write("mail.log", refused+refused)
			h.run("[{name: mail, file: DIR/mail.log, start: beginning}]")
			h.waitReplies("mail", 2)
			h.write("mail.log", refused)
			h.waitReplies("mail", 3)
		}},
		{name: "a line in two parts", play: func(h *host) {
			h.write("mail.log", "")
			h.run(mail)
			h.write("mail.log", refused+refused[:80])
			h.waitReplies("mail", 1)
			h.write("mail.log", refused[80:])
			h.waitReplies("mail", 2)
		}},
		{name: "rotation", play: func(h *host) {
			h.write("mail.log", refused)
			h.run(mail)
			h.rename("mail.log", "mail.log.1")
			h.write("mail.log.1", refused)
			h.write("mail.log", refused+refused)
			h.waitReplies("mail", 3)
			h.write("mail.log.1", refused) // by a writer that has yet to reopen its log
			h.waitReplies("mail", 4)
			if got := h.source("mail").Stats.Rotations; got != 1 {
				h.Errorf("%d rotations", got)
			}
		}},
		{name: "created later", play: func(h *host) {
			h.run(mail)
			if s := h.source("mail"); s.Stats.Up {
				h.Error("a source without a file is up")
			}
			h.write("mail.log", refused)
			h.waitReplies("mail", 1)
			if s := h.source("mail"); !s.Stats.Up {
				h.Error("the source is not up")
			}
			if n := strings.Count(h.logged.String(), "waiting for a log that does not exist yet"); n != 1 {
				h.Errorf("logged %d times that there is no log:\n%s", n, &h.logged)
			}
		}},
		{name: "not a file", play: func(h *host) {
			if err := os.Mkdir(h.path("mail.log"), 0o755); err != nil {
				h.Fatal(err)
			}
			h.run("[{name: mail, file: DIR/mail.log, start: beginning}]")
			h.wait("a warning", func() bool { return strings.Contains(h.logged.String(), "mail.log: not a regular file") })
			h.rename("mail.log", "directory")
			h.write("mail.log", refused)
			h.waitReplies("mail", 1)
		}},
		{name: "permission denied", play: func(h *host) {
			if os.Geteuid() == 0 {
				h.Skip("root may read everything")
			}
			h.write("mail.log", refused)
			if err := os.Chmod(h.path("mail.log"), 0); err != nil {
				h.Fatal(err)
			}
			h.run("[{name: mail, file: DIR/mail.log, start: beginning}]")
			h.wait("a warning", func() bool { return strings.Contains(h.logged.String(), "mail.log: permission denied") })
			if s := h.source("mail"); s.Stats.Up {
				h.Error("a source that may not be read is up")
			}
			if err := os.Chmod(h.path("mail.log"), 0o644); err != nil {
				h.Fatal(err)
			}
			h.waitReplies("mail", 1)
		}},
		{name: "two sources", play: func(h *host) {
			h.write("in.log", "")
			h.write("out.log", "")
			h.run("[{name: in, file: DIR/in.log}, {name: out, file: DIR/out.log}]")
			h.write("in.log", refused+refused)
			h.write("out.log", refused)
			h.waitReplies("in", 2)
			h.waitReplies("out", 1)
		}},
		{name: "glob", play: func(h *host) {
			h.write("mx1.log", refused)
			h.run("[{name: relays, file: DIR/mx*.log}]")
			h.write("mx1.log", refused)
			h.write("mx2.log", refused+refused) // new, so from its beginning
			h.write("other.log", refused)
			h.waitReplies("relays", 3)
		}},
		{name: "any bytes and any length", play: func(h *host) {
			h.write("mail.log", "")
			h.run(mail)
			long := refused[:60] + strings.Repeat("x", 1<<20) + "\n"
			h.write("mail.log", refused+"\x00\xff\xfe\x1b[31m\r\n\n\n"+long+strings.Repeat("\x00", 4096)+refused+strings.Repeat("[", 300<<10)+"\n"+refused)
			h.waitReplies("mail", 3)
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			tc.play(newHost(t))
		})
	}
}

func TestSnapshotIsShared(t *testing.T) {
	h := newHost(t)
	h.write("mail.log", "")
	cfg, classifier := h.configure("[{name: mail, file: DIR/mail.log}]")
	synctest.Test(t, func(t *testing.T) {
		p, err := New(cfg, classifier, slog.New(slog.DiscardHandler), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.poll(time.Now()); err != nil { // then it is ready
			t.Fatal(err)
		}
		first := p.Commit(CommitTime)
		time.Sleep(time.Second - time.Nanosecond)
		if p.Commit(CommitTime) != first {
			t.Error("a new snapshot within a second")
		}
		time.Sleep(time.Nanosecond)
		second := p.Commit(CommitTime)
		if second == first {
			t.Error("no new snapshot after a second")
		}
		if err := p.Reload(cfg, classifier); err != nil {
			t.Fatal(err)
		}
		if p.Commit(CommitTime) == second {
			t.Error("no new snapshot after a reload")
		}
	})
}

// TestConcurrently scrapes and reloads while lines arrive. It is for the race detector.
func TestConcurrently(t *testing.T) {
	t.Parallel()
	const mail = "[{name: mail, file: DIR/mail.log}]"
	h := newHost(t)
	h.write("mail.log", "")
	h.run(mail)
	var done sync.WaitGroup
	for range 2 {
		done.Go(func() {
			for range 50 {
				h.replies("mail")
				h.pipeline.Ready()
			}
		})
	}
	cfg, classifier := h.configure(mail)
	for range 20 {
		h.write("mail.log", refused)
		if err := h.pipeline.Reload(cfg, classifier); err != nil {
			t.Error(err)
		}
	}
	done.Wait()
	h.waitReplies("mail", 20)
}
