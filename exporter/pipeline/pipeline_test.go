package pipeline

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"smtp_reply_exporter/exporter/classify"
	"smtp_reply_exporter/exporter/config"
	"smtp_reply_exporter/exporter/counter"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// refused is a line that tells of one 554 to a client.
const refused = "Nov 23 14:16:23 mx1 postfix/smtpd[25062]: NOQUEUE: reject: RCPT from unknown[203.0.113.7]: " +
	"554 5.7.1 <a@example.net>: Relay access denied; from=<b@example.org> to=<a@example.net> proto=ESMTP helo=<h.example>\n"

// a host is a directory of logs, and a pipeline that runs on it.
type host struct {
	*testing.T
	dir      string
	logged   syncBuffer
	pipeline *Pipeline
}

// syncBuffer is a buffer that the pipeline's goroutine writes to.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func newHost(t *testing.T) *host { return &host{T: t, dir: t.TempDir()} }

func (h *host) path(name string) string { return filepath.Join(h.dir, name) }

func (h *host) write(name, text string) {
	h.Helper()
	f, err := os.OpenFile(h.path(name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		h.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		h.Fatal(err)
	}
	if err := f.Close(); err != nil {
		h.Fatal(err)
	}
}

func (h *host) rename(from, to string) {
	h.Helper()
	if err := os.Rename(h.path(from), h.path(to)); err != nil {
		h.Fatal(err)
	}
}

// configure parses sources, of which DIR is the host's directory.
func (h *host) configure(sources string) (*config.Config, *classify.Classifier) {
	h.Helper()
	cfg, err := config.Parse("config.yaml", []byte("sources: "+strings.ReplaceAll(sources, "DIR", h.dir)))
	if err != nil {
		h.Fatal(err)
	}
	classifier, err := classify.New(cfg)
	if err != nil {
		h.Fatal(err)
	}
	return cfg, classifier
}

// run starts the pipeline, which the test's end stops, and waits until it is ready.
func (h *host) run(sources string) {
	h.Helper()
	cfg, classifier := h.configure(sources)
	var err error
	if h.pipeline, err = New(cfg, classifier, slog.New(slog.NewTextHandler(&h.logged, nil)), nil, nil); err != nil {
		h.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		h.pipeline.Run(h.Context())
	}()
	h.Cleanup(func() {
		<-done // the context has ended before
		if err := h.pipeline.Close(); err != nil {
			h.Error(err)
		}
	})
	h.wait("ready", h.pipeline.Ready)
}

func (h *host) reload(sources string) {
	h.Helper()
	if err := h.pipeline.Reload(h.configure(sources)); err != nil {
		h.Fatal(err)
	}
	h.waitUp()
}

// waitUp waits until every source is read, also those that a reload added.
func (h *host) waitUp() {
	h.Helper()
	h.wait("all sources are up", func() bool {
		h.source("") // a new snapshot
		return !slices.ContainsFunc(h.pipeline.Commit(CommitTime).Sources, func(s SourceSnapshot) bool { return !s.Stats.Up })
	})
}

// wait waits until a condition holds.
func (h *host) wait(what string, holds func() bool) {
	h.Helper()
	for deadline := time.Now().Add(30 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			h.Fatalf("not within 30 s: %s; counted %v, logged:\n%s", what, h.counts(), &h.logged)
		}
	}
}

// source returns the present counts of a source, not those of a shared snapshot.
func (h *host) source(name string) *SourceSnapshot {
	h.pipeline.committer.forget()
	snapshot := h.pipeline.Commit(CommitTime)
	for i := range snapshot.Sources {
		if snapshot.Sources[i].Name == name {
			return &snapshot.Sources[i]
		}
	}
	return nil
}

// replies returns how many 554 a source has counted.
func (h *host) replies(source string) uint64 {
	s := h.source(source)
	if s == nil {
		return 0
	}
	return s.Sent[counter.Reply{MTA: "postfix", Peer: "external", Code: 554}].Value
}

func (h *host) counts() map[string]uint64 {
	counts := map[string]uint64{}
	for _, s := range h.pipeline.Commit(CommitTime).Sources {
		counts[s.Name] = h.replies(s.Name)
	}
	return counts
}

// waitReplies waits for what a source must count at last. Too much fails, as
// lines before that count are counted before it.
func (h *host) waitReplies(source string, want uint64) {
	h.Helper()
	h.wait(fmt.Sprintf("%d replies of %s", want, source), func() bool { return h.replies(source) >= want })
	if got := h.replies(source); got != want {
		h.Fatalf("%d replies of %s, want %d", got, source, want)
	}
}

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
			h.write("mail.log.1", refused) // by a writer that has not reopened its log yet
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
				h.Errorf("told %d times that there is no log:\n%s", n, &h.logged)
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

