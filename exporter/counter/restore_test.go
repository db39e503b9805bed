package counter

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"smtp_reply_exporter/logparse"
)

// restored returns a Source that continues from the state of s in a file.
func restored(t *testing.T, s *Source, mtas ...string) *Source {
	t.Helper()
	var file bytes.Buffer
	if err := gob.NewEncoder(&file).Encode(s.Snapshot()); err != nil {
		t.Fatal(err)
	}
	var snapshot Snapshot
	if err := gob.NewDecoder(&file).Decode(&snapshot); err != nil {
		t.Fatal(err)
	}
	r, shrunk := Restore(&snapshot, mtas, later.Add(time.Hour))
	if shrunk != nil {
		t.Errorf("%v were shrunk", shrunk)
	}
	return r
}

// TestRestore counts in a chain of Sources, each restored from the previous one.
func TestRestore(t *testing.T) {
	s, w := NewSource([]string{"postfix"}, start), newTally()
	feed(s, w, "postfix/smtp", deferred, external)
	odd := deferred
	odd.Code, odd.Enhanced = 499, logparse.EnhancedCode{Class: 4, Subject: 9, Detail: 99}
	for range 3 {
		feed(s, w, "postfix/smtp", deferred, external)
		feed(s, w, "postfix/relay/smtp", odd, external)
		before := s.Snapshot()
		s = restored(t, s, "postfix")
		if diff := cmp.Diff(before, s.Snapshot()); diff != "" {
			t.Fatalf("cut (-before +after):\n%s", diff)
		}
	}
	w.check(t, s.Snapshot())
}

// TestRestoreSharesNoMemory continues counting from a snapshot, which must not change.
func TestRestoreSharesNoMemory(t *testing.T) {
	s, w := NewSource([]string{"postfix"}, start), newTally()
	feed(s, w, "postfix/smtp", deferred, external)
	snapshot, twin := s.Snapshot(), s.Snapshot()
	r, _ := Restore(snapshot, []string{"postfix"}, later)
	feed(r, newTally(), "postfix/smtp", deferred, external)
	if diff := cmp.Diff(twin, snapshot); diff != "" {
		t.Errorf("the snapshot changed (-before +after):\n%s", diff)
	}
}

// TestRestoreWithOtherMTAs tests that Restore keeps the counts of an MTA that is no
// longer given, and starts those of a new MTA now.
func TestRestoreWithOtherMTAs(t *testing.T) {
	s, w := NewSource([]string{"postfix"}, start), newTally()
	feed(s, w, "postfix/smtp", deferred, external)
	c := restored(t, s, "exim").Snapshot()
	if got, want := c.Received[Reply{"postfix", "external", 451}].Value, uint64(1); got != want {
		t.Errorf("%d replies to Postfix, want %d", got, want)
	}
	if _, ok := c.Received[Reply{"exim", "external", 451}]; !ok {
		t.Error("the new MTA's replies are not there")
	}
	w.check(t, restored(t, s, "postfix", "exim").Snapshot())
}

// TestRestoreWithoutFamily restores a snapshot of a version that lacks some families.
func TestRestoreWithoutFamily(t *testing.T) {
	s := NewSource([]string{"postfix"}, start)
	snapshot := s.Snapshot()
	snapshot.Refusals, snapshot.Lost = nil, nil
	now := later.Add(time.Hour)
	r, _ := Restore(snapshot, []string{"postfix"}, now)
	c := r.Snapshot()
	if got, want := c.Refusals[Refusal{"postfix", "external", logparse.Auth}], (Count{Created: now}); got != want {
		t.Errorf("a family that is new: %v, want %v", got, want)
	}
	for _, logger := range logparse.Loggers() {
		if got, ok := c.Lost[logger]; !ok || got != (Count{Created: now}) {
			t.Errorf("lost by %s: %v, there: %t", logger, got, ok)
		}
	}
	if got, want := c.Sent[Reply{"postfix", "external", 554}], (Count{Created: start}); got != want {
		t.Errorf("a family that was there: %v, want %v", got, want)
	}
}

// TestRestoreKeepsPrograms restores as many programs as may have labels. These remain,
// and a further program is folded.
func TestRestoreKeepsPrograms(t *testing.T) {
	s, w := NewSource([]string{"postfix"}, start), newTally()
	for i := range 40 {
		feed(s, w, fmt.Sprintf("postfix%d/smtp", i), deferred, external)
	}
	programs := func(s *Source) map[string]bool {
		names := map[string]bool{}
		for key := range s.Snapshot().ReceivedDetail {
			names[key.Program] = true
		}
		return names
	}
	before := programs(s)
	s = restored(t, s, "postfix")
	feed(s, w, "postfix-new/smtp", deferred, external)
	if diff := cmp.Diff(before, programs(s)); diff != "" {
		t.Errorf("programs (-before +after):\n%s", diff)
	}
}
