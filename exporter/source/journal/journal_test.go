//go:build linux

package journal

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"smtp_reply_exporter/exporter/source"
)

func TestCorpus(t *testing.T) {
	w := newJournal(t)
	want, realtime := corpus(t)
	w.until("the journal's end", w.caughtUp)
	w.wantLines(want)
	w.wantErrs()
	size := 0
	for _, l := range want {
		size += len(l.Message)
	}
	stats := source.Stats{Up: true, CaughtUp: true, ReadBytes: int64(size), Dropped: map[string]int64{Older: 0}}
	if diff := cmp.Diff(stats, w.r.Stats()); diff != "" {
		t.Errorf("stats (-want +got):\n%s", diff)
	}
	if got, want := w.r.Position().Realtime, realtime[len(realtime)-1]; got != want {
		t.Errorf("position %d, want %d", got, want)
	}
}

// TestRestarts ends journalctl, or the Reader, at many points of the journal.
func TestRestarts(t *testing.T) {
	want, _ := corpus(t)
	t.Run("journalctl", func(t *testing.T) {
		// Ends after this many bytes, anywhere in an entry, as long as there is more.
		w := newJournal(t)
		w.cfg.Journalctl = filepath.Join(t.TempDir(), "journalctl")
		w.script(shell + `case $step in check | probe) exec journalctl "$@" ;; esac
[ $step = follow ] && echo >>$0.follows
journalctl $(echo "$*" | sed 's/--follow --no-tail//') >$0.out || exit
head -c 50021 $0.out
[ $step = follow ] && [ $(wc -c <$0.out) -lt 50021 ] && exec sleep 1000
exit 0`)
		w.r = New(w.cfg)
		w.until("all entries", func() bool { return len(w.got) >= len(want) && w.caughtUp() })
		w.wantLines(want)
		follows, err := os.ReadFile(w.cfg.Journalctl + ".follows")
		if err != nil || len(follows) < 10 || w.r.older > 0 {
			t.Errorf("followed %d times, %v; %+v", len(follows), err, w.r.Stats())
		}
	})
	t.Run("journalctl by signal", func(t *testing.T) {
		w := newJournal(t)
		for range 5 {
			w.until("the journal's end", w.caughtUp)
			_ = w.r.child.cmd.Process.Kill()
			w.until("the death of journalctl", func() bool { return !w.caughtUp() })
			if w.r.Stats().Up {
				t.Error("up")
			}
		}
		w.until("the journal's end", w.caughtUp)
		w.wantLines(want)
		killed := "journalctl: signal: killed"
		w.wantErrs(killed, killed, killed, killed, killed)
	})
	t.Run("exporter", func(t *testing.T) {
		w := newJournal(t)
		seen := 0
		w.until("the journal's end", func() bool {
			if len(w.got) > seen {
				seen = len(w.got)
				w.restart()
			}
			return w.caughtUp()
		})
		w.restart()
		w.until("the journal's end", w.caughtUp)
		w.wantLines(want)
		w.wantErrs()
	})
}

