package pipeline

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// commit takes a snapshot that no other scrape shares.
func (h *host) commit(wait time.Duration) *Snapshot {
	h.pipeline.committer.forget()
	return h.pipeline.Commit(wait)
}

// wantDurable checks a snapshot's report on the state file.
func (h *host) wantDurable(snapshot *Snapshot, durable bool, failures uint64) {
	h.Helper()
	if s := snapshot.State; s.Durable != durable || s.Failures != failures || s.Durable && s.Committed.Before(snapshot.At) {
		h.Errorf("durable %v, %d failures, committed %v, snapshot %v; want %v, %d", s.Durable, s.Failures, s.Committed, snapshot.At, durable, failures)
	}
}

// wantLogged checks how often a message was logged.
func (h *host) wantLogged(what string, times int) {
	h.Helper()
	if n := strings.Count(h.logged.String(), what); n != times {
		h.Errorf("logged %d times: %q; logged:\n%s", n, what, &h.logged)
	}
}

const (
	notDurable   = "the state is not durable; counting continues"
	durableAgain = "the state is durable again"
)

func TestCommit(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.write("mail.log", "")
	h.live(oneLog)
	first := h.commit(CommitTime)
	h.wantDurable(first, true, 0)
	second := h.commit(CommitTime)
	h.wantDurable(second, true, 0)
	if first.State.Commits+1 != second.State.Commits {
		t.Errorf("%d commits, then %d", first.State.Commits, second.State.Commits)
	}
	if h.pipeline.Commit(CommitTime) != second {
		t.Error("a new snapshot within a second")
	}
	h.wantLogged(notDurable, 0)
}

func TestNoState(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.write("mail.log", "")
	h.run(oneLog)
	if snapshot := h.commit(CommitTime); snapshot.State != nil {
		t.Errorf("a state that is not kept: %+v", snapshot.State)
	}
	if err := h.pipeline.Close(); err != nil {
		t.Error(err)
	}
}

// TestCommitFails makes commits fail for a while. Counting continues, each failure
// counts, the first one is logged, and a crash loses only what no snapshot showed as
// durable.
func TestCommitFails(t *testing.T) {
	for _, tc := range []struct {
		name         string
		fail, repair func(*host)
		logged       string
	}{
		{
			name:   "file moved away",
			fail:   func(h *host) { h.rename("state", "moved") },
			repair: func(h *host) { h.rename("moved", "state") },
			logged: "deleted or replaced while in use",
		},
		{
			name: "file replaced",
			fail: func(h *host) {
				h.rename("state", "moved")
				h.write("state", "other")
			},
			repair: func(h *host) { h.rename("moved", "state") },
			logged: "deleted or replaced while in use",
		},
		{
			name:   "no room for a larger state",
			fail:   func(h *host) { h.remember(strings.Repeat("x", 5<<20)) },
			repair: func(h *host) { h.forget() },
			logged: "no space left on device",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			h.mount("tmpfs", "-t", "tmpfs", "-o", "size=12m")
			h.write("mail.log", "")
			l := h.live(oneLog)
			h.write("mail.log", refused)
			h.waitReplies("mail", 1)
			h.wantDurable(h.commit(CommitTime), true, 0)

			tc.fail(h)
			h.write("mail.log", refused)
			h.wait("2 replies", func() bool { return h.counted() == 2 })
			for failures := range uint64(3) {
				snapshot := h.commit(CommitTime)
				h.wantDurable(snapshot, false, failures+1)
				if got := snapshot.Sources[0].Sent[sent554].Value; got != 2 {
					t.Errorf("%d replies shown, want 2", got)
				}
			}
			h.wantLogged(notDurable, 1)
			h.wantLogged(tc.logged, 1)

			tc.repair(h)
			h.wantDurable(h.commit(CommitTime), true, 3)
			h.wantLogged(durableAgain, 1)
			tc.fail(h)
			h.write("mail.log", refused)
			h.wait("3 replies", func() bool { return h.counted() == 3 })
			h.wantDurable(h.commit(CommitTime), false, 4)
			h.wantLogged(notDurable, 2) // once for each period

			tc.repair(h)
			l.kill()
			h.live(oneLog)
			h.waitReplies("mail", 3)
		})
	}
}

