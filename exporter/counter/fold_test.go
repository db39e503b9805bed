package counter

import (
	"fmt"
	"testing"

	"smtp_reply_exporter/exporter/classify"
	"smtp_reply_exporter/exporter/classify/reason"
	"smtp_reply_exporter/logparse"
)

// fill fills a family of details with series of one code, without enhanced codes.
func fill(s *Source, w *tally, dir logparse.Direction, limit int) {
	e := logparse.Event{Kind: logparse.Reply, Direction: dir, Command: logparse.Rcpt, Code: 550, Count: 1}
	for i := range limit {
		feed(s, w, "postfix/smtpd", e, classify.Labels{Peer: "external", Reason: fmt.Sprint("reason", i)})
	}
}

func TestFold(t *testing.T) {
	known := logparse.EnhancedCode{Class: 4, Subject: 7, Detail: 1}
	none := logparse.EnhancedCode{}
	for _, tc := range []struct {
		name    string
		seen    []logparse.EnhancedCode // with the same program and command, before the family is full
		came    logparse.EnhancedCode
		program string
		command logparse.Command
		want    logparse.EnhancedCode
		folded  uint64
	}{
		{
			name: "series that was there", seen: []logparse.EnhancedCode{known}, came: known,
			program: "postfix/smtp", command: logparse.Mail, want: known,
		},
		{
			name: "enhanced code first", seen: []logparse.EnhancedCode{OtherEnhanced}, came: known,
			program: "postfix/smtp", command: logparse.Mail, want: OtherEnhanced, folded: 1,
		},
		{
			name: "then command and program", came: known,
			program: other, command: logparse.OtherCommand, want: OtherEnhanced, folded: 1,
		},
		{
			name: "no enhanced code to fold", came: none,
			program: other, command: logparse.OtherCommand, want: none, folded: 1,
		},
	} {
		for _, family := range []struct {
			name     Family
			dir      logparse.Direction
			limit    int
			provider string
		}{
			{SentDetail, logparse.Sent, maxSentDetail, ""},
			{ReceivedDetail, logparse.Received, maxReceivedDetail, "gmail"},
		} {
			t.Run(tc.name+"/"+string(family.name), func(t *testing.T) {
				s, w := NewSource([]string{"postfix"}, start), newTally()
				e := logparse.Event{Kind: logparse.Reply, Direction: family.dir, Command: logparse.Mail, Code: 451, Count: 1}
				for _, e.Enhanced = range tc.seen {
					feed(s, w, "postfix/smtp", e, external)
				}
				fill(s, w, family.dir, family.limit-len(tc.seen))
				e.Enhanced = tc.came
				feed(s, w, "postfix/smtp", e, external)
				c := s.Snapshot()
				w.check(t, c)
				detail := c.SentDetail
				if family.dir == logparse.Received {
					detail = c.ReceivedDetail
				}
				key := Detail{"postfix", "external", tc.program, family.provider, tc.command, 451, tc.want, "policy"}
				if got, want := detail[key].Value, uint64(1+len(tc.seen)); got != want {
					t.Errorf("%+v is %d, want %d", key, got, want)
				}
				if got := c.Folded[family.name].Value; got != tc.folded {
					t.Errorf("%d replies folded, want %d", got, tc.folded)
				}
			})
		}
	}
}

// TestFoldUnknownEnhanced counts enhanced codes that the catalogue lacks. They never
// become labels.
func TestFoldUnknownEnhanced(t *testing.T) {
	s, w := NewSource([]string{"postfix"}, start), newTally()
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
	s, w := NewSource([]string{"postfix"}, start), newTally()
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

// TestHostileVariety varies everything that strangers choose.
func TestHostileVariety(t *testing.T) {
	s, w := NewSource([]string{"postfix"}, start), newTally()
	reasons := reason.Names()
	i := 0
	for code := logparse.Code(200); code < 600; code++ {
		for detail := range uint16(30) {
			i++
			e := logparse.Event{
				Kind: logparse.Reply, Direction: logparse.Direction(i % 2), Command: logparse.Command(i % 14), Code: code,
				Enhanced: logparse.EnhancedCode{Class: uint8(code.Class()), Subject: 7, Detail: detail}, Count: 1, Deliveries: 1,
			}
			feed(s, w, fmt.Sprint("postfix/", i, "/smtp"), e, classify.Labels{
				Peer: "external", Provider: fmt.Sprint("provider", i%100), Reason: reasons[i%len(reasons)],
			})
		}
	}
	c := s.Snapshot()
	w.check(t, c)
	pairs := len(c.SentByReason) + len(c.ReceivedByReason)
	for _, f := range []struct {
		family        Family
		series, limit int
	}{
		// Past the limit, a series has only a code, a reason and a provider.
		{SentDetail, len(c.SentDetail), maxSentDetail + 2*pairs},
		{ReceivedDetail, len(c.ReceivedDetail), maxReceivedDetail + 400*100},
		{Deliveries, len(c.Deliveries), maxDeliveries + pairs},
	} {
		t.Logf("%s: %d series, %d folded", f.family, f.series, c.Folded[f.family].Value)
		if f.series > f.limit || c.Folded[f.family].Value == 0 {
			t.Errorf("%s: %d series, want at most %d; %d folded", f.family, f.series, f.limit, c.Folded[f.family].Value)
		}
	}
}