// TestGrow follows a journal to which systemd-journal-remote appends, while
// journalctl and the Reader are restarted.
func TestGrow(t *testing.T) {
	needs(t, "journalctl")
	needs(t, journalRemote)
	want, realtime := corpus(t)
	entries := bytes.SplitAfter(gunzip(t, "testdata/postfix.export.gz"), []byte("\n\n"))
	entries = entries[:len(entries)-1]
	dir := t.TempDir()
	appendEntries := func(entries [][]byte) {
		t.Helper()
		export := filepath.Join(t.TempDir(), "export")
		if err := os.WriteFile(export, bytes.Join(entries, nil), 0o644); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(journalRemote, "--output="+filepath.Join(dir, "system.journal"), export).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	w := newWorld(t, Config{ExtraArgs: []string{"--directory=" + dir}})
	w.now = time.UnixMicro(realtime[0])
	w.until("a complaint", func() bool { return len(w.errs) > 0 })
	w.wantErrs(errNoJournal.Error())

	const steps = 12
	expected := 0
	for i := range steps {
		part := entries[len(entries)*i/steps : len(entries)*(i+1)/steps]
		switch i % 4 {
		case 1:
			_ = w.r.child.cmd.Process.Kill()
		case 2:
			w.restart()
		case 3:
			w.restart()
			w.poll()
		}
		appendEntries(part)
		for _, entry := range part {
			if bytes.Contains(entry, []byte("\nSYSLOG_FACILITY=2\n")) {
				expected++
			}
		}
		w.until(fmt.Sprintf("%d entries", expected), func() bool { return len(w.got) >= expected && w.caughtUp() })
	}
	w.wantLines(want)
	if w.r.older > 0 {
		t.Errorf("%+v", w.r.Stats())
	}
}

// TestEnd starts at the present time, and resumes there after a restart with no entry
// in between.
func TestEnd(t *testing.T) {
	want, realtime := corpus(t)
	const n = 2000
	w := newJournal(t)
	w.cfg.FromStart = false
	w.r = New(w.cfg)
	w.now = time.UnixMicro(realtime[len(realtime)-1] + 1)
	w.until("the journal's end", w.caughtUp)
	w.wantLines(nil)
	if got, want := w.r.Position().Realtime, realtime[len(realtime)-1]+1; got != want || w.r.older > 0 {
		t.Errorf("position %d, want %d; %+v", got, want, w.r.Stats())
	}

	w.r.Close()
	w.r = New(w.cfg)
	w.r.Restore(Position{Realtime: realtime[n]})
	w.until("the journal's end", w.caughtUp)
	w.wantLines(want[n:])
	w.wantErrs()
}

// TestOtherJournal resumes from cursors that the journal does not hold.
func TestOtherJournal(t *testing.T) {
	const n = 2000
	const complaint = "the journal does not hold the entry that was read last (removed, another journal, or other matches): continuing with the entries since "
	want, realtime := corpus(t)
	id := strings.Repeat("0123456789abcdef", 2)
	for _, c := range []struct {
		name   string
		cursor func(s, i, b, m, t, x string) string
		at     int64
		want   []line
		quiet  bool
	}{
		{name: "another host", cursor: func(_, i, _, m, t, x string) string {
			return "s=" + id + ";" + i + ";b=" + id + ";" + m + ";" + t + ";" + x
		}, at: realtime[n] + 1, want: want[n+1:]},
		{name: "another host, later number", cursor: func(_, _, _, m, t, x string) string {
			return "s=" + id + ";i=ffffff;b=" + id + ";" + m + ";" + t + ";" + x
		}, at: realtime[n] + 1, want: want[n+1:]},
		{name: "another host, earlier time", cursor: func(_, i, _, m, _, x string) string {
			return "s=" + id + ";" + i + ";b=" + id + ";" + m + ";t=1;" + x
		}, at: realtime[n] + 1, want: want[n+1:]},
		{name: "an entry that is gone", cursor: func(s, i, b, m, _, _ string) string {
			return s + ";" + i + ";" + b + ";" + m + ";t=1;x=1"
		}, at: realtime[n] + 1, want: want[n+1:]},
		{name: "moved from run to var", cursor: func(_, _, b, m, t, x string) string {
			return "s=" + id + ";i=1;" + b + ";" + m + ";" + t + ";" + x
		}, at: realtime[n], want: want[n+1:], quiet: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newJournal(t)
			out, err := exec.Command("journalctl", w.cfg.ExtraArgs[0], "--output=export", "--output-fields=_PID", "SYSLOG_FACILITY=2").Output()
			if err != nil {
				t.Fatal(err)
			}
			cursor, _, _ := strings.Cut(strings.Split(string(out), "__CURSOR=")[n+1], "\n")
			parts := strings.Split(cursor, ";")
			w.r.Restore(Position{Cursor: c.cursor(parts[0], parts[1], parts[2], parts[3], parts[4], parts[5]), Realtime: c.at})
			w.until("the journal's end", w.caughtUp)
			w.wantLines(c.want)
			if c.quiet {
				w.wantErrs()
			} else {
				w.wantErrs(complaint + time.UnixMicro(c.at).UTC().Format(time.RFC3339Nano))
			}
			t.Logf("dropped %d", w.r.older)
		})
	}
}
