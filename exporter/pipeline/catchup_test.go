package pipeline

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"smtp_reply_exporter/exporter/source/follow"
)

// TestCatchUpAfterRestart tests how long the exporter may be down. The lines are read in
// the first poll.
func TestCatchUpAfterRestart(t *testing.T) {
	lines := refusals(3)
	for _, tc := range []struct {
		name  string
		down  time.Duration
		pace  time.Duration
		lines string
		want  bool
	}{
		{"2 seconds", 2 * time.Second, slowest, lines, false},
		{"5 minutes", 5 * time.Minute, slowest, lines, false},
		{"6 minutes", 6 * time.Minute, slowest, lines, true},
		{"a day", 24 * time.Hour, slowest, lines, true},
		{"the clock was set back", -time.Hour, slowest, lines, false},
		{"a day without lines", 24 * time.Hour, slowest, "", false},
		{"25 seconds and a scrape every second", 25 * time.Second, time.Second, lines, false},
		{"a minute and a scrape every second", time.Minute, time.Second, lines, true},
		{"lines of hours copied in 5 seconds", 5 * time.Second, slowest, backlog(12 << 20), true},
		{"many lines", 5 * time.Second, slowest, backlog(6 << 20), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			s, err := decode(h.payload(), 2)
			if err != nil {
				t.Fatal(err)
			}
			s.Pace, s.Sources[0].CaughtUp = tc.pace, time.Unix(7, 0)
			payload, err := s.encode()
			if err != nil {
				t.Fatal(err)
			}
			h.write("mail.log", tc.lines)
			p, err := h.restoreFrom(payload)
			if err != nil {
				t.Fatal(err)
			}
			defer p.follower.Close()
			at := s.Sources[0].Current.Add(tc.down)
			for more := true; more; {
				if more, err = p.poll(at); err != nil {
					t.Fatal(err)
				}
			}
			if got := p.sources[0].caughtUp; got.Equal(at) != tc.want || !tc.want && !got.Equal(time.Unix(7, 0)) {
				t.Errorf("caught up at %v after a start at %v, want a catch-up: %v", got, at, tc.want)
			}
		})
	}
}

// TestCatchUp lets time pass for a running exporter.
func TestCatchUp(t *testing.T) {
	blocked := func(h *host) {
		h.rename("mail.log", "mail.log.1")
		if err := os.Mkdir(h.path("mail.log"), 0o700); err != nil {
			h.Fatal(err)
		}
	}
	for _, tc := range []struct {
		name   string
		start  string
		before func(*host)
		during func(*host)
		wait   time.Duration
		after  func(*host)
		want   bool
	}{
		{name: "a first start", before: func(h *host) { h.write("mail.log", refusals(3)) }},
		{name: "a first start from the beginning", start: ", start: beginning", before: func(h *host) { h.write("mail.log", refusals(3)) }, want: true},
		{name: "a silent night", before: func(h *host) { h.write("mail.log", "") }, wait: 8 * time.Hour},
		{name: "no log until its first line", before: func(*host) {}, wait: 8 * time.Hour},
		{
			name: "no log after a rotation", wait: 8 * time.Hour,
			before: func(h *host) { h.write("mail.log", "") },
			during: func(h *host) { h.rename("mail.log", "mail.log.1") },
		},
		{
			name: "a log that cannot be read for 20 minutes", wait: 20 * time.Minute, want: true,
			before: func(h *host) { h.write("mail.log", "") }, during: blocked,
			after: func(h *host) { h.rename("mail.log", "directory") },
		},
		{
			name: "a log that cannot be read for a minute", wait: time.Minute,
			before: func(h *host) { h.write("mail.log", "") }, during: blocked,
			after: func(h *host) { h.rename("mail.log", "directory") },
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			tc.before(h)
			p, err := h.restoreWith("[{name: mail, file: DIR/mail.log"+tc.start+"}]", nil)
			if err != nil {
				t.Fatal(err)
			}
			defer p.follower.Close()
			at := time.Now()
			poll := func(after time.Duration) {
				for end := at.Add(after); !at.After(end); at = at.Add(time.Minute) {
					if _, err := p.poll(at); err != nil && !errors.Is(err, fs.ErrNotExist) && !strings.Contains(err.Error(), "not a regular file") {
						t.Fatal(err)
					}
				}
			}
			poll(0)
			if tc.during != nil {
				tc.during(h)
			}
			poll(tc.wait)
			if tc.after != nil {
				tc.after(h)
			}
			h.write("mail.log", refusals(3))
			poll(time.Minute)
			if got := !p.sources[0].caughtUp.IsZero(); got != tc.want {
				t.Errorf("a catch-up: %v, want %v", got, tc.want)
			}
		})
	}
}

// The journal is read to its end again after journalctl ended. What relays kept while
// nobody listened arrives some time after the exporter listens again, and some of it
// later.
func TestCatchUpOnFeeds(t *testing.T) {
	type step struct {
		after time.Duration
		up    bool // and caught up
		bytes int64
		want  bool
	}
	for source, steps := range map[string][]step{
		"journal: {}": {
			{time.Second, false, 0, false},
			{time.Second, true, 0, false},
			{time.Hour, true, 100, true}, // nobody polled, as if the process had been stopped
			{time.Minute, true, 100, false},
			{time.Minute, false, 0, false}, // journalctl ends
			{time.Second, false, 100, false},
			{time.Second, true, 100, false},
			{time.Minute, false, 0, false}, // there is no journal
			{time.Hour, false, 0, false},
			{time.Second, false, 100, true},
			{time.Second, true, 100, true},
			{time.Second, true, 100, false},
		},
		"syslog: 'udp://127.0.0.1:5514'": {
			{time.Second, true, 100, false},
			{time.Minute, false, 0, false},
			{time.Second, true, 100, false},
			{time.Minute, false, 0, false},
			{time.Hour, false, 0, false},
			{time.Second, true, 0, false},
			{time.Second, true, 100, true},
			{4 * time.Minute, true, 100, true},
			{2 * time.Minute, true, 100, false},
		},
	} {
		h := newHost(t)
		p, err := h.restoreWith("[{name: mail, "+source+"}]", nil)
		if err != nil {
			t.Fatal(err)
		}
		in := p.sources[0]
		stats, now := follow.Stats{}, in.current
		for i, s := range steps {
			now = now.Add(s.after)
			stats.Up, stats.CaughtUp = s.up, s.up
			stats.ReadBytes += s.bytes
			in.update(stats, now, p.maxGap())
			if got := in.caughtUp.Equal(now); got != s.want {
				t.Errorf("%s, step %d: a catch-up: %v, want %v", source, i, got, s.want)
			}
		}
		p.closeFeeds(nil)
	}
}

// TestPace tests that maxGap follows the scrapes, within limits.
func TestPace(t *testing.T) {
	p := &Pipeline{pace: slowest}
	for _, tc := range []struct{ interval, want time.Duration }{
		{15 * time.Second, longestGap},
		{time.Hour, longestGap},
		{2 * time.Second, time.Minute},
		{time.Millisecond, 30 * time.Second},
		{time.Minute, longestGap},
	} {
		now := p.taken
		for range 100 {
			now = now.Add(tc.interval)
			p.keepPace(now)
		}
		if got := p.maxGap().Round(time.Second); got != tc.want {
			t.Errorf("scraped every %v: maxGap %v, want %v", tc.interval, got, tc.want)
		}
	}
}
