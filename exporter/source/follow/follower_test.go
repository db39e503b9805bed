package follow

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"smtp_reply_exporter/exporter/source"
)

func TestFirstLook(t *testing.T) {
	tests := []struct {
		name      string
		fromStart bool
		before    string // in the file when it is first looked at
		after     string
		want      []string
	}{
		{"end of an empty file", false, "", "a\nb\n", []string{"a", "b"}},
		{"end", false, "old\n", "a\n", []string{"a"}},
		{"end, inside a line", false, "old\nbegin", "ning\na\n", []string{"beginning", "a"}},
		{"end, inside the first line", false, "begin", "ning\na\n", []string{"beginning", "a"}},
		{"beginning", true, "old\n", "a\n", []string{"old", "a"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, running, Source{Path: "mail.log", FromStart: tt.fromStart})
			log := w.open("mail.log")
			log.raw(tt.before)
			w.start()
			log.raw(tt.after)
			w.want = tt.want
			w.settle(false)
		})
	}
}

func TestAbsent(t *testing.T) {
	for _, name := range []string{"mail.log", "log/mail.log", "*.log", "log/*.log"} {
		t.Run(strings.ReplaceAll(name, "/", "_"), func(t *testing.T) {
			w := newWorld(t, running, Source{Path: name})
			w.start()
			w.wait(10 * time.Second)
			if len(w.errs) != 1 || !w.reported(fs.ErrNotExist) {
				t.Errorf("reported %v, want once that it does not exist", w.errs)
			}
			if st := w.stats(); st.Up {
				t.Errorf("stats: %+v", st)
			}
			w.must(os.MkdirAll(w.path("log"), 0o755))
			log := w.open(strings.ReplaceAll(name, "*", "mail"))
			log.add(3)
			w.wait(idleInterval)
			if st := w.stats(); !st.Up || !st.CaughtUp {
				t.Errorf("stats: %+v", st)
			}
			w.settle(false)
		})
	}
}

func TestAbsentAndRotatedBeforeTheNextLook(t *testing.T) {
	for _, name := range []string{"mail.log", "m*.log"} {
		w := newWorld(t, running, Source{Path: name})
		w.open("mail.log.5").raw("from long ago\n")
		w.now = w.now.Add(time.Hour)
		w.start()
		log := w.open("mail.log")
		log.add(3)
		rotate(w, log)
		log.add(3)
		w.settle(false)
	}
}

// The first look comes between the rename and the writer's reopening.
func TestFirstLookWithinRotation(t *testing.T) {
	for _, m := range []mode{running, restarting, down} {
		t.Run(string(m), func(t *testing.T) {
			w := newWorld(t, m, Source{Path: "mail.log"})
			log := w.open("mail.log")
			log.raw("old\n")
			w.rename("mail.log", "mail.log.1")
			w.start()
			log.add(3)
			w.wait(2 * time.Second)
			log.add(3)
			log.reopen("mail.log")
			log.add(3)
			w.settle(false)
		})
	}
}

func TestPattern(t *testing.T) {
	for _, m := range []mode{running, restarting, down} {
		t.Run(string(m), func(t *testing.T) {
			w := newWorld(t, m, Source{Path: "*"})
			mail, other := w.open("mail.log"), w.open("other.log")
			w.open("mail.log.1").raw("from long ago\n")
			mail.raw("old\n")
			w.now = w.now.Add(time.Hour)
			w.start()
			mail.add(2)
			other.add(2)
			w.poll()
			young := w.open("new.log") // appears
			young.add(3)
			w.poll()
			rotate(w, mail)
			mail.add(2)
			w.poll()
			young.add(2)
			w.poll()
			if m != down {
				w.remove("other.log") // goes
			}
			w.wait(2 * time.Minute)
			mail.add(1)
			w.settle(true)
			files := map[mode]int{running: 2, restarting: 2, down: 3}[m]
			if st := w.stats(); st.Files != files || !st.CaughtUp {
				t.Errorf("stats: %+v, want %d files", st, files)
			}
			if m != down && len(w.f.paths) != 2 {
				t.Errorf("%d paths, want 2", len(w.f.paths))
			}
		})
	}
}

