package counter

import (
	"fmt"
	"testing"

	"smtp_reply_exporter/exporter/classify"
	"smtp_reply_exporter/logparse"
)

// fill takes the room in a family of details that is for all label sets, and that for
// all pairs.
func fill(s *Source, w *tally, dir logparse.Direction, f family[Detail]) {
	e := logparse.Event{Kind: logparse.Reply, Direction: dir, Code: 550, Count: 1}
	l := classify.Labels{Peer: "external", Provider: "gmail"}
	for i := 0; f.used[scope{}] == nil || f.used[scope{}].inFree(&f.limits.rooms) < f.limits.rooms[free]; i++ {
		e.Enhanced, e.Command = logparse.EnhancedCode{Class: 5, Subject: 7, Detail: uint16(i % 7)}, logparse.Command(i/7%13)
		l.Reason = "policy"
		feed(s, w, fmt.Sprint("postfix", i/7/13, "/smtpd"), e, l)
	}
	for i := 0; f.used[scope{}][paired] < f.limits.rooms[paired]; i++ {
		l.Reason = fmt.Sprint("reason", i)
		feed(s, w, "postfix/smtpd", e, l)
	}
}

// TestFold counts a label set when the family is full: the first of a chain of label
// sets that was there before takes it, and each has one more label folded.
func TestFold(t *testing.T) {
	known := logparse.EnhancedCode{Class: 4, Subject: 7, Detail: 1}
	full := Detail{"", "postfix", "external", "postfix/x", "gmx", logparse.Mail, 449 /* in the catalogue */, known, "dns"}
	odd := full
	odd.Code = 499
	with := func(d Detail, change func(*Detail)) Detail { change(&d); return d }
	for _, dir := range []logparse.Direction{logparse.Sent, logparse.Received} {
		for _, from := range []Detail{full, odd} {
			if dir == logparse.Sent {
				from.Provider = ""
			}
			chain := []Detail{
				from,
				with(from, func(d *Detail) { d.Enhanced = OtherEnhanced }),
				with(from, func(d *Detail) { d.Enhanced, d.Command = OtherEnhanced, logparse.OtherCommand }),
			}
			d := with(chain[2], func(d *Detail) { d.Program = other })
			if dir == logparse.Received {
				chain = append(chain, d)
				d.Provider = other
			}
			if chain = append(chain, d); from.Code == odd.Code {
				d.Code = otherCode
				chain = append(chain, d)
			}
			d.Reason = other
			for i, want := range append(chain, d) {
				t.Run(fmt.Sprint(dir, " ", from.Code, " ", i), func(t *testing.T) {
					s, w := NewSource([]string{"postfix"}, Hosts{}, start), newTally()
					r, e := &s.sent, logparse.Event{
						Kind: logparse.Reply, Direction: dir, Command: from.Command, Code: from.Code, Enhanced: known, Count: 1,
					}
					if dir == logparse.Received {
						r = &s.received
					}
					narrow := Reply{want.Host, want.MTA, want.Peer, want.Code}
					if want.Code == otherCode {
						narrow.Code = 4
					}
					if i < len(chain) {
						r.add(labels{want, want.byReason(), narrow}, Count{0, start})
					}
					fill(s, w, dir, r.detail)
					feed(s, w, from.Program, e, classify.Labels{Peer: "external", Provider: "gmx", Reason: "dns"})
					c := s.Snapshot()
					w.check(t, c)
					checkSums(t, c)
					if got := r.detail.series[want]; got == nil || got.Value != 1 {
						t.Errorf("%+v is not counted", want)
					}
				})
			}
		}
	}
}

// TestFoldUnknownEnhanced counts enhanced codes that the catalogue lacks. They never
// become labels.
func TestFoldUnknownEnhanced(t *testing.T) {
	s, w := NewSource([]string{"postfix"}, Hosts{}, start), newTally()
	e := deferred
	for i := range uint16(500) {
		e.Enhanced = logparse.EnhancedCode{Class: 4, Subject: 42, Detail: i}
		feed(s, w, "postfix/smtp", e, external)
	}
	c := s.Snapshot()
	w.check(t, c)
	if len(c.ReceivedDetail) != 1 || c.Folded[ReceivedDetail].Value != 0 {
		t.Errorf("%d series, %d replies folded, want one series that is not full", len(c.ReceivedDetail), c.Folded[ReceivedDetail].Value)
	}
}

func TestFoldPrograms(t *testing.T) {
	s, w := NewSource([]string{"postfix"}, Hosts{}, start), newTally()
	for i := range 100 {
		for range 2 {
			feed(s, w, fmt.Sprintf("postfix-out%d/smtp", i), deferred, external)
		}
	}
	c := s.Snapshot()
	w.check(t, c)
	programs := map[string]uint64{}
	for key, count := range c.ReceivedDetail {
		programs[key.Program] += count.Value
	}
	if len(programs) != maxPrograms+1 || programs[other] != 2*(100-maxPrograms) {
		t.Errorf("%d programs, %d replies of %q, want %d and %d", len(programs), programs[other], other, maxPrograms+1, 2*(100-maxPrograms))
	}
}
