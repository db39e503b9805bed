package status

import (
	"fmt"
	"io/fs"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"smtp_reply_exporter/exporter/config"
	"smtp_reply_exporter/exporter/counter"
	"smtp_reply_exporter/exporter/pipeline"
	"smtp_reply_exporter/exporter/source/follow"
	"smtp_reply_exporter/logparse"
)

func missing(path string) error {
	return &fs.PathError{Op: "stat", Path: path, Err: fs.ErrNotExist}
}

func TestStates(t *testing.T) {
	down := func(s *pipeline.SourceSnapshot, err error) {
		s.Stats = follow.Stats{}
		s.Err = err
	}
	for _, tc := range []struct {
		name    string
		change  func(*pipeline.SourceSnapshot)
		want    State
		warning string // of What; "" for none
	}{
		{name: "read to its end", change: func(*pipeline.SourceSnapshot) {}, want: Reading},
		{name: "a line a day ago", change: func(s *pipeline.SourceSnapshot) { s.LastLine = now.Add(-23 * time.Hour) }, want: Reading},
		{name: "no line for longer", change: func(s *pipeline.SourceSnapshot) { s.LastLine = now.Add(-25 * time.Hour) }, want: Silent, warning: "No line for a day."},
		{name: "fresh", change: func(s *pipeline.SourceSnapshot) {
			s.Created, s.LastLine, s.Lines = now.Add(-time.Minute), time.Time{}, nil
		}, want: Waiting},
		{name: "no line ever", change: func(s *pipeline.SourceSnapshot) { s.LastLine, s.Lines = time.Time{}, nil }, want: Silent, warning: "No line for a day."},
		{name: "permission denied", change: func(s *pipeline.SourceSnapshot) {
			down(s, &fs.PathError{Op: "open", Path: "/var/log/mail.log", Err: fs.ErrPermission})
		}, want: Denied, warning: "The exporter may not read the log."},
		{name: "no such log", change: func(s *pipeline.SourceSnapshot) { down(s, missing("/var/log/mail.log")) }, want: Absent, warning: "The log does not exist."},
		{name: "no journalctl", change: func(s *pipeline.SourceSnapshot) {
			down(s, fmt.Errorf("no journalctl: %w", exec.ErrNotFound))
			s.Config = &config.Source{Journal: &config.Journal{}}
		}, want: Broken, warning: "The source cannot be read."},
		{name: "the directory of a socket is missing", change: func(s *pipeline.SourceSnapshot) {
			down(s, missing("/run/x/log"))
			s.Config = &config.Source{Syslog: "unix:///run/x/log"}
		}, want: Broken, warning: "The source cannot be read."},
		{name: "one log of a glob", change: func(s *pipeline.SourceSnapshot) { s.Err = missing("/var/log/mx1.log") }, want: Partly, warning: "Some of the logs cannot be read."},
		{name: "another log", change: func(s *pipeline.SourceSnapshot) {
			s.Lines = map[logparse.Outcome]counter.Count{logparse.Foreign: {Value: 7}, logparse.Understood: {}}
		}, want: NotMail, warning: "No line so far is of a mail server that the exporter knows."},
		{name: "other programs' lines at first", change: func(s *pipeline.SourceSnapshot) {
			s.Lines = map[logparse.Outcome]counter.Count{logparse.Foreign: {Value: 7}}
			s.Created = now.Add(-time.Minute)
		}, want: Reading},
		{name: "catching up", change: func(s *pipeline.SourceSnapshot) { s.Stats.CaughtUp, s.Stats.BehindBytes = false, 5<<20 }, want: Catching},
		{name: "far behind", change: func(s *pipeline.SourceSnapshot) {
			s.Stats.CaughtUp, s.Stats.BehindBytes, s.Current = false, 5<<20, now.Add(-6*time.Minute)
		}, want: Late, warning: "The exporter does not keep up with the log."},
		{name: "not read yet", change: func(s *pipeline.SourceSnapshot) { s.Stats, s.Current = follow.Stats{}, time.Time{} }, want: Catching},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := healthy("mail")
			tc.change(&s)
			v := New(About{}, snapshotOf(now, s), &Hour{}, now)
			if got := v.Sources.Items[0].State; got != tc.want {
				t.Errorf("%s, want %s", got, tc.want)
			}
			var warnings []string
			for _, w := range v.Warnings {
				warnings = append(warnings, w.What)
				if len(w.Cures) == 0 || w.Sources.Items[0] != "mail" || (w.Details != "") != (s.Err != nil) {
					t.Errorf("%+v", w)
				}
			}
			if got := strings.Join(warnings, " "); got != tc.warning {
				t.Errorf("warnings %q, want %q", got, tc.warning)
			}
		})
	}
}

