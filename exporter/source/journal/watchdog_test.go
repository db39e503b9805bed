//go:build linux

package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// stuck is a journalctl whose --follow prints only what is in the journal when it starts,
// as one does that looks for the entries of another boot. The journal is $0.all.
const stuck = shell + `[ $step = check ] && exit
n=$(echo "$*" | sed -n 's/.*--cursor=s=1;i=\([0-9]*\);.*/\1/p')
case $step in probe) tail -n 4 $0.all ;; *) tail -n +$((4 * ${n:-1} - 3)) $0.all ;; esac
[ $step = follow ] && exec sleep 1000
exit 0`

// journalOf makes the fake journal have the entries 1 to n.
func (w *world) journalOf(n int) {
	w.Helper()
	var all string
	for i := 1; i <= n; i++ {
		all += export(fmt.Sprint(i), fmt.Sprintf("MESSAGE=entry %d", i))
	}
	if err := os.WriteFile(w.cfg.Journalctl+".all", []byte(all), 0o600); err != nil {
		w.Fatal(err)
	}
}

// probes polls until n probes have ended.
func (w *world) probes(n int) {
	w.Helper()
	for range n {
		w.now = w.r.watchdog.next
		w.poll()
		w.until("the end of a probe", func() bool { return w.r.watchdog.probe == nil })
	}
}

func TestWatchdog(t *testing.T) {
	w := newFake(t, stuck)
	w.journalOf(2)
	w.until("the journal's end", func() bool { return w.caughtUp() && w.r.watchdog.known })
	w.probes(3)
	w.wantErrs()

	w.journalOf(3)
	w.probes(1) // --follow may print it yet
	if w.wantErrs(); !w.r.Stats().Up {
		t.Error("down after one probe")
	}
	w.now = w.r.watchdog.next
	w.until("the second probe", func() bool { return len(w.errs) > 0 })
	w.wantErrs(errStalled.Error())
	if w.r.Stats().Up || w.r.Err() == nil {
		t.Errorf("up, although journalctl is stuck: %+v", w.r.Stats())
	}
	w.until("the journal's end", w.caughtUp)
	if w.wantErrs(errStalled.Error()); !w.r.Stats().Up {
		t.Error("down after it was read anew")
	}
	at := func(n int64) string { return time.UnixMicro(n).UTC().String() }
	w.wantLines([]line{{Message: "entry 1", Realtime: at(1)}, {Message: "entry 2", Realtime: at(2)}, {Message: "entry 3", Realtime: at(3)}})
	w.probes(3)
	w.wantErrs(errStalled.Error())
}

// TestWatchdogOldEntry has a newest entry that is not the one read last, since the clock
// was set back.
func TestWatchdogOldEntry(t *testing.T) {
	w := newFake(t, shell+"[ $step = check ] && exit\n[ $step = probe ] && exec cat $0.all\n"+
		"printf '"+export("1", "MESSAGE=later")+"'\n[ $step = follow ] && exec sleep 1000\nexit 0")
	w.journalOf(1)
	if err := os.WriteFile(w.cfg.Journalctl+".all", []byte(export("9", "MESSAGE=earlier")), 0o600); err != nil {
		t.Fatal(err)
	}
	w.until("the journal's end", func() bool { return w.caughtUp() && w.r.watchdog.known })
	w.probes(4)
	w.wantErrs()
}

// TestWatchdogFails has probes that fail, which are no reason to read anew.
func TestWatchdogFails(t *testing.T) {
	w := newFake(t, shell+"[ $step = probe ] && { echo =; exit 1; }\n[ $step = follow ] && exec sleep 1000\nexit 0")
	w.until("the journal's end", w.caughtUp)
	w.probes(4)
	w.wantErrs()
}

func TestCheck(t *testing.T) {
	w := newFake(t, "exit 0")
	if err := Check(w.cfg); err != nil {
		t.Error(err)
	}
	w.script("echo No journal files were found. >&2")
	if err := Check(w.cfg); !errors.Is(err, errNoJournal) {
		t.Errorf("error %v, want %v", err, errNoJournal)
	}
	w.cfg.Journalctl = filepath.Join(t.TempDir(), "none")
	if err := Check(w.cfg); err == nil {
		t.Error("no error without a journalctl")
	}
}

// TestMerge compares the arguments of a journalctl that follows the host's journal.
func TestMerge(t *testing.T) {
	const id = "0123456789abcdef0123456789abcdef"
	file := filepath.Join(t.TempDir(), "machine-id")
	r := New(Config{Matches: []string{"_COMM=exim4", "+", "_COMM=smtpd"}})
	r.machineIDFile, r.step, r.begun = file, following, true
	before := strings.Join(r.readArgs(), " ")
	if err := os.WriteFile(file, []byte(id+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	want := strings.NewReplacer("--no-tail", "--no-tail --merge", " +", " _MACHINE_ID="+id+" +").Replace(before) + " _MACHINE_ID=" + id
	if got := strings.Join(r.readArgs(), " "); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	want = "--no-pager --output=export --output-fields=__CURSOR --lines=1 -- _COMM=exim4 + _COMM=smtpd + MESSAGE_ID=" + droppedID + " _TRANSPORT=driver"
	if got := strings.Join(r.probeArgs(), " "); got != want {
		t.Errorf("the probe's: got\n%s\nwant\n%s", got, want)
	}
}
