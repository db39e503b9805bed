package logparse_test

import (
	"fmt"
	"strings"
	"testing"

	"smtp_reply_exporter/logparse"
)

// A message to many recipients, all pipelined, has one answer and one delivery for
// each of them.
func TestProtocolDeliveries(t *testing.T) {
	const recipients, refused = 1000, 7
	var log strings.Builder
	n := 0
	row := func(event, data string) {
		fmt.Fprintf(&log, "2026-11-23T14:18:21.941Z,Internet,08DC1A2B3C4D5E70,%d,192.0.2.1:50123,198.51.100.9:25,%s,%s,\n", n, event, data)
		n++
	}
	row("+", "")
	row("<", "220 mx.dest.example")
	row(">", "MAIL FROM:<ann@src.example>")
	for i := range recipients {
		row(">", fmt.Sprintf("RCPT TO:<user%d@dest.example>", i))
	}
	row(">", "DATA")
	row("<", "250 ok")
	for i := range recipients {
		if i < refused {
			row("<", "451 4.7.500 Server busy")
		} else {
			row("<", "250 ok")
		}
	}
	row("<", "354 go")
	row("<", "250 queued")

	deliveries := map[logparse.Code]int{}
	replies := map[logparse.Command]int{}
	parseLog([]byte(log.String()), func(_ int, e *logparse.Event) {
		deliveries[e.Code] += e.Deliveries
		replies[e.Command] += e.Count
	})
	if deliveries[451] != refused || deliveries[250] != recipients-refused {
		t.Errorf("deliveries %v", deliveries)
	}
	if replies[logparse.Rcpt] != recipients || replies[logparse.Data] != 1 || replies[logparse.EndOfData] != 1 {
		t.Errorf("replies %v", replies)
	}
}

// Each row of an attempt is one delivery.
func TestAccountingDeliveries(t *testing.T) {
	for _, c := range casesOf(t, "powermta") {
		p := logparse.NewParser()
		for _, line := range c.lines(t) {
			r := p.Parse(line)
			want := 0
			if kind, _, _ := strings.Cut(string(line), ","); r.Outcome == logparse.Understood && kind != "tq" {
				want = 1
			}
			got := 0
			for i := range r.Events {
				got += r.Events[i].Deliveries
			}
			if got != want {
				t.Errorf("%s: %q: %d deliveries, want %d", c.name, line, got, want)
			}
		}
	}
}
