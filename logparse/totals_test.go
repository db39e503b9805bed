package logparse_test

import (
	"encoding/json"
	"testing"

	"smtp_reply_exporter/logparse"
)

// totals counts the replies that went over the wire while a log was written, whether
// or not a line shows them.
func totals(t *testing.T, log string) map[wire]int {
	t.Helper()
	n := map[wire]int{}
	for _, rows := range []string{".truth.jsonl", ".implied.jsonl"} {
		for _, row := range readRows(t, log+rows) {
			if !row.Repeat {
				n[wire{row.Direction, row.Code}]++
			}
		}
	}
	var hidden struct {
		NotShown []notShown `json:"not_shown"`
	}
	if err := json.Unmarshal(readCorpus(t, log+".notshown.json"), &hidden); err != nil {
		t.Fatal(err)
	}
	for _, h := range hidden.NotShown {
		n[wire{h.direction, h.code}] += h.n
		// Postfix does not log that it refuses recipients after
		// smtpd_recipient_limit, and its summaries count them as accepted.
		if h.direction == "sent" && h.stage == "rcpt" && h.code == 452 {
			n[wire{h.direction, 250}] += h.n
		}
	}
	return n
}

// A notShown is a list in JSON: direction, stage, code and number.
type notShown struct {
	direction, stage string
	code             logparse.Code
	n                int
}

func (h *notShown) UnmarshalJSON(b []byte) error {
	return json.Unmarshal(b, &[]any{&h.direction, &h.stage, &h.code, &h.n})
}

// TestCorpusTotals tests that no counter exceeds the replies that went over the wire,
// and that the counters that can be exact are exact.
func TestCorpusTotals(t *testing.T) {
	for _, log := range []string{
		"postfix/hard-cases", "postfix/syslog-traditional", "postfix/journal-json", "postfix/lmtp-unix", "postfix/transcript-verbose",
		"postfix/hard-cases-3.11", "postfix/newer-3.11",
	} {
		t.Run(log, func(t *testing.T) {
			want := totals(t, log)
			var refused, wantRefused int
			got := map[wire]int{}
			parseLog(readCorpus(t, log+".log"), func(_ int, e *logparse.Event) {
				if e.Repeat || e.Kind != logparse.Reply && e.Kind != logparse.Refusal {
					return
				}
				if e.Kind == logparse.Reply {
					got[wire{e.Direction.String(), e.Code}] += e.Count
				}
				if e.Direction == logparse.Sent && (e.Kind == logparse.Refusal || e.Code.Class() >= 4) {
					refused += e.Count
				}
			})
			for what, n := range got {
				if n > want[what] {
					t.Errorf("%s %v: %d, but %d went over the wire", what.direction, what.code, n, want[what])
				}
			}
			for what, n := range want {
				if what.direction == "sent" && what.code.Class() >= 4 {
					wantRefused += n
				}
			}
			// Summaries, the ends of sessions, or the dialogue itself show these exactly.
			for _, code := range []logparse.Code{235, 354, 421} {
				if sent := (wire{"sent", code}); got[sent] != want[sent] {
					t.Errorf("sent %v: %d of %d", code, got[sent], want[sent])
				}
			}
			if refused > wantRefused {
				t.Errorf("refused %d commands, but %d were", refused, wantRefused)
			}
		})
	}
}
