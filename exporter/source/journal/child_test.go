//go:build linux

package journal

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"smtp_reply_exporter/exporter/source"
)

// shell is the start of a script for journalctl. It holds what journalctl prints in
// each of the three steps.
const shell = `case "$*" in
*--lines=0*) step=check ;;
*--lines=1*) step=probe ;;
*--follow*) step=follow ;;
*) step=catch_up ;;
esac
`

func export(number string, fields ...string) string {
	return "__CURSOR=s=1;i=" + number + ";b=1;x=" + number + "\n__REALTIME_TIMESTAMP=" + number + "\n" + strings.Join(fields, "\n") + "\n\n"
}

// TestFailures tests that the Reader reports each failure of journalctl once, however
// often it retries, and continues once journalctl can read.
func TestFailures(t *testing.T) {
	const good = shell + "[ $step = follow ] && exec sleep 1000\nexit 0"
	cases := []struct {
		name, script string
		want         string
		is           error
	}{
		{
			name: "no journal", script: "echo '-- No entries --'; echo No journal files were found. >&2",
			want: errNoJournal.Error(),
		},
		{
			name: "no permission", script: "echo 'No journal files were opened due to insufficient permissions.' >&2; exit 1",
			want: "permission denied to read all of the journal: add the exporter's user to the group systemd-journal (journalctl: No journal files were opened due to insufficient permissions.)",
			is:   fs.ErrPermission,
		},
		{
			name:   "permission to read a user's own journal",
			script: "printf 'Hint: You are currently not seeing messages from other users and the system.\n      Users in groups systemd-journal can see all messages.\n' >&2",
			want:   "permission denied to read all of the journal: add the exporter's user to the group systemd-journal (journalctl: Hint: You are currently not seeing messages from other users and the system.)",
			is:     fs.ErrPermission,
		},
		{name: "wrong match", script: "echo Failed to add match. >&2; exit 1", want: "journalctl: exit status 1: Failed to add match."},
		{
			name: "loud", script: "head -c 1000000 /dev/zero | tr '\\0' x >&2; exit 1",
			want: "journalctl: exit status 1: " + strings.Repeat("x", maxStderr),
		},
		{name: "silent", script: "exit 3", want: "journalctl: exit status 3"},
		{name: "killed", script: "kill -9 $$", want: "journalctl: signal: killed"},
		{name: "while catching up", script: shell + "[ $step = catch_up ] && exit 1", want: "journalctl: exit status 1"},
		{
			name: "no export", script: "echo =; exec sleep 1000",
			want: `journalctl --output=export: no name of a field: "="`,
		},
		{
			name: "no cursor", script: "echo MESSAGE=a; echo; exec sleep 1000",
			want: "journalctl --output=export: an entry without __CURSOR or __REALTIME_TIMESTAMP",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			script := c.script
			if strings.HasSuffix(script, "sleep 1000") { // fails while it catches up
				script = shell + "[ $step = check ] && exit\n" + script
			}
			w := newFake(t, script)
			var failed error
			for start := w.now; w.now.Sub(start) < 3*time.Minute; {
				_, err := w.r.Poll(w.now, nil)
				if err != nil && failed != nil {
					t.Fatalf("again: %v", err)
				}
				if err != nil {
					failed = err
				}
				if w.r.child == nil {
					w.now = w.now.Add(time.Second)
				}
				if w.r.Stats().CaughtUp || failed != nil && w.r.Stats().Up {
					t.Fatalf("%+v", w.r.Stats())
				}
			}
			if failed == nil || failed.Error() != c.want || c.is != nil && !errors.Is(failed, c.is) {
				t.Errorf("error %v\nwant %s", failed, c.want)
			}
			w.script(good)
			w.until("the journal's end", w.caughtUp)
			if w.wantErrs(); !w.r.Stats().Up {
				t.Errorf("%+v", w.r.Stats())
			}
		})
	}
}

func TestNoJournalctl(t *testing.T) {
	for _, c := range []struct {
		path string
		is   error
	}{
		{"no-such-journalctl", exec.ErrNotFound},
		{filepath.Join(t.TempDir(), "journalctl"), fs.ErrNotExist},
	} {
		r := New(Config{Journalctl: c.path})
		_, err := r.Poll(time.UnixMicro(1), nil)
		if !errors.Is(err, c.is) || !strings.HasPrefix(err.Error(), "no journalctl, which is part of systemd: ") || r.Stats().Up {
			t.Errorf("%s: %v, %+v", c.path, err, r.Stats())
		}
	}
}