// Each state that warns has a cure for each kind of source.
func TestCures(t *testing.T) {
	for state := Denied; state <= Silent; state++ {
		if faults[state] == "" || len(cures[state][file]) == 0 {
			t.Errorf("%s has no fault or no cure", state)
		}
	}
	for _, logger := range logparse.Loggers() {
		if len(raise[logger]) == 0 {
			t.Errorf("%s has no cure", logger)
		}
	}
}

func TestWarnings(t *testing.T) {
	type change func(*pipeline.Snapshot)
	lost := func(set func(*pipeline.SourceSnapshot)) change {
		return func(s *pipeline.Snapshot) { set(&s.Sources[0]) }
	}
	for _, tc := range []struct {
		name   string
		change change
		about  About
		want   string // of What; "" for none
	}{
		{name: "none", change: func(*pipeline.Snapshot) {}},
		{name: "not durable", change: func(s *pipeline.Snapshot) { s.State.Failure = fs.ErrPermission }, want: "The state is not durable: counting goes on, but a crash now would lose counts."},
		{name: "not written yet", change: func(s *pipeline.Snapshot) { s.State = &pipeline.StateSnapshot{} }},
		{name: "no state", change: func(s *pipeline.Snapshot) { s.State = nil }, want: "No state is kept: after a restart, counting starts at 0, and lines of the meantime do not count."},
		{name: "no state, as configured", change: func(s *pipeline.Snapshot) { s.State = nil }, about: About{Stateless: true}},
		{
			name: "rsyslog drops lines", change: lost(func(s *pipeline.SourceSnapshot) { s.Lost = map[string]counter.Count{logparse.Rsyslog: {Value: 1711}} }),
			want: "rsyslog dropped 1,711 lines in the last hour. All counts lack the replies in them.",
		},
		{name: "copytruncate", change: lost(func(s *pipeline.SourceSnapshot) { s.Stats.LostBytes = 12_345 }), want: "12 kB were gone from a log before they could be read, in the last hour."},
		{name: "lost files", change: lost(func(s *pipeline.SourceSnapshot) { s.Stats.LostFiles = 2 }), want: "Rotated logs were gone, damaged or in an unknown format before they were read to their ends: 2 in the last hour."},
		{name: "dropped messages", change: lost(func(s *pipeline.SourceSnapshot) {
			s.Stats.Dropped = map[string]int64{"queue_full": 3, "not_allowed": 5, "silent": 6, "older": 7, "incomplete": 0}
		}), want: "Syslog messages were dropped (queue_full): 3 in the last hour."},
		{name: "a few lines not understood", change: lost(func(s *pipeline.SourceSnapshot) { s.Lines[logparse.NotUnderstood] = counter.Count{Value: 10} })},
		{
			name: "more of them", change: lost(func(s *pipeline.SourceSnapshot) { s.Lines[logparse.NotUnderstood] = counter.Count{Value: 11} }),
			want: "11 lines in the last hour look like replies and were not understood. Counts may be too low.",
		},
		{name: "few of many", change: lost(func(s *pipeline.SourceSnapshot) {
			s.Lines[logparse.NotUnderstood], s.Lines[logparse.Understood] = counter.Count{Value: 11}, counter.Count{Value: 1130}
		})},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := snapshotOf(now, healthy("mail"))
			tc.change(s)
			v := New(tc.about, s, hour(snapshotOf(now.Add(-time.Hour), healthy("mail"))), now)
			var got []string
			for _, w := range v.Warnings {
				got = append(got, w.What)
				if len(w.Cures) == 0 {
					t.Errorf("%+v", w)
				}
			}
			if got := strings.Join(got, " "); got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}

// Many sources with one fault are one warning, and the page shows the worst ones.
func TestManySources(t *testing.T) {
	var sources []pipeline.SourceSnapshot
	for i := range 1000 {
		s := healthy(fmt.Sprintf("mx%d", i))
		if i%2 == 1 {
			s.Err, s.Stats.Up = missing(s.Config.File), false
		}
		if i == 500 {
			s.Stats.CaughtUp, s.Stats.BehindBytes = false, 7
		}
		sources = append(sources, s)
	}
	v := New(About{}, snapshotOf(now, sources...), &Hour{}, now)
	if len(v.Warnings) != 1 || v.Warnings[0].Sources.More != 495 || strings.Join(v.Warnings[0].Sources.Items, " ") != "mx1 mx3 mx5 mx7 mx9" {
		t.Errorf("%+v", v.Warnings)
	}
	if len(v.Sources.Items) != maxSources || v.Sources.More != 1000-maxSources || v.Sources.Items[0].Name != "mx1" {
		t.Errorf("%d sources and %d more, first %s", len(v.Sources.Items), v.Sources.More, v.Sources.Items[0].Name)
	}
	if rest := sourcesOf(snapshotOf(now, sources...), now)[500:]; rest[0].Name != "mx500" || rest[1].Name != "mx0" {
		t.Errorf("after those without a log come %s and %s", rest[0].Name, rest[1].Name)
	}
}

// rows writes rows in short.
func rows(all []Row) (short []string) {
	for _, r := range all {
		text := fmt.Sprintf("%s %s %d/%d", r.Code, r.Class, r.Recent, r.Total)
		if r.Internal > 0 {
			text += fmt.Sprintf(" internal=%d", r.Internal)
		}
		if r.Dialogue {
			text += " dialogue"
		}
		if r.Reason != "" {
			text += fmt.Sprintf(" %s %d/%d", r.Reason, r.Share, r.Of())
		}
		if r.Advice != nil && r.Open() {
			text += " open"
		}
		short = append(short, text)
	}
	return short
}

func TestDirections(t *testing.T) {
	s, h := busy()
	v := New(About{}, s, h, now)
	for i, want := range []struct{ tiles, refused, positive []string }{
		{
			[]string{"220 10000/15000", "221 0/4900", "250 800/10200", "354 0/500", "451 26/139", "452 4/6"},
			[]string{
				"451 4xx 26/139 greylisted 20/26 open", "452 4xx 4/6 system_storage 4/4 open", "550 5xx 0/1204 unknown_user 1204/1204",
				"none none 0/326 auth_failed 326/326", "554 5xx 0/80 internal=80 relay_denied 80/80", "other 5xx 0/7 other 7/7",
			},
			[]string{"220 2xx 10000/15000 dialogue", "221 2xx 0/4900 dialogue", "250 2xx 800/10200", "250 2xx 0/600 dialogue", "354 3xx 0/500 dialogue"},
		},
		{
			[]string{"220 0/0", "221 0/0", "250 2/1234574", "354 0/0", "451 1368/2052", "452 0/0"},
			[]string{"451 4xx 1368/2052 rate_limited 1368/1368 open"},
			[]string{"250 2xx 2/1234574 internal=4"},
		},
	} {
		got := v.Directions[i]
		var tiles []string
		for _, tile := range got.Tiles {
			tiles = append(tiles, fmt.Sprintf("%d %d/%d", tile.Code, tile.Recent, tile.Total))
		}
		if d := cmp.Diff(want.tiles, tiles); d != "" {
			t.Errorf("%s: tiles (-want +got):\n%s", got.Direction, d)
		}
		if d := cmp.Diff(want.refused, rows(got.Refused.Items)); d != "" {
			t.Errorf("%s: refused (-want +got):\n%s", got.Direction, d)
		}
		if d := cmp.Diff(want.positive, rows(got.Positive)); d != "" {
			t.Errorf("%s: positive (-want +got):\n%s", got.Direction, d)
		}
	}
}

// A flood of codes leaves 451 and 452 in sight.
func TestManyCodes(t *testing.T) {
	m := healthy("mail")
	all := []reply{{452, "mailbox_full", 1, false}}
	for code := logparse.Code(500); code < 600; code++ {
		all = append(all, reply{code, "other", 1000, false})
	}
	count(&m, logparse.Received, all...)
	refused := New(About{}, snapshotOf(now, m), &Hour{}, now).Directions[1].Refused
	if len(refused.Items) != maxRows || refused.More != 101-maxRows || refused.Items[0].Code != "452" {
		t.Errorf("%d rows and %d more: %v", len(refused.Items), refused.More, rows(refused.Items))
	}
}

func TestTables(t *testing.T) {
	s, h := busy()
	v := New(About{}, s, h, now)
	want := List[Provider]{Items: []Provider{
		{Name: "microsoft", pair: pair{1342, 2013}, Delivered: 528, Deferred: 814, Reason: "rate_limited", Share: 814},
		{Name: "other", pair: pair{0, 53}, Delivered: 50, NoAnswer: 3, Reason: "timeout", Share: 3},
	}}
	if d := cmp.Diff(want, v.Providers, cmp.AllowUnexported(Provider{})); d != "" {
		t.Errorf("providers (-want +got):\n%s", d)
	}
	shapes := List[Shape]{Items: []Shape{{"postfix", "status_sent", pair{4, 6}}}}
	if d := cmp.Diff(shapes, v.Shapes, cmp.AllowUnexported(Shape{})); d != "" {
		t.Errorf("shapes (-want +got):\n%s", d)
	}
	at := 0.0
	for _, part := range want.Items[1].Parts() {
		if part.At != at {
			t.Errorf("%+v begins at %f", part, at)
		}
		at += part.Wide
	}
	if at < 99.9 || at > 100.1 {
		t.Errorf("the bar ends at %f", at)
	}
}