// A file that is renamed to another name which is followed is not read again.
func TestRenamedToFollowedName(t *testing.T) {
	for _, m := range []mode{running, restarting, down} {
		t.Run(string(m), func(t *testing.T) {
			w := newWorld(t, m, Source{Path: "mail*"})
			log := w.open("mail")
			log.add(3)
			w.start()
			w.want = nil
			log.add(2)
			w.rename("mail", "mail.old")
			w.poll()
			log.add(2)
			w.poll()
			log.reopen("mail")
			log.add(2)
			w.wait(2 * time.Minute)
			log.add(2)
			w.settle(true)
		})
	}
}

func TestFileBelongsToOneSource(t *testing.T) {
	w := newWorld(t, running, Source{Path: "mail.log"}, Source{Path: "*.log"})
	log, other := w.open("mail.log"), w.open("other.log")
	w.must(os.Link(w.path("mail.log"), w.path("link.log")))
	w.start()
	log.add(3)
	other.add(2)
	w.settle(true)
	if a, b := w.f.Stats(0), w.f.Stats(1); a.Files != 1 || b.Files != 1 || a.ReadBytes == 0 || b.ReadBytes == 0 {
		t.Errorf("stats: %+v, %+v", a, b)
	}
}

func TestSymlink(t *testing.T) {
	for _, m := range []mode{running, restarting} {
		t.Run("swapped/"+string(m), func(t *testing.T) {
			w := newWorld(t, m, Source{Path: "app.log"})
			log := w.open("app-1.log")
			w.must(os.Symlink("app-1.log", w.path("app.log")))
			w.start()
			for i := 2; i < 5; i++ {
				log.add(3)
				name := fmt.Sprintf("app-%d.log", i)
				next := w.open(name)
				w.must(os.Symlink(name, w.path("swap")))
				w.must(os.Rename(w.path("swap"), w.path("app.log")))
				w.poll()
				log.add(2)
				w.wait(90 * time.Second)
				log = next
			}
			w.settle(false)
		})
	}
	for _, m := range []mode{running, restarting, down} {
		// As /var/log/containers links to what the kubelet rotates.
		t.Run("target rotated/"+string(m), func(t *testing.T) {
			w := newWorld(t, m, Source{Path: "containers/*.log"})
			w.must(os.MkdirAll(w.path("containers"), 0o755))
			w.must(os.MkdirAll(w.path("pods"), 0o755))
			w.must(os.Symlink("../pods/0.log", w.path("containers/mail.log")))
			log := w.open("pods/0.log")
			w.start()
			log.add(3)
			w.rename("pods/0.log", "pods/0.log.20261123-160000")
			log.reopen("pods/0.log")
			log.add(3)
			w.rename("pods/0.log", "pods/0.log.20261123-170000")
			w.compress("pods/0.log.20261123-160000", ".gz")
			log.reopen("pods/0.log")
			log.add(3)
			w.poll()
			w.settle(false)
		})
	}
}

