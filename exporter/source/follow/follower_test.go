package follow

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"
)

func TestFirstLook(t *testing.T) {
	tests := []struct {
		name      string
		fromStart bool
		before    string // in the file at the first look
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

// The first look happens after the rename, before the writer reopens its log.
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

// A file that is renamed to another followed name is not read again.
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
		// /var/log/containers links to files that the kubelet rotates.
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

func TestNotRegular(t *testing.T) {
	w := newWorld(t, running, Source{Path: "mail.log"})
	w.must(os.Mkdir(w.path("mail.log"), 0o755))
	w.start()
	w.poll()
	if len(w.errs) != 1 || !strings.Contains(w.errs[0].Error(), "not a regular file") {
		t.Errorf("reported %v", w.errs)
	}
}

// TestRandomPlay writes, rotates, polls and restarts in random order. The follower must
// not lose or repeat a line that it had a chance to see.
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
				case 3: // also while the plain file is being compressed
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
				log.add(1 + r.IntN(20)) // a late writer must not be idle for a minute
			}
			log.reopen("mail.log")
			log.add(1)
			w.settle(true)
		})
	}
}

// TestRandomRotations rotates in more ways, often several times between two polls, and
// restarts from positions that may be older than what was read. FULL=1 tries more; `make
// sweeps` sets it.
func TestRandomRotations(t *testing.T) {
	seeds := uint64(60)
	if os.Getenv("FULL") != "" {
		seeds = 2000
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			w := newWorld(t, running, Source{Path: "mail.log", FromStart: true})
			log := w.open("mail.log")
			w.start()
			w.save()
			saved := 0 // lines
			rotations := 0
			rotation := func(op int) {
				named := log.name == "mail.log"
				rotations++
				switch {
				case op == 0 && named:
					rename(w)
				case op == 1 && named:
					w.rename("mail.log", fmt.Sprintf("mail.log.%d", 9926803+rotations))
				case op == 2 && named:
					copytruncate(w)
				case op == 3 && named:
					w.copyLog("mail.log~")
					w.must(os.Rename(w.path("mail.log~"), w.path("mail.log")))
					log.reopen("mail.log")
				case op == 4 && named:
					log.withoutAppend()
				case op <= 6 && !named:
					log.reopen("mail.log")
				}
			}
			for range 60 {
				switch op := r.IntN(13); {
				case op <= 6:
					rotation(op)
				case op == 7:
					w.pollAround(func() {
						for range 1 + r.IntN(4) {
							rotation(r.IntN(7))
							w.now = w.now.Add(20 * time.Millisecond)
							log.add(r.IntN(20))
						}
					})
				case op == 8:
					n := number(1 + r.IntN(4))
					if _, err := os.Stat(w.path(n)); err == nil && log.name != n {
						w.compress(n, []string{".gz", ".xz", ".zst"}[r.IntN(3)])
					}
				case op == 9:
					w.save()
					saved = len(w.got)
				case op == 10:
					w.got = w.got[:saved]
					w.restart()
				default:
					w.poll()
				}
				w.now = w.now.Add(20 * time.Millisecond)
				log.add(1 + r.IntN(20))
			}
			log.reopen("mail.log")
			log.add(1)
			w.settle(false)
			if st := w.stats(); st.LostBytes != 0 || st.LostFiles != 0 {
				t.Errorf("stats: %+v", st)
			}
		})
	}
}
