package counter

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"smtp_reply_exporter/exporter/classify/peer"
	"smtp_reply_exporter/exporter/classify/reason"
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
	r, shrunk := Restore(&snapshot, mtas, Hosts{}, later.Add(time.Hour))
	if shrunk != nil {
		t.Errorf("%v were shrunk", shrunk)
	}
	return r
}

// TestRestore counts in a chain of Sources, each restored from the previous one.
func TestRestore(t *testing.T) {
	s, w := NewSource([]string{"postfix"}, Hosts{}, start), newTally()
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
	s, w := NewSource([]string{"postfix"}, Hosts{}, start), newTally()
	feed(s, w, "postfix/smtp", deferred, external)
	snapshot, twin := s.Snapshot(), s.Snapshot()
	r, _ := Restore(snapshot, []string{"postfix"}, Hosts{}, later)
	feed(r, newTally(), "postfix/smtp", deferred, external)
	if diff := cmp.Diff(twin, snapshot); diff != "" {
		t.Errorf("the snapshot changed (-before +after):\n%s", diff)
	}
}

// TestRestoreWithOtherMTAs tests that Restore keeps the counts of an MTA that is no
// longer given, and starts those of a new MTA now.
func TestRestoreWithOtherMTAs(t *testing.T) {
	s, w := NewSource([]string{"postfix"}, Hosts{}, start), newTally()
	feed(s, w, "postfix/smtp", deferred, external)
	c := restored(t, s, "exim").Snapshot()
	if got, want := c.Received[Reply{"", "postfix", "external", 451}].Value, uint64(1); got != want {
		t.Errorf("%d replies to Postfix, want %d", got, want)
	}
	if _, ok := c.Received[Reply{"", "exim", "external", 451}]; !ok {
		t.Error("the new MTA's replies are not there")
	}
	w.check(t, restored(t, s, "postfix", "exim").Snapshot())
}

// TestRestoreWithoutFamily restores a snapshot of a version that lacks some families.
func TestRestoreWithoutFamily(t *testing.T) {
	s := NewSource([]string{"postfix"}, Hosts{}, start)
	snapshot := s.Snapshot()
	snapshot.Refusals, snapshot.Lost = nil, nil
	now := later.Add(time.Hour)
	r, _ := Restore(snapshot, []string{"postfix"}, Hosts{}, now)
	c := r.Snapshot()
	if got, want := c.Refusals[Refusal{"", "postfix", "external", logparse.Rcpt, 4, "dns"}], (Count{Created: now}); got != want {
		t.Errorf("a family that is new: %v, want %v", got, want)
	}
	for _, logger := range logparse.Loggers() {
		if got, ok := c.Lost[logger]; !ok || got != (Count{Created: now}) {
			t.Errorf("lost by %s: %v, there: %t", logger, got, ok)
		}
	}
	if got, want := c.Sent[Reply{"", "postfix", "external", 554}], (Count{Created: start}); got != want {
		t.Errorf("a family that was there: %v, want %v", got, want)
	}
}

// TestRestoreKeepsPrograms restores as many programs as may have labels. These remain,
// and a further program is folded.
func TestRestoreKeepsPrograms(t *testing.T) {
	s, w := NewSource([]string{"postfix"}, Hosts{}, start), newTally()
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

// flooded returns the snapshot of a version without limits on codes and reasons. It had
// only the widest family of each direction.
func flooded() *Snapshot {
	c := NewSource([]string{"postfix"}, Hosts{}, start).Snapshot()
	c.Sent, c.Received, c.SentByReason, c.ReceivedByReason, c.Folded = nil, nil, nil, nil, nil
	for code := logparse.Code(200); code < 600; code++ {
		for i, r := range reason.Names() {
			n := uint64(code) + uint64(i)
			for _, p := range []string{"google", "gmx"} {
				c.ReceivedDetail[Detail{"", "postfix", peer.External, "postfix/smtp", p, logparse.Rcpt, code, OtherEnhanced, r}] = Count{n, later}
				c.Deliveries[Delivery{"", "postfix", peer.External, p, code, r}] = Count{n, later}
			}
			c.SentDetail[Detail{"", "postfix", peer.External, "postfix/smtpd", "", logparse.Rcpt, code, logparse.EnhancedCode{}, r}] = Count{n, later}
		}
		c.DialogueSent[Dialogue{"", "postfix", logparse.Command(code % 14), code}] = Count{1, later}
		c.DialogueSent[Dialogue{"", "postfix", logparse.Command(code % 13), code}] = Count{2, later}
	}
	return c
}

// TestRestoreShrinks restores a snapshot with more series than the limits allow. What is
// folded is counted, and is the same at each start. Another restart folds nothing.
func TestRestoreShrinks(t *testing.T) {
	old := flooded()
	s, shrunk := Restore(old, []string{"postfix"}, Hosts{}, later)
	want := []Family{Sent, Received, SentByReason, ReceivedByReason, SentDetail, ReceivedDetail, Deliveries, DialogueSent}
	if diff := cmp.Diff(want, shrunk); diff != "" {
		t.Errorf("shrunk (-want +got):\n%s", diff)
	}
	c := s.Snapshot()
	checkLimits(t, c)
	checkSums(t, c)
	folds(t, c, SentDetail, old.SentDetail, c.SentDetail)
	folds(t, c, ReceivedDetail, old.ReceivedDetail, c.ReceivedDetail)
	folds(t, c, Deliveries, old.Deliveries, c.Deliveries)
	folds(t, c, DialogueSent, old.DialogueSent, c.DialogueSent)
	for _, info := range logparse.Codes() {
		key := Reply{"", "postfix", peer.External, info.Code}
		var want uint64
		for i := range reason.Names() {
			want += 2 * (uint64(info.Code) + uint64(i))
		}
		if got := c.Received[key]; got.Value != want {
			t.Errorf("%+v is %d, want %d", key, got.Value, want)
		}
	}
	again, _ := Restore(old, []string{"postfix"}, Hosts{}, later)
	if diff := cmp.Diff(c, again.Snapshot()); diff != "" {
		t.Errorf("another start (-first +second):\n%s", diff)
	}
	if diff := cmp.Diff(c, restored(t, s).Snapshot()); diff != "" {
		t.Errorf("a restart (-before +after):\n%s", diff)
	}
}

// folds tests that a family kept all counts, and counted those that it folded.
func folds[K comparable](t *testing.T, c *Snapshot, family Family, before, after map[K]Count) {
	t.Helper()
	var missing, in, out uint64
	for k, count := range before {
		in += count.Value
		missing += count.Value - min(count.Value, after[k].Value)
	}
	for _, count := range after {
		out += count.Value
	}
	if folded := c.Folded[family].Value; in != out || missing != folded || folded == 0 {
		t.Errorf("%s: %d of %d counts; %d were folded, %d are missing", family, out, in, folded, missing)
	}
}