func TestLines(t *testing.T) {
	const maxLine = 1 << 10
	long := strings.Repeat("long ", 1<<18)
	hole := strings.Repeat("\x00", 3<<20)
	tests := []struct {
		name  string
		input string
		want  []string
		over  int64
	}{
		{"CRLF", "a\r\nb\r\r\n\r\n", []string{"a", "b\r", ""}, 0},
		{"NULs inside", "a\x00b\nc\x00\n", []string{"a\x00b", "c\x00"}, 0},
		{"NULs before", "a\n\x00\x00b\n\x00\n", []string{"a", "b", ""}, 0},
		{"hole of any length", "a\n" + hole + "b\nc\n", []string{"a", "b", "c"}, 0},
		{"hole first", hole + "b\nc\n", []string{"b", "c"}, 0},
		{"as long as allowed", long[:maxLine] + "\n" + long[:maxLine] + "\r\na\n", []string{long[:maxLine], long[:maxLine], "a"}, 0},
		{"too long", long[:maxLine+1] + "\na\n", []string{long[:maxLine], "a"}, 1},
		{"longer than a block", "a\n" + long + "\nb\n", []string{"a", long[:maxLine], "b"}, 1},
		{"longer than a block, first", long + "\nb\n" + long + "\n", []string{long[:maxLine], "b", long[:maxLine]}, 2},
		{"too long after a hole", "a\n" + hole + long + "\nb\n", []string{"a", long[:maxLine], "b"}, 1},
		{"not UTF-8", "\xff\xfe\n", []string{"\xff\xfe"}, 0},
	}
	for _, tt := range tests {
		for _, pieces := range []int{1, 7} {
			for _, m := range []mode{running, restarting} {
				t.Run(fmt.Sprintf("%s/%d/%s", tt.name, pieces, m), func(t *testing.T) {
					w := newWorld(t, m, Source{Path: "mail.log"})
					w.cfg.MaxLine = maxLine
					w.restartEmpty()
					log := w.open("mail.log")
					w.start()
					for piece := range slices.Chunk([]byte(tt.input), len(tt.input)/pieces+1) {
						log.raw(string(piece))
						w.poll()
					}
					rotate(w, log)
					w.want = tt.want
					w.settle(false)
					if n := w.overlong + w.stats().OverlongLines; n != tt.over {
						t.Errorf("%d overlong lines, want %d", n, tt.over)
					}
				})
			}
		}
	}
}

// Lines that no block holds, up to the limit of all sources and over it.
func TestLongLines(t *testing.T) {
	longest := strings.Repeat("x", source.MaxLine)
	w := newWorld(t, running, Source{Path: "mail.log"})
	log := w.open("mail.log")
	w.start()
	for _, line := range []string{"a", longest[:blockLen], longest, longest + "y", "b", longest} {
		log.raw(line + "\n")
		w.want = append(w.want, line[:min(len(line), source.MaxLine)])
	}
	w.poll()
	w.settle(false)
	if n := w.stats().OverlongLines; n != 1 {
		t.Errorf("%d overlong lines, want 1", n)
	}
}

// A power cut takes a log's tail, and may leave NULs for it.
func TestLostTail(t *testing.T) {
	for _, nul := range []bool{false, true} {
		for _, before := range []int{0, 3, 4000} { // lines before the follower's first look
			for _, back := range []int64{2, 70, 1000, 4000} {
				t.Run(fmt.Sprintf("NULs %t, %d lines, %d bytes lost", nul, before, back), func(t *testing.T) {
					w := newWorld(t, running, Source{Path: "mail.log"})
					log := w.open("mail.log")
					log.add(before)
					w.start()
					w.want = nil
					var ends []int64 // of the lines
					for range 60 {
						log.add(2)
						w.poll()
						fi, err := log.f.Stat()
						w.must(err)
						ends = append(ends, fi.Size())
					}
					w.save()
					size := ends[len(ends)-1]
					w.truncate("mail.log", size-back)
					if nul {
						w.truncate("mail.log", size+100)
					} else {
						log.raw("\n") // ends the broken line
					}
					read := len(w.got)
					w.restart()
					log.add(5)
					w.poll()
					again := w.got[read:]
					// What is read again is of the size of what was lost.
					if limit := 12 + int(back)/30; len(again) > limit {
						t.Errorf("%d lines read, want at most %d", len(again), limit)
					}
					if n := len(again); n < 5 || !strings.HasSuffix(again[n-5], w.want[len(w.want)-5]) || cmp.Diff(again[n-4:], w.want[len(w.want)-4:]) != "" {
						t.Errorf("the new lines are not read: %q", again)
					}
					if len(w.errs) != 1 || !strings.Contains(w.errs[0].Error(), "lost its tail") {
						t.Errorf("reported %v", w.errs)
					}
				})
			}
		}
	}
}