// counted returns how many 554 have been counted, without a snapshot.
func (h *host) counted() uint64 {
	h.pipeline.mu.Lock()
	defer h.pipeline.mu.Unlock()
	return h.pipeline.sources[0].counts.Snapshot().Sent[sent554].Value
}

// remember adds a path to the state; forget removes it.
func (h *host) remember(path string) {
	h.pipeline.mu.Lock()
	defer h.pipeline.mu.Unlock()
	parsers := h.pipeline.sources[0].parsers
	parsers[path] = parsers[h.path("mail.log")]
}

func (h *host) forget() {
	h.pipeline.mu.Lock()
	defer h.pipeline.mu.Unlock()
	for path := range h.pipeline.sources[0].parsers {
		if path != h.path("mail.log") {
			delete(h.pipeline.sources[0].parsers, path)
		}
	}
}

// mount mounts a file system on the host's directory until the test ends.
func (h *host) mount(what string, args ...string) {
	h.Helper()
	if os.Geteuid() != 0 {
		h.Skip("only root can mount a file system")
	}
	if out, err := exec.Command("mount", append(args, what, h.dir)...).CombinedOutput(); err != nil {
		h.Skipf("mount: %s", out)
	}
	dir := h.dir
	h.Cleanup(func() {
		// Lazily, since the child of another test's fork has the files open until its exec.
		if out, err := exec.Command("umount", "--lazy", dir).CombinedOutput(); err != nil {
			h.Errorf("umount: %s", out)
		}
	})
}

// TestCommitHangs freezes the file system of the state.
func TestCommitHangs(t *testing.T) {
	t.Parallel()
	image := filepath.Join(t.TempDir(), "image")
	if out, err := exec.Command("sh", "-c", `truncate -s 32M "$0" && mkfs.ext4 -q "$0"`, image).CombinedOutput(); err != nil {
		t.Skipf("mkfs.ext4: %v: %s", err, out)
	}
	h := newHost(t)
	h.mount(image, "-o", "loop")
	log := newHost(t) // on another file system
	log.write("mail.log", "")
	l := h.live("[{name: mail, file: " + log.path("mail.log") + "}]")
	h.wantDurable(h.commit(CommitTime), true, 0)

	freeze := func(how string) {
		t.Helper()
		if out, err := exec.Command("fsfreeze", how, h.dir).CombinedOutput(); err != nil {
			t.Skipf("fsfreeze: %v: %s", err, out)
		}
	}
	freeze("--freeze")
	frozen := true
	t.Cleanup(func() {
		if frozen {
			freeze("--unfreeze")
		}
	})
	log.write("mail.log", refused)
	h.wait("1 reply", func() bool { return h.counted() == 1 })
	for failures := range uint64(3) {
		const wait = 50 * time.Millisecond
		began := time.Now()
		snapshot := h.commit(wait)
		if took := time.Since(began); took < wait {
			t.Errorf("gave up after %v", took)
		}
		h.wantDurable(snapshot, false, failures+1)
		if got := snapshot.Sources[0].Sent[sent554].Value; got != 1 {
			t.Errorf("%d replies shown, want 1", got)
		}
	}
	h.wantLogged(notDurable, 1)

	freeze("--unfreeze")
	frozen = false
	h.wait("a durable snapshot", func() bool { return h.commit(CommitTime).State.Durable })
	h.wantLogged(durableAgain, 1)
	l.kill()
	file, payload := h.openState()
	defer file.Close()
	p, err := h.restoreFrom(payload)
	if err != nil {
		t.Fatal(err)
	}
	if got := p.Commit(CommitTime).Sources[0].Sent[sent554].Value; got != 1 {
		t.Errorf("%d replies in the state, want 1", got)
	}
}
