package status

import (
	"testing"
	"time"

	"smtp_reply_exporter/exporter/pipeline"
	"smtp_reply_exporter/logparse"
)

// deferred returns a source that has sent n times 451.
func deferred(name string, n uint64) pipeline.SourceSnapshot {
	s := healthy(name)
	count(&s, logparse.Sent, reply{451, "dns", n, false})
	return s
}

func TestHour(t *testing.T) {
	at := func(minutes int, sources ...pipeline.SourceSnapshot) *pipeline.Snapshot {
		return snapshotOf(now.Add(time.Duration(minutes)*time.Minute), sources...)
	}
	everyMinute := func(n int) (all []*pipeline.Snapshot) {
		for i := range n {
			all = append(all, at(i-n, deferred("mail", uint64(i))))
		}
		return all
	}
	again := deferred("mail", 3)
	again.Created = now
	for _, tc := range []struct {
		name  string
		seen  []*pipeline.Snapshot
		now   *pipeline.Snapshot
		want  uint64 // counted recently
		since time.Duration
		title string
	}{
		{name: "nothing seen", now: at(0, deferred("mail", 7)), title: "since 14:16"},
		{name: "the start", seen: everyMinute(1), now: at(0, deferred("mail", 7)), want: 7, since: time.Minute, title: "since 14:15"},
		{name: "half an hour", seen: everyMinute(30), now: at(0, deferred("mail", 31)), want: 31, since: 30 * time.Minute, title: "since 13:46"},
		{name: "an hour", seen: everyMinute(60), now: at(0, deferred("mail", 60)), want: 60, since: time.Hour, title: "last hour"},
		{name: "two hours", seen: everyMinute(120), now: at(0, deferred("mail", 120)), want: 60, since: time.Hour, title: "last hour"},
		{name: "asleep for three hours", seen: everyMinute(60), now: at(180, deferred("mail", 1059)), want: 1000, since: 181 * time.Minute, title: "since 14:15"},
		{name: "a source more", seen: everyMinute(60), now: at(0, deferred("mail", 60), deferred("more", 5)), want: 65, since: time.Hour, title: "last hour"},
		{name: "a source less", seen: []*pipeline.Snapshot{at(-2, deferred("mail", 1), deferred("more", 5)), at(-1, deferred("mail", 2))}, now: at(0, deferred("mail", 7)), want: 5, since: time.Minute, title: "since 14:15"},
		{name: "a source less just now", seen: []*pipeline.Snapshot{at(-1, deferred("mail", 2), deferred("more", 5))}, now: at(0, deferred("mail", 7)), title: "since 14:16"},
		{name: "a source anew", seen: []*pipeline.Snapshot{at(-1, deferred("mail", 2))}, now: at(0, again), title: "since 14:16"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := hour(tc.seen...)
			v := New(About{}, tc.now, h, tc.now.At)
			tile := v.Directions[0].Tiles[4]
			if tile.Code != 451 || tile.Recent != tc.want || tc.now.At.Sub(v.Recent.Begin) != tc.since || v.RecentTitle() != tc.title {
				t.Errorf("%d, %d recently since %s, %s; want %d since %s, %s", tile.Code, tile.Recent, tc.now.At.Sub(v.Recent.Begin), v.RecentTitle(), tc.want, tc.since, tc.title)
			}
			if len(h.minutes) > maxMinutes {
				t.Errorf("%d minutes", len(h.minutes))
			}
		})
	}
}

func TestBars(t *testing.T) {
	s := func(minutes int, n uint64) *pipeline.Snapshot {
		return snapshotOf(now.Add(time.Duration(minutes)*time.Minute), deferred("mail", n))
	}
	h := hour(s(-70, 0), s(-69, 50), s(-60, 50), s(-59, 51), s(-2, 51), s(-1, 1051))
	tile := New(About{}, s(0, 1551), h, now).Directions[0].Tiles[4]
	// One in the first minute, 1,000 in the last but one, 500 in the last.
	if want := "M0.5 12v-1.0M58.5 12v-12.0M59.5 12v-6.0"; tile.Bars != want {
		t.Errorf("%s, want %s", tile.Bars, want)
	}
}
