//go:build realmta

package realmta

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"smtp_reply_exporter/exporter/classify"
	"smtp_reply_exporter/exporter/classify/peer"
	"smtp_reply_exporter/exporter/classify/provider"
	"smtp_reply_exporter/exporter/config"
	"smtp_reply_exporter/logparse"
)

// A reply is what a counter counts: who said it, and its code; 0 for a refusal that the
// log shows without code.
type reply struct {
	direction string
	code      logparse.Code
}

// A ledger is what client and servers wrote down of the replies on the wire.
type ledger struct {
	mu       sync.Mutex
	wire     map[reply]int
	shown    map[reply]int // of these, the ones that the log has to show
	either   map[reply]int // and the ones that it may show without code
	enhanced map[string]bool
}

func newLedger() *ledger {
	return &ledger{wire: map[reply]int{}, shown: map[reply]int{}, either: map[reply]int{}, enhanced: map[string]bool{}}
}

// marks are those of a step.
const marks = "!?~"

// mark returns the mark before a reply; 0 if it has none.
func mark(text string) byte {
	if strings.TrimLeft(text, marks) != text {
		return text[0]
	}
	return 0
}

func (l *ledger) add(direction, text string, mark byte) {
	code, enhanced, _ := logparse.ParseReply([]byte(text))
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wire[reply{direction, code}]++
	l.enhanced[direction+" "+code.String()+" "+enhanced.String()] = true
	switch mark {
	case '!':
		l.shown[reply{direction, code}]++
	case '?':
		l.shown[reply{direction, 0}]++
	case '~':
		l.either[reply{direction, code}]++
	}
}

// attack plays the sessions, and compares after each what the parser reads in the log with
// the wire. quiet waits until all lines of what was played are in the log.
func attack(t *testing.T, m *mta, sessions []session, quiet func(*testing.T)) {
	t.Helper()
	parser := logparse.NewParser()
	quiet(t)
	_, offset := m.lines(t, 0)
	for _, s := range sessions {
		t.Run(s.name, func(t *testing.T) {
			l := newLedger()
			for i := range remotes {
				remotes[i].serve(t, l)
			}
			s.play(t, m, l)
			quiet(t)
			var lines [][]byte
			lines, size := m.lines(t, offset)
			offset = size
			l.compare(t, &s, parser, lines)
			if t.Failed() {
				for _, line := range lines {
					t.Logf("%q", line)
				}
			}
		})
	}
}

// compare tests that the parser counts of the lines what the log has to show, and nothing
// that was not on the wire.
func (l *ledger) compare(t *testing.T, s *session, parser *logparse.Parser, lines [][]byte) {
	t.Helper()
	classifier, err := classify.New(&config.Config{})
	must(t, err)
	l.mu.Lock()
	defer l.mu.Unlock()
	got := map[reply]int{}
	refused := 0
	for _, line := range lines {
		result := parser.Parse(line)
		if result.Outcome == logparse.NotUnderstood && !s.ambiguous {
			t.Errorf("not understood: %q", line)
		}
		for i := range result.Events {
			e := &result.Events[i]
			checkPeer(t, e)
			labels := classifier.Labels(result.Program, e)
			if e.Kind == logparse.Reply && (labels.Peer != peer.External || labels.Provider != provider.Other) {
				t.Errorf("%s %s is of peer %s, provider %s", e.Direction, e.Code, labels.Peer, labels.Provider)
			}
			if e.Repeat || e.Kind == logparse.Delivery {
				continue
			}
			r := reply{e.Direction.String(), e.Code}
			got[r] += e.Count
			if r.direction == "sent" && (r.code == 0 || r.code.Class() >= 4) {
				refused += e.Count
				if e.Kind == logparse.Reply && len(s.reasons) > 0 && !slices.Contains(s.reasons, labels.Reason) {
					t.Errorf("reason of %q: %s, want one of %v", e.Text, labels.Reason, s.reasons)
				}
			}
			if key := r.direction + " " + r.code.String() + " " + e.Enhanced.String(); r.code != 0 && e.Enhanced.String() != "" && !l.enhanced[key] {
				t.Errorf("%s was not on the wire", key)
			}
		}
	}
	l.compareCounts(t, s, got, refused)
}

// compareCounts compares the counted replies, and the number of refusals among them with
// and without code. The ledger is locked.
func (l *ledger) compareCounts(t *testing.T, s *session, got map[reply]int, refused int) {
	t.Helper()
	refusals := 0
	for r, n := range l.wire {
		if r.direction == "sent" && r.code.Class() >= 4 {
			refusals += n
		} else {
			refusals += l.either[r] // Exim answers 252 to a VRFY that it calls rejected
		}
	}
	if refused > refusals {
		t.Errorf("%d commands refused, but %d were", refused, refusals)
	}
	for r, n := range got {
		if r.code != 0 && n > l.wire[r] {
			t.Errorf("%s %s: %d, but %d went over the wire", r.direction, r.code, n, l.wire[r])
		}
	}
	if s.ambiguous {
		return
	}
	for r, n := range l.shown {
		if got[r] < n {
			t.Errorf("%s %s: %d, but the log shows %d", r.direction, code(r.code), got[r], n)
		}
	}
	without := reply{"sent", 0}
	spare := got[without] - l.shown[without]
	for r, n := range l.either {
		spare += min(0, got[r]-l.shown[r]-n)
	}
	if spare < 0 {
		t.Errorf("%d refusals are not counted", -spare)
	}
}

func code(c logparse.Code) string {
	if c == 0 {
		return "without code"
	}
	return strconv.Itoa(int(c))
}

// checkPeer tests that an event is of who really spoke.
func checkPeer(t *testing.T, e *logparse.Event) {
	t.Helper()
	name, address := strings.TrimSuffix(string(e.Remote), "."), string(e.Addr)
	if name == address {
		name = ""
	}
	if e.Direction == logparse.Sent {
		if address != clientAddress && address != "" || name != clientName && name != "unknown" && name != "" {
			t.Errorf("%s %s to %q [%s], which is not the client", e.Direction, e.Code, name, address)
		}
		return
	}
	if name == "" && address == "" {
		return
	}
	for _, r := range remotes {
		if (name == r.name || name == "") && (address == r.address || address == "") {
			return
		}
	}
	t.Errorf("%s %s from %q [%s], which is no server", e.Direction, e.Code, name, address)
}
