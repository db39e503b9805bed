package pipeline

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"smtp_reply_exporter/exporter/config"
	"smtp_reply_exporter/exporter/counter"
	"smtp_reply_exporter/exporter/source/follow"
	"smtp_reply_exporter/exporter/source/journal"
)

func TestFollowed(t *testing.T) {
	file := func(name, path string) *config.Source {
		return &config.Source{Name: name, File: path, MTA: config.Auto, Start: config.End}
	}
	at := func(paths ...string) (all []follow.Position) {
		for _, path := range paths {
			all = append(all, follow.Position{Path: path})
		}
		return all
	}
	entry := journal.Position{Realtime: 1}
	for _, tc := range []struct {
		name  string
		state *saved
		want  *config.Source
	}{
		{"no state", nil, nil},
		{"a log", &saved{Pace: 1, Sources: []savedSource{{Name: "mail", File: "/var/log/maillog"}}}, file("mail", "/var/log/maillog")},
		{"a glob", &saved{Pace: 1, Sources: []savedSource{{Name: "mx", File: "/srv/mx*.log"}}}, file("mx", "/srv/mx*.log")},
		{"the journal", &saved{Sources: []savedSource{{Name: "journal", Journal: entry}}}, &config.Source{Name: "journal", Journal: &config.Journal{}, MTA: config.Auto, Start: config.End}},
		{"syslog, with loss notices", &saved{Pace: 1, Sources: []savedSource{{Name: "relays"}}, Positions: at("/var/log/syslog")}, nil},
		{"several", &saved{Pace: 1, Sources: []savedSource{{Name: "mail", File: "/var/log/mail.log"}, {Name: "journal", Journal: entry}}}, nil},
		{
			"an older exporter's, in the middle of a rotation",
			&saved{Sources: []savedSource{{Name: "mail"}}, Positions: at("/var/log/mail.log", "/var/log/mail.log")}, file("mail", "/var/log/mail.log"),
		},
		{"an older exporter's, with loss notices", &saved{Sources: []savedSource{{Name: "mail"}}, Positions: at("/var/log/mail.log", "/var/log/syslog")}, nil},
		{"an older exporter's, of the journal", &saved{Sources: []savedSource{{Name: "journal", Journal: entry}}, Positions: at("/var/log/syslog")}, &config.Source{Name: "journal", Journal: &config.Journal{}, MTA: config.Auto, Start: config.End}},
		{"an older exporter's, of a glob", &saved{Sources: []savedSource{{Name: "mail"}}, Positions: at("/srv/*.log")}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var payload []byte
			if tc.state != nil {
				for i := range tc.state.Sources {
					tc.state.Sources[i].Snapshot = &counter.Snapshot{}
				}
				var err error
				if payload, err = tc.state.encode(); err != nil {
					t.Fatal(err)
				}
			}
			got, err := Followed(payload, 2)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("followed (-want +got):\n%s", diff)
			}
		})
	}
	if _, err := Followed([]byte("another program's"), 2); err == nil {
		t.Error("no error for the state of another program")
	}
}
