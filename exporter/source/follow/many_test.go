package follow

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"
)

// TestManyPaths counts how often a look reads a directory of many logs.
func TestManyPaths(t *testing.T) {
	const paths = 300
	w := newWorld(t, running, Source{Path: "*.log"})
	var logs []*writer
	for i := range paths {
		logs = append(logs, w.open(fmt.Sprintf("%d.log", i)))
		logs[i].raw("old\n")
		w.open(fmt.Sprintf("%d.log.1", i)).raw("older\n")
	}
	settle := func() { // a directory that has just changed is read again
		then := time.Now().Add(-time.Minute)
		w.must(os.Chtimes(w.dir, then, then))
	}
	settle()
	w.start()
	for _, log := range logs {
		log.add(1)
	}
	w.wait(idleInterval)
	w.save()
	first := w.f.listed
	for i, log := range logs {
		log.add(1)
		w.rename(fmt.Sprintf("%d.log", i), fmt.Sprintf("%d.log.2", i))
		w.rename(fmt.Sprintf("%d.log.1", i), fmt.Sprintf("%d.log.3", i))
		log.reopen(fmt.Sprintf("%d.log", i))
		log.add(1)
	}
	settle()
	w.restart()
	w.poll()
	if again := w.f.listed; first > 3 || again > 3 {
		t.Errorf("%d and %d readings of a directory", first, again)
	}
	w.settle(true)
}

// Logs beyond the limit of open files wait. None of their lines is lost.
func TestTooManyFiles(t *testing.T) {
	w := newWorld(t, running, Source{Path: "*.log"})
	var logs []*writer
	for i := range 10 {
		logs = append(logs, w.open(fmt.Sprintf("%d.log", i)))
		logs[i].raw("old\n")
	}
	w.f.limit = 6
	w.start()
	for _, log := range logs {
		log.add(2)
	}
	w.wait(2 * idleInterval)
	st := w.stats()
	if len(w.errs) != 1 || !errors.Is(w.errs[0], errFull) || st.Files != 6 || st.BehindBytes == 0 || !st.CaughtUp || st.LostFiles != 0 {
		t.Errorf("reported %v, stats: %+v", w.errs, st)
	}
	w.f.limit = 12
	w.wait(2 * idleInterval)
	for _, log := range logs {
		log.add(1)
	}
	w.wait(idleInterval)
	w.save()
	for _, log := range logs {
		log.add(1)
	}
	w.restart()
	w.f.limit = 3 // those that were open before are not forgotten
	w.wait(idleInterval)
	if st := w.stats(); st.CaughtUp || st.LostFiles != 0 {
		t.Errorf("stats: %+v", st)
	}
	w.f.limit = 12
	w.settle(true)
	if st := w.stats(); st.Files != 10 || st.BehindBytes != 0 || st.LostFiles != 0 {
		t.Errorf("stats: %+v", st)
	}
}