// TestDelay counts the starts of a journalctl that always fails.
func TestDelay(t *testing.T) {
	w := newFake(t, "exit 1")
	starts := 0
	for start := w.now; w.now.Sub(start) < 10*time.Minute; {
		_, _ = w.r.Poll(w.now, nil)
		if w.r.child != nil || w.r.started.Equal(w.now) {
			starts++
			wait(t, "the end of journalctl", func() bool {
				_, _ = w.r.Poll(w.now, nil)
				return w.r.child == nil
			})
		}
		w.now = w.now.Add(time.Second)
	}
	if starts < 12 || starts > 18 { // after 1, 2, 4, 8, 16, 32, 60, 60, ... seconds
		t.Errorf("%d starts in ten minutes", starts)
	}
}

// TestEntryInPieces runs a journalctl that dies within an entry.
func TestEntryInPieces(t *testing.T) {
	whole := export("2", "MESSAGE=two")
	w := newFake(t, shell+"[ $step = check ] && exit\nprintf '"+export("1", "MESSAGE=one")+whole[:len(whole)-1]+"'\n")
	w.until("the end of the journalctl that followed", func() bool { return len(w.errs) > 0 })
	w.wantLines([]line{{Message: "one", Realtime: time.UnixMicro(1).UTC().String()}})
	w.script(shell + "[ $step = check ] && exit\nprintf '" + export("1", "MESSAGE=one") + whole + "'\n[ $step = catch_up ] || exec sleep 1000")
	w.until("the journal's end", w.caughtUp)
	w.wantLines([]line{
		{Message: "one", Realtime: time.UnixMicro(1).UTC().String()},
		{Message: "two", Realtime: time.UnixMicro(2).UTC().String()},
	})
}

func TestEntry(t *testing.T) {
	input := export("1", "SYSLOG_IDENTIFIER=postfix/smtp", "_COMM=smtp", "SYSLOG_PID=7", "_PID=8", "_HOSTNAME=mx1", "MESSAGE=a=b") +
		export("2", "_COMM=exim4", "_PID=9", "MESSAGE=c") +
		export("3", "_TRANSPORT=driver", "MESSAGE_ID="+droppedID, "N_DROPPED=42", "MESSAGE=Suppressed 42 messages from postfix@-.service") +
		export("4", "_TRANSPORT=journal", "MESSAGE_ID="+droppedID, "N_DROPPED=1000", "MESSAGE=forged") +
		export("5", "MESSAGE="+strings.Repeat("x", source.MaxLine+1)) +
		export("6", "MESSAGE=whole")
	name := filepath.Join(t.TempDir(), "export")
	if err := os.WriteFile(name, []byte(input), 0o644); err != nil {
		t.Fatal(err)
	}
	w := newFake(t, shell+"[ $step = catch_up ] && exec cat "+name+"\n[ $step = follow ] && exec sleep 1000\nexit 0")
	w.until("the journal's end", w.caughtUp)
	at := func(µs int64) string { return time.UnixMicro(µs).UTC().String() }
	w.wantLines([]line{
		{Program: "postfix/smtp", PID: "7", Host: "mx1", Message: "a=b", Realtime: at(1)},
		{Program: "exim4", PID: "9", Message: "c", Realtime: at(2)},
		{Message: "forged", Realtime: at(4)},
		{Message: strings.Repeat("x", source.MaxLine), Realtime: at(5)},
		{Message: "whole", Realtime: at(6)},
	})
	want := source.Stats{
		Up: true, CaughtUp: true, ReadBytes: 3 + 1 + 6 + source.MaxLine + 5, OverlongLines: 1, LostLines: 42,
		Dropped: map[string]int64{Older: 0},
	}
	if diff := cmp.Diff(want, w.r.Stats()); diff != "" {
		t.Errorf("stats (-want +got):\n%s", diff)
	}
	if got, want := w.r.Position(), (Position{Cursor: "s=1;i=6;b=1;x=6", Realtime: 6}); got != want {
		t.Errorf("position %+v, want %+v", got, want)
	}
}

