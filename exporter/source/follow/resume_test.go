package follow

import (
	"os"
	"strings"
	"testing"
	"time"
)

// A Follower that is killed after any Poll of a long catch-up, while the files are
// rotated and compressed, resumes where it was.
func TestKilledWhileCatchingUp(t *testing.T) {
	w := newWorld(t, down, Source{Path: "mail.log", FromStart: true})
	log := w.open("mail.log")
	w.start()
	const lines = 60_000
	for i := range 3 {
		var b strings.Builder
		for range lines {
			text := w.line()
			w.want = append(w.want, text)
			b.WriteString(text + "\n")
		}
		log.raw(b.String())
		if i < 2 {
			rotate(w, log)
		}
	}
	for n := 0; ; n++ {
		w.now = w.now.Add(Interval)
		w.restart()
		more, err := w.f.Poll(w.now, func(l Line) { w.got = append(w.got, string(l.Text)) })
		w.must(err)
		w.save()
		switch n {
		case 1:
			w.compress("mail.log.2", ".gz")
		case 2:
			rename(w)
			w.compress("mail.log.2", ".zst")
			log.reopen("mail.log")
		}
		if !more {
			if n < 5 {
				t.Errorf("%d Polls: not bounded", n)
			}
			break
		}
	}
	w.settle(false)
}

func TestRestore(t *testing.T) {
	tests := []struct {
		name string
		play func(w *world, log *writer)
		err  string
	}{
		{"appeared", func(w *world, _ *writer) {
			w.open("new.log").add(3)
		}, ""},
		{"appeared and was rotated", func(w *world, _ *writer) {
			w.open("new.log").add(3)
			w.rename("new.log", "new.log.1")
			w.open("new.log").add(3)
		}, ""},
		{"a source that is new", func(w *world, _ *writer) {
			w.open("extra").raw("old\n")
			w.cfg.Sources = append(w.cfg.Sources, Source{Path: w.path("extra")})
		}, ""},
		{"deleted", func(w *world, _ *writer) {
			w.remove("mail.log")
		}, "is gone"},
		{"deleted and made again", func(w *world, log *writer) {
			w.remove("mail.log")
			log.reopen("mail.log")
			log.add(3)
		}, "is gone"},
		{"moved to another disk", func(w *world, log *writer) {
			w.copyLog("copy")
			w.remove("mail.log")
			w.rename("copy", "mail.log")
			log.reopen("mail.log")
			log.add(3)
		}, ""},
		{"its old log compressed with today's date", func(w *world, log *writer) {
			rotate(w, log)
			w.compress("mail.log.6", ".gz")
			w.must(os.Chtimes(w.path("mail.log.6.gz"), w.now, w.now))
			log.add(3)
		}, ""},
		{"compressed file damaged", func(w *world, log *writer) {
			rotate(w, log)
			w.compress("mail.log.1", ".gz")
			w.truncate("mail.log.1.gz", 12)
			log.add(3)
		}, "is gone"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, running, Source{Path: "*.log"})
			log := w.open("mail.log")
			w.open("mail.log.5").raw("from long ago\n")
			w.now = w.now.Add(time.Hour)
			w.start()
			log.add(3)
			w.poll()
			w.save()
			w.now = w.now.Add(time.Hour)
			tt.play(w, log)
			w.restart()
			w.settle(true)
			switch {
			case tt.err == "" && len(w.errs) > 0, tt.err != "" && (len(w.errs) == 0 || !strings.Contains(w.errs[0].Error(), tt.err)):
				t.Errorf("reported %v, want %q", w.errs, tt.err)
			}
		})
	}
}
