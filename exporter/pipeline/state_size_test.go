package pipeline

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"smtp_reply_exporter/exporter/classify"
	"smtp_reply_exporter/exporter/classify/provider"
	"smtp_reply_exporter/exporter/classify/reason"
	"smtp_reply_exporter/exporter/counter"
	"smtp_reply_exporter/exporter/state"
	"smtp_reply_exporter/logparse"
)

// full returns a source whose families are at their limits, with the longest programs. Each
// MTA counts in turn, so that none takes all the room.
func full(mtas []string) *counter.Source {
	s := counter.NewSource(mtas, counter.Hosts{}, time.Now())
	const years = 1 << 40 // of counting: large numbers take more bytes
	reasons, providers := reason.Names(), provider.Names()
	peers := []string{"external", "internal", "authenticated"}
	line := func(mta string, i int, e logparse.Event) {
		l := classify.Labels{Peer: peers[i%(3-int(e.Direction))], Provider: providers[i%len(providers)], Reason: reasons[i%len(reasons)]}
		if class := e.Code.Class(); class == 2 || class == 3 {
			l.Reason = reason.OK
		}
		r := logparse.Result{MTA: mta, Outcome: logparse.Understood, Events: []logparse.Event{e}}
		r.Program = fmt.Appendf(nil, "%s%02d", strings.Repeat("x", 62), i%32)
		s.Line(&r, []classify.Labels{l}, time.Now())
	}
	for i := range 2000 {
		for _, mta := range mtas {
			for _, dir := range []logparse.Direction{logparse.Sent, logparse.Received} {
				e := logparse.Event{Direction: dir, Command: logparse.Command(i % 14), Code: logparse.Code(200 + i%400), Count: years, Deliveries: int(dir)}
				e.Enhanced = logparse.EnhancedCode{Class: 5, Subject: 7, Detail: uint16(i % 11)}
				line(mta, i, e)
				e.Dialogue = true
				line(mta, i/14, e)
			}
			line(mta, i, logparse.Event{Kind: logparse.Refusal, Command: logparse.Command(i / 3 % 14), Count: years})
		}
	}
	return s
}

// TestStateSize commits the state of sources at their limits. It fits into the slots that a
// new state file has, so that a full disk cannot prevent the commit.
func TestStateSize(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		mtas    []string
		sources int
	}{
		"one MTA":  {[]string{"postfix"}, 5},
		"all MTAs": {logparse.MTAs(), 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := saved{}
			snapshot := full(tc.mtas).Snapshot()
			for i := range tc.sources {
				s.Sources = append(s.Sources, savedSource{Name: fmt.Sprint("source", i), Snapshot: snapshot})
			}
			payload, err := s.encode()
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d bytes for each source", len(payload)/tc.sources)
			path := t.TempDir() + "/state"
			file, _, err := state.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			before, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := file.Commit(payload); err != nil {
				t.Fatal(err)
			}
			after, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if before.Size() != after.Size() {
				t.Errorf("the file grew from %d to %d bytes", before.Size(), after.Size())
			}
		})
	}
}
