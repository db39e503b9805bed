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
	"time"

	"go.uber.org/goleak"

	"smtp_reply_exporter/exporter/classify"
	"smtp_reply_exporter/exporter/config"
	"smtp_reply_exporter/exporter/counter"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// refused is a line that shows one 554 to a client.
const refused = "Nov 23 14:16:23 mx1 postfix/smtpd[25062]: NOQUEUE: reject: RCPT from unknown[203.0.113.7]: " +
	"554 5.7.1 <a@example.net>: Relay access denied; from=<b@example.org> to=<a@example.net> proto=ESMTP helo=<h.example>\n"

// backlog returns some n bytes of lines. They are long, since their number takes time.
func backlog(n int) string {
	line := "Nov 23 14:16:23 mx1 policyd[323]: " + strings.Repeat("x", 8000) + "\n"
	return strings.Repeat(line, n/len(line))
}

// a host is a directory of logs, and a Pipeline that reads them.
type host struct {
	*testing.T
	dir      string
	logged   syncBuffer
	pipeline *Pipeline
}

// syncBuffer is a buffer to which the Pipeline's goroutine writes.
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

// configure parses sources. It replaces DIR with the host's directory.
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

// run starts the Pipeline and waits until it is ready. The end of the test stops it.
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
		<-done // the context has ended already
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

// waitUp waits until every source is up, including those that a reload added.
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

// source returns the current counts of a source, not those of a shared snapshot.
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

// waitReplies waits until a source has counted want replies. It fails if there are more.
func (h *host) waitReplies(source string, want uint64) {
	h.Helper()
	h.wait(fmt.Sprintf("%d replies of %s", want, source), func() bool { return h.replies(source) >= want })
	if got := h.replies(source); got != want {
		h.Fatalf("%d replies of %s, want %d", got, source, want)
	}
}
