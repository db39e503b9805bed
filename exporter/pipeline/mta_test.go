package pipeline

import (
	"strings"
	"testing"

	"smtp_reply_exporter/exporter/counter"
	"smtp_reply_exporter/logparse"
)

// sent451 has a series from the start, so that its first reply is an increase.
func sent451(s *SourceSnapshot, mta string) (known bool) {
	_, known = s.Sent[counter.Reply{MTA: mta, Peer: "external", Code: 451}]
	return known
}

func TestZeroSeries(t *testing.T) {
	t.Parallel()
	const other = "Nov 23 14:16:22 mx1 postfix/qmgr[77]: 5C65B9A5D67: removed\n"
	for _, test := range []struct {
		name, before, mta string
		want              bool
	}{
		{name: "the configured MTA", mta: "postfix", want: true},
		{name: "another one", before: other, mta: "exim"},
		{name: "one that has logged", before: other, mta: "auto", want: true},
		{name: "none has logged", before: "hello\n", mta: "auto"},
		{name: "in the end of a long log", before: strings.Repeat(other, 1+(64<<10)/len(other)), mta: "auto", want: true},
		{name: "before the end of a long log", before: other + strings.Repeat("hello\n", (64<<10)/6), mta: "auto"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			h.write("mail.log", test.before)
			h.run("[{name: mail, file: DIR/mail.log, mta: " + test.mta + "}]")
			s := h.source("mail")
			if known := sent451(s, "postfix"); known != test.want {
				t.Errorf("series of 451 is there: %v", known)
			}
			if n := s.Lines[logparse.Other].Value; n != 0 {
				t.Errorf("%d lines counted of what was there before", n)
			}
			if test.mta != "exim" {
				h.write("mail.log", refused)
				h.waitReplies("mail", 1)
				if !sent451(h.source("mail"), "postfix") {
					t.Error("no series of 451 after the first line")
				}
			}
		})
	}
}

// TestReloadParsesOtherwise reloads with another MTA, and with another pattern of a
// format.
func TestReloadParsesOtherwise(t *testing.T) {
	t.Parallel()
	const format = "[{name: mail, file: DIR/mail.log, mta: house_mta}]\n" +
		"formats: [{mta: house_mta, direction: sent, pattern: 'WORD (?P<code>\\d+)', samples: [{line: WORD 451, code: 451}]}]"
	h := newHost(t)
	h.write("mail.log", "")
	h.run("[{name: mail, file: DIR/mail.log, mta: postfix}]")
	h.write("mail.log", "in 554\n"+refused)
	h.waitReplies("mail", 1)
	house := func() uint64 {
		return h.source("mail").Sent[counter.Reply{MTA: "house_mta", Peer: "external", Code: 554}].Value
	}
	for i, word := range []string{"in", "out"} {
		h.reload(strings.ReplaceAll(format, "WORD", word))
		h.write("mail.log", refused+"in 554\nout 554\n")
		h.wait("the format's reply is counted", func() bool { return house() == uint64(i+1) })
	}
	if n := h.replies("mail"); n != 1 {
		t.Errorf("%d replies of Postfix, of a source of another MTA", n-1)
	}
}
