package pipeline

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"smtp_reply_exporter/exporter/config"
	"smtp_reply_exporter/exporter/counter"
	"smtp_reply_exporter/exporter/source/follow"
)

// A look sees what was counted, writes nothing, and is shared for a second.
func TestLook(t *testing.T) {
	h := newHost(t)
	h.write("mail.log", "")
	h.run("[{name: mail, file: DIR/mail.log}]")
	h.write("mail.log", refused)
	h.wait("one reply", func() bool {
		s := h.pipeline.Look().Sources[0]
		return len(s.Sent) > 0 && s.Config.File == h.path("mail.log") && s.Err == nil && !s.Current.IsZero()
	})
	if s := h.pipeline.Look(); s.State != nil || !s.Ready {
		t.Errorf("state %v, ready %v", s.State, s.Ready)
	}
}

// A look while a commit is on its way neither waits for the disk nor sees the commit's
// State, which the commit still changes.
func TestLookDoesNotCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &Pipeline{}
		first := p.Look()
		if p.Look() != first {
			t.Error("not shared")
		}
		time.Sleep(snapshotAge)
		second := p.Look()
		if second == first {
			t.Error("shared for longer than a second")
		}
		committed, _ := p.take(time.Now())
		committed.State = &StateSnapshot{Commits: 1}
		if third := p.Look(); third == second || third.At != committed.At || third.State != nil {
			t.Errorf("state %v, at %s, want the commit's at %s", third.State, third.At, committed.At)
		}
	})
}

// A snapshot says why a source cannot be read.
func TestFailure(t *testing.T) {
	h := newHost(t)
	if err := os.Mkdir(h.path("mx3.log"), 0o755); err != nil {
		t.Fatal(err)
	}
	h.write("mx4.log", "")
	h.run("[{name: mx1, file: DIR/mx1.log}, {name: all, file: 'DIR/mx[2-4].log'}, {name: socket, syslog: 'unix://DIR/none/log'}]")
	h.wait("errors", func() bool {
		all := h.pipeline.Look().Sources
		return all[0].Err != nil && all[1].Err != nil && all[2].Err != nil
	})
	all := h.pipeline.Look().Sources
	if !errors.Is(all[0].Err, fs.ErrNotExist) || all[0].Stats.Up {
		t.Errorf("mx1: %v, up %v", all[0].Err, all[0].Stats.Up)
	}
	if !strings.Contains(all[1].Err.Error(), "mx3.log: not a regular file") || !all[1].Stats.Up {
		t.Errorf("all: %v, up %v", all[1].Err, all[1].Stats.Up)
	}
	if !strings.Contains(all[2].Err.Error(), "none/log") || all[2].Stats.Up {
		t.Errorf("socket: %v, up %v", all[2].Err, all[2].Stats.Up)
	}
}

// BenchmarkLook takes the snapshot of 1,000 files with the series that are 0 from the
// start. Nothing is read meanwhile.
func BenchmarkLook(b *testing.B) {
	p := &Pipeline{}
	var logs []follow.Source
	for i := range 1000 {
		name := fmt.Sprintf("mx%d", i)
		p.sources = append(p.sources, &input{
			name: name, file: i, config: &config.Source{Name: name, File: name},
			counts: counter.NewSource([]string{"postfix"}, counter.Hosts{}, time.Now()),
		})
		logs = append(logs, follow.Source{Path: name})
	}
	p.follower = follow.New(follow.Config{Sources: logs})
	for b.Loop() {
		p.looked = nil
		p.Look()
	}
}
