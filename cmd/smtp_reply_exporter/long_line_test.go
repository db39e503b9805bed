package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"smtp_reply_exporter/exporter/source"
)

// TestLongLine has a reply that is longer than any buffer. parse and the daemon must
// find the same command, and must truncate a line over the limit.
func TestLongLine(t *testing.T) {
	deferred := func(text string) string {
		return "Nov 23 14:16:22 mx1 postfix/smtp[401]: 4C65B9A5D67: to=<a@example.net>, relay=mx.example.net[203.0.113.9]:25, " +
			"delay=1.2, delays=0.1/0.1/0.5/0.5, dsn=4.7.1, status=deferred " +
			"(host mx.example.net[203.0.113.9] said: 450 4.7.1 " + text + " (in reply to RCPT TO command))\n"
	}
	d := newDaemon(t)
	d.run()
	d.append(deferred(strings.Repeat("x", 140_000)))
	d.append("Nov 23 14:16:22 mx1 postfix/qmgr[77]: " + strings.Repeat("x", source.MaxLine) + "\n")
	d.append(deferred("Greylisted"))
	s := d.scrapeAll()
	if n := s.number(`smtp_reply_exporter_source_overlong_lines_total{source="mail"}`); n != 1 {
		t.Errorf("%v overlong lines, want 1", n)
	}
	daemon := map[string]float64{}
	for series, value := range s {
		_, command, ok := strings.Cut(series, `,command="`)
		if ok && strings.HasPrefix(series, "smtp_replies_received_detail_total{") && value != "0" {
			command, _, _ = strings.Cut(command, `"`)
			daemon[command] += s.number(series)
		}
	}

	out, err := run(t, "parse", "--output=json", filepath.Join(d.dir, "mail.log"))
	if err != nil {
		t.Fatal(err)
	}
	parse := map[string]float64{}
	for in := json.NewDecoder(strings.NewReader(out)); in.More(); {
		var r jsonReply
		if err := in.Decode(&r); err != nil {
			t.Fatal(err)
		}
		parse[r.Command]++
	}
	if daemon["rcpt"] != 2 || len(daemon) != 1 || parse["rcpt"] != 2 || len(parse) != 1 {
		t.Errorf("the daemon counted %v, parse %v; want 2 answers to rcpt", daemon, parse)
	}
}
