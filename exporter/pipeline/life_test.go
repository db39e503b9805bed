package pipeline

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/zstd"

	"smtp_reply_exporter/exporter/state"
)

// A life is a pipeline from the start of its process to its end.
type life struct {
	h       *host
	file    *state.File
	stopRun context.CancelFunc
	done    chan struct{}
}

// live starts a Pipeline that resumes from the host's state file, and waits until it
// is ready.
func (h *host) live(sources string) *life {
	h.Helper()
	file, payload := h.openState()
	cfg, classifier := h.configure(sources)
	var err error
	if h.pipeline, err = New(cfg, classifier, slog.New(slog.NewTextHandler(&h.logged, nil)), file, payload); err != nil {
		h.Fatal(err)
	}
	ctx, stop := context.WithCancel(h.Context())
	l := &life{h: h, file: file, stopRun: stop, done: make(chan struct{})}
	running := h.pipeline
	go func() {
		defer close(l.done)
		running.Run(ctx)
	}()
	h.Cleanup(func() {
		<-l.done
		running.follower.Close()
		file.Close() // it may be closed already
	})
	h.wait("ready", h.pipeline.Ready)
	return l
}

// openState opens the state file. It retries, since a process that a parallel test has
// forked shares all descriptors, and so the lock, until its exec.
func (h *host) openState() (*state.File, []byte) {
	h.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		file, payload, err := state.Open(h.path("state"))
		if err == nil {
			return file, payload
		}
		if time.Now().After(deadline) {
			h.Fatal(err)
		}
	}
}

// kill ends the life as SIGKILL does: what was not committed is lost.
func (l *life) kill() {
	l.h.Helper()
	l.stopRun()
	<-l.done
	if err := l.file.Close(); err != nil {
		l.h.Fatal(err)
	}
}

// terminate ends the life as SIGTERM does.
func (l *life) terminate() {
	l.h.Helper()
	l.stopRun()
	<-l.done
	if err := l.h.pipeline.Close(); err != nil {
		l.h.Fatal(err)
	}
}

// ends are the ways in which a life ends.
var ends = map[string]func(*life){"killed": (*life).kill, "terminated": (*life).terminate}

// compress replaces a file by its compressed form, as logrotate does.
func (h *host) compress(name, extension string) {
	h.Helper()
	text, err := os.ReadFile(h.path(name))
	if err != nil {
		h.Fatal(err)
	}
	var packed bytes.Buffer
	switch extension {
	case ".gz":
		w := gzip.NewWriter(&packed)
		_, _ = w.Write(text) // to memory
		_ = w.Close()
	case ".zst":
		w, err := zstd.NewWriter(&packed)
		if err != nil {
			h.Fatal(err)
		}
		_, _ = w.Write(text)
		_ = w.Close()
	}
	h.write(name+extension, packed.String())
	if err := os.Remove(h.path(name)); err != nil {
		h.Fatal(err)
	}
}

var refusal atomic.Uint32

// refusals returns n lines like refused, each with another time.
func refusals(n int) string {
	var b strings.Builder
	for range n {
		i := refusal.Add(1)
		b.WriteString(strings.Replace(refused, "14:16:23", fmt.Sprintf("%02d:%02d:%02d", i/3600%24, i/60%60, i%60), 1))
	}
	return b.String()
}

// waitRead waits until a source has read that many bytes, and commits.
func (h *host) waitRead(source string, bytes int) {
	h.Helper()
	h.wait("the log is read", func() bool { return h.source(source).Stats.ReadBytes >= int64(bytes) })
}

// payload returns the state of a Pipeline that has counted 1 reply in mail.log.
func (h *host) payload() []byte {
	h.Helper()
	h.write("mail.log", "")
	l := h.live(oneLog)
	h.write("mail.log", refused)
	h.waitReplies("mail", 1)
	l.kill()
	file, payload := h.openState()
	if err := file.Close(); err != nil {
		h.Fatal(err)
	}
	return payload
}

func (h *host) restoreFrom(payload []byte) (*Pipeline, error) { return h.restoreWith(oneLog, payload) }

func (h *host) restoreWith(sources string, payload []byte) (*Pipeline, error) {
	cfg, classifier := h.configure(sources)
	return New(cfg, classifier, slog.New(slog.NewTextHandler(&h.logged, nil)), nil, payload)
}