func TestReload(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.write("kept.log", refused)
	h.write("removed.log", "")
	h.run("[{name: kept, file: DIR/kept.log}, {name: removed, file: DIR/removed.log}]")
	h.write("kept.log", refused+refused)
	h.write("removed.log", refused)
	h.waitReplies("kept", 2)
	h.waitReplies("removed", 1)
	before := h.source("kept")

	h.write("added.log", refused)
	h.write("kept.log", refused)
	h.reload("[{name: added, file: DIR/added.log}, {name: kept, file: DIR/kept.log}]")
	if s := h.source("kept"); !s.Stats.Up {
		t.Error("the source that was kept is down until the next poll")
	}
	h.waitUp()
	h.write("kept.log", refused)
	h.write("added.log", refused)
	h.waitReplies("kept", 4)
	h.waitReplies("added", 1)
	if s := h.source("removed"); s != nil {
		t.Errorf("the source that was removed is there: %+v", s)
	}
	after := h.source("kept")
	if !after.CaughtUp.Equal(before.CaughtUp) {
		t.Errorf("caught up at %v, before the reload %v: alerts would hold off", after.CaughtUp, before.CaughtUp)
	}
	key := counter.Reply{MTA: "postfix", Peer: "external", Code: 554}
	if at := after.Sent[key].Created; !at.Equal(before.Sent[key].Created) {
		t.Errorf("created at %v, before the reload %v", at, before.Sent[key].Created)
	}
	if got, want := after.Stats.ReadBytes, int64(4*len(refused)); got != want {
		t.Errorf("%d bytes read, want %d", got, want)
	}

	h.reload("[{name: removed, file: DIR/removed.log}]")
	h.write("removed.log", refused)
	h.waitReplies("removed", 1) // anew: from 0, at the end of its file
}

// TestReloadKeepsSessions has a session that logs in before a reload and is
// summed up after it.
func TestReloadKeepsSessions(t *testing.T) {
	t.Parallel()
	const mail = "[{name: mail, file: DIR/mail.log}]"
	const smtpd = "Nov 23 14:16:22 mx1 postfix/submission/smtpd[77]: "
	h := newHost(t)
	h.write("mail.log", "")
	h.run(mail)
	h.write("mail.log", smtpd+"connect from laptop.example[203.0.113.9]\n"+
		smtpd+"5C65B9A5D67: client=laptop.example[203.0.113.9], sasl_method=PLAIN, sasl_username=anna\n"+refused)
	h.waitReplies("mail", 1)
	h.reload(mail)
	h.write("mail.log", smtpd+"disconnect from laptop.example[203.0.113.9] ehlo=2 auth=1 mail=1 rcpt=1 data=1 quit=1 commands=7\n"+refused)
	h.waitReplies("mail", 2)
	key := counter.Reply{MTA: "postfix", Peer: "authenticated", Code: 250}
	if got := h.source("mail").Sent[key].Value; got != 1 {
		t.Errorf("%d messages accepted from users, want 1", got)
	}
}

// TestCaughtUp wants a time at first, and another one only after a backlog.
func TestCaughtUp(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.write("mail.log", strings.Repeat(refused, 100))
	before := time.Now()
	h.run("[{name: mail, file: DIR/mail.log, start: beginning}]")
	h.waitReplies("mail", 100)
	s := h.source("mail")
	if s.CaughtUp.Before(before) || s.Stats.BehindBytes != 0 {
		t.Errorf("caught up at %v, %d bytes behind; started at %v", s.CaughtUp, s.Stats.BehindBytes, before)
	}
	h.write("mail.log", refused)
	h.waitReplies("mail", 101)
	if again := h.source("mail"); !again.CaughtUp.Equal(s.CaughtUp) || !again.LastLine.After(s.LastLine) {
		t.Errorf("a line moved the catch-up from %v to %v, and the last line from %v to %v", s.CaughtUp, again.CaughtUp, s.LastLine, again.LastLine)
	}
}

func TestSnapshotIsShared(t *testing.T) {
	h := newHost(t)
	cfg, classifier := h.configure("[{name: mail, file: DIR/mail.log}]")
	synctest.Test(t, func(t *testing.T) {
		p, err := New(cfg, classifier, slog.New(slog.DiscardHandler), nil, nil)
		if err != nil {
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

// TestConcurrently scrapes and reloads while lines come; -race watches.
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