// TestArguments compares the arguments of journalctl.
func TestArguments(t *testing.T) {
	dir := t.TempDir()
	w := newFake(t, shell+`[ $step = probe ] || echo "$*" >>`+dir+"/args\n[ $step = follow ] && exec sleep 1000\nexit 0")
	var got []byte
	started := func(n int) {
		t.Helper()
		w.until("the arguments", func() bool {
			got, _ = os.ReadFile(filepath.Join(dir, "args"))
			return bytes.Count(got, []byte("\n")) == n
		})
	}
	w.cfg.Matches, w.cfg.ExtraArgs = []string{"_COMM=exim4", "+", "_COMM=smtpd"}, []string{"--directory=/x"}
	w.restart()
	started(3)
	w.cfg.Matches, w.cfg.FromStart = nil, false
	w.now = time.Unix(1795447031, 0)
	w.restart()
	started(6)
	w.r.Close()
	w.r = New(w.cfg)
	w.r.Restore(Position{Cursor: "s=1;i=1;b=1", Realtime: 1})
	started(9)
	const check = "--no-pager --lines=0 --directory=/x\n"
	export := "--no-pager --output=export --all --output-fields=" + outputFields
	const dropped = " + MESSAGE_ID=" + droppedID + " _TRANSPORT=driver\n"
	want := check +
		export + " --directory=/x -- _COMM=exim4 + _COMM=smtpd" + dropped +
		export + " --follow --no-tail --directory=/x -- _COMM=exim4 + _COMM=smtpd" + dropped +
		check +
		export + " --since=@1795447031 --directory=/x -- SYSLOG_FACILITY=2" + dropped +
		export + " --since=@1795447031 --follow --no-tail --directory=/x -- SYSLOG_FACILITY=2" + dropped +
		check +
		export + " --cursor=s=1;i=1;b=1 --directory=/x -- SYSLOG_FACILITY=2" + dropped +
		export + " --cursor=s=1;i=1;b=1 --follow --no-tail --directory=/x -- SYSLOG_FACILITY=2" + dropped
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestSlow runs a journalctl that prints endlessly, more than a Poll reads, and closes
// the Reader meanwhile. TestMain checks that no goroutine is left.
func TestSlow(t *testing.T) {
	name := filepath.Join(t.TempDir(), "export")
	if err := os.WriteFile(name, []byte(strings.Repeat(export("1", "MESSAGE="+strings.Repeat("x", 1000)), 1000)), 0o644); err != nil {
		t.Fatal(err)
	}
	w := newFake(t, shell+"[ $step = check ] && exit\nwhile cat "+name+"; do :; done")
	w.until("entries", func() bool { return len(w.got) > 0 })
	for range 3 {
		wait(t, "a full queue", func() bool { return len(w.r.child.chunks) == maxChunks })
		before := len(w.got)
		w.poll()
		if n := len(w.got) - before; n == 0 || n > pollLen/1000 {
			t.Errorf("%d entries in a Poll", n)
		}
		if w.caughtUp() {
			t.Error("caught up")
		}
	}
	wait(t, "a full queue", func() bool { return len(w.r.child.chunks) == maxChunks })
	pid := w.r.child.cmd.Process.Pid
	w.r.Close()
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("journalctl after Close: %v", err)
	}
}

// TestExporterKilled tests that journalctl ends if the process of the Reader is
// killed.
func TestExporterKilled(t *testing.T) {
	const variable = "TEST_EXPORTER_KILLED"
	if path := os.Getenv(variable); path != "" {
		r := New(Config{Journalctl: path})
		for {
			_, _ = r.Poll(time.Now(), nil)
		}
	}
	w := newFake(t, "echo $$ >$0.pid.new; mv $0.pid.new $0.pid; exec sleep 1000")
	exporter := exec.Command(os.Args[0], "-test.run=^TestExporterKilled$")
	exporter.Env = append(os.Environ(), variable+"="+w.cfg.Journalctl)
	if err := exporter.Start(); err != nil {
		t.Fatal(err)
	}
	pid := 0
	wait(t, "a journalctl", func() bool {
		b, err := os.ReadFile(w.cfg.Journalctl + ".pid")
		if err == nil {
			pid, err = strconv.Atoi(strings.TrimSpace(string(b)))
		}
		return err == nil
	})
	_ = exporter.Process.Kill()
	_ = exporter.Wait()
	wait(t, "its end", func() bool {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		return err != nil || bytes.Contains(stat, []byte(") Z "))
	})
}