// After copytruncate the log grows to its old size, and ends as it did.
func TestRefilledAlike(t *testing.T) {
	for _, lines := range []int{3, 400} { // shorter and longer than the head
		w := newWorld(t, running, Source{Path: "mail.log"})
		log := w.open("mail.log")
		w.start()
		add := func(day, n int) {
			for i := range n {
				text := fmt.Sprintf("Nov %d 16:00:00 line %03d %s", day, i, strings.Repeat("x", 100))
				w.want = append(w.want, text)
				log.raw(text + "\n")
			}
		}
		add(23, lines)
		w.poll()
		copytruncate(w)
		add(24, lines)
		w.poll()
		copytruncate(w)
		add(25, lines+1)
		w.settle(false)
		if st := w.stats(); st.Truncations != 2 {
			t.Errorf("stats: %+v", st)
		}
	}
}

func TestLostBytes(t *testing.T) {
	w := newWorld(t, running, Source{Path: "mail.log", FromStart: true})
	log := w.open("mail.log")
	log.raw(strings.Repeat(strings.Repeat("x", 99)+"\n", 100_000))
	if more, err := w.f.Poll(w.now, func(Line) {}); !more || err != nil {
		t.Fatal(more, err)
	}
	behind := w.stats().BehindBytes
	if behind == 0 {
		t.Fatal("one Poll has read all")
	}
	w.truncate("mail.log", 0)
	w.poll()
	if st := w.stats(); st.LostBytes != behind || st.Truncations != 1 || st.BehindBytes != 0 {
		t.Errorf("stats: %+v, want %d bytes lost", st, behind)
	}
}

// A Follower that is killed after any Poll of a long catch-up, while the files
// are rotated and compressed, goes on where it was.
func TestKilledWhileCatchingUp(t *testing.T) {
	w := newWorld(t, down, Source{Path: "mail.log", FromStart: true})
	log := w.open("mail.log")
	w.start()
	const lines = 50_000
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

func TestNotRegular(t *testing.T) {
	w := newWorld(t, running, Source{Path: "mail.log"})
	w.must(os.Mkdir(w.path("mail.log"), 0o755))
	w.start()
	w.poll()
	if len(w.errs) != 1 || !strings.Contains(w.errs[0].Error(), "not a regular file") {
		t.Errorf("reported %v", w.errs)
	}
}

// Any order of writing, rotating, polling and restarting loses and repeats
// nothing, as long as no line can be gone unseen.
func TestRandomPlay(t *testing.T) {
	for seed := range uint64(100) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 0))
			w := newWorld(t, running, Source{Path: "mail.log"})
			log := w.open("mail.log")
			log.raw("old\n")
			w.start()
			for range 40 {
				switch r.IntN(10) {
				case 0:
					if log.name == "mail.log" {
						rotate(w, log)
					}
				case 1:
					if log.name == "mail.log" {
						rename(w)
					}
				case 2:
					if log.name != "mail.log" {
						log.reopen("mail.log")
					}
				case 3: // also with a plain file beside, which is being compressed
					n := number(2 + r.IntN(3))
					if _, err := os.Stat(w.path(n)); err == nil && log.name != n {
						w.compress(n, []string{".gz", ".zst"}[r.IntN(2)])
					}
				case 4:
					w.save()
					w.restart()
				case 5:
					w.save()
				case 6, 7:
					w.poll()
				case 8:
					w.wait(time.Duration(r.IntN(50)) * time.Second)
				case 9:
					if log.name == "mail.log" {
						copytruncate(w)
					}
				}
				log.add(1 + r.IntN(20)) // a late writer must not be silent for a minute
			}
			log.reopen("mail.log")
			log.add(1)
			w.settle(true)
		})
	}
}
