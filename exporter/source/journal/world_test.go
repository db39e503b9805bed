//go:build linux

package journal

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"smtp_reply_exporter/exporter/source"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	journalRemote = "/usr/lib/systemd/systemd-journal-remote"
)

// world is a Reader, a clock, and what the Reader returned.
type world struct {
	*testing.T
	cfg  Config
	now  time.Time
	r    *Reader
	got  []line
	errs []string
}

// line holds the parts of an entry that a test compares.
type line struct {
	Program, PID, Host, Message, Realtime string
}

func newWorld(t *testing.T, cfg Config) *world {
	w := &world{T: t, cfg: cfg, now: time.UnixMicro(1), r: New(cfg)}
	t.Cleanup(func() { w.r.Close() })
	return w
}

// needs skips a test without a program, but not in CI.
func needs(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
}

// newJournal starts a world with the journal file of testdata.
func newJournal(t *testing.T) *world {
	needs(t, "journalctl")
	name := filepath.Join(t.TempDir(), "system.journal")
	if err := os.WriteFile(name, gunzip(t, "testdata/postfix.journal.gz"), 0o644); err != nil {
		t.Fatal(err)
	}
	return newWorld(t, Config{FromStart: true, ExtraArgs: []string{"--file=" + name}})
}

// newFake starts a world with a shell script for journalctl.
func newFake(t *testing.T, script string) *world {
	w := newWorld(t, Config{FromStart: true, Journalctl: filepath.Join(t.TempDir(), "journalctl")})
	w.script(script)
	return w
}

func (w *world) script(script string) {
	w.Helper()
	if err := os.WriteFile(w.cfg.Journalctl, []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		w.Fatal(err)
	}
}

// restart resumes with another Reader from the position of the current one.
func (w *world) restart() {
	position := w.r.Position()
	w.r.Close()
	w.r = New(w.cfg)
	w.r.Restore(position)
}

func (w *world) poll() (more bool) {
	more, err := w.r.Poll(w.now, func(record source.Record) {
		e := record.Envelope
		at := time.UnixMicro(w.r.Position().Realtime).UTC().String()
		w.got = append(w.got, line{string(e.Program), string(e.PID), string(e.Host), string(e.Message), at})
	})
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, err := range joined.Unwrap() {
			w.errs = append(w.errs, err.Error())
		}
	}
	w.now = w.now.Add(250 * time.Millisecond)
	if w.r.child == nil {
		w.now = w.now.Add(maxDelay)
	}
	return more
}

// until polls until a condition holds.
func (w *world) until(what string, condition func() bool) {
	w.Helper()
	wait(w.T, what, func() bool {
		for w.poll() && !condition() {
		}
		return condition()
	})
}

func wait(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited for %s", what)
		}
	}
}

func (w *world) caughtUp() bool { return w.r.Stats().CaughtUp }

func (w *world) wantLines(want []line) {
	w.Helper()
	if diff := cmp.Diff(want, w.got); diff != "" {
		w.Errorf("%d entries, want %d (-want +got):\n%.2000s", len(w.got), len(want), diff)
	}
}

func (w *world) wantErrs(want ...string) {
	w.Helper()
	if !slices.Equal(w.errs, want) {
		w.Errorf("errors:\n%s\nwant:\n%s", strings.Join(w.errs, "\n"), strings.Join(want, "\n"))
	}
}

// corpus returns the mail entries of testdata's journal as `journalctl -o json`
// prints them.
func corpus(t *testing.T) (lines []line, realtime []int64) {
	t.Helper()
	for text := range strings.Lines(string(gunzip(t, "../../../logparse/testdata/corpus/postfix/journal-json.log.gz"))) {
		var o struct {
			Facility  string `json:"SYSLOG_FACILITY"`
			Program   string `json:"SYSLOG_IDENTIFIER"`
			SyslogPID string `json:"SYSLOG_PID"`
			PID       string `json:"_PID"`
			Host      string `json:"_HOSTNAME"`
			Message   string `json:"MESSAGE"`
			Realtime  int64  `json:"__REALTIME_TIMESTAMP,string"`
		}
		if err := json.Unmarshal([]byte(text), &o); err != nil {
			t.Fatal(err)
		}
		if o.Facility != "2" {
			continue
		}
		if o.SyslogPID != "" {
			o.PID = o.SyslogPID
		}
		lines = append(lines, line{o.Program, o.PID, o.Host, o.Message, time.UnixMicro(o.Realtime).UTC().String()})
		realtime = append(realtime, o.Realtime)
	}
	return lines, realtime
}
