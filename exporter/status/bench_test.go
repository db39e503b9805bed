package status

import (
	"bytes"
	"fmt"
	"maps"
	"testing"
	"time"

	"smtp_reply_exporter/exporter/config"
	"smtp_reply_exporter/exporter/counter"
	"smtp_reply_exporter/exporter/pipeline"
	"smtp_reply_exporter/logparse"
)

// thousand returns 1,000 sources, each with the series that are 0 from the start and
// those of busy.
func thousand() *pipeline.Snapshot {
	s, _ := busy()
	zero := counter.NewSource([]string{"postfix"}, counter.Hosts{}, began).Snapshot()
	c := *s.Sources[0].Snapshot
	c.Sent, c.SentByReason = with(zero.Sent, c.Sent), with(zero.SentByReason, c.SentByReason)
	c.Received, c.ReceivedByReason = with(zero.Received, c.Received), with(zero.ReceivedByReason, c.ReceivedByReason)
	all := make([]pipeline.SourceSnapshot, 1000)
	for i := range all {
		name := fmt.Sprintf("mx%d", i)
		all[i] = s.Sources[0]
		all[i].Name, all[i].Config = name, &config.Source{Name: name, File: "/var/log/" + name + ".log"}
		all[i].Snapshot = &c
	}
	return snapshotOf(now, all...)
}

// with returns the series of a and b; those of both are b's.
func with[K comparable](a, b map[K]counter.Count) map[K]counter.Count {
	maps.Copy(a, b)
	return a
}

// BenchmarkPage makes the page of 1,000 sources.
func BenchmarkPage(b *testing.B) {
	s := thousand()
	h := hour(s)
	var text bytes.Buffer
	for b.Loop() {
		text.Reset()
		if err := New(about, s, h, now).HTML(&text); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(text.Len()), "page-B")
}

// BenchmarkHour adds a minute of 1,000 sources.
func BenchmarkHour(b *testing.B) {
	s := thousand()
	h := hour(s)
	for b.Loop() {
		h.Add(s)
	}
}

// What 1,000 sources count in an hour, and the page of it, stay small.
func TestSizes(t *testing.T) {
	s := thousand()
	h := &Hour{}
	for range 2 * maxMinutes {
		h.Add(s)
		s.At = s.At.Add(time.Minute)
		for i := range s.Sources {
			s.Sources[i].Sent[counter.Reply{MTA: "postfix", Code: 451}] = counter.Count{Value: uint64(s.At.Unix())}
		}
	}
	changed := 0
	for _, m := range h.minutes {
		changed += len(m.counts)
	}
	if changed != maxMinutes {
		t.Errorf("%d changes in %d minutes", changed, maxMinutes)
	}
	if n := len(htmlOf(t, New(about, s, h, now))); n > 64<<10 {
		t.Errorf("the page has %d bytes", n)
	}
	flood := healthy("mail")
	var all []reply
	for code := logparse.Code(400); code < 600; code++ {
		all = append(all, reply{code, "other", 1, false})
	}
	count(&flood, logparse.Sent, all...)
	if n := len(htmlOf(t, New(about, snapshotOf(now, flood), &Hour{}, now))); n > 64<<10 {
		t.Errorf("the page of a flood has %d bytes", n)
	}
}
