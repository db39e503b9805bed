package follow

import (
	"os"
	"slices"
	"strconv"
	"testing"
	"time"
)

// rotations are the ways in which a log is rotated. Each rotates the log mail.log,
// which the follower has read to its end.
var rotations = []struct {
	name string
	play func(w *world, log *writer)
	// not maps the modes in which lines must be lost to the reason.
	not map[mode]string
	// unordered is true if an unfinished last line is read late, when its file is
	// closed.
	unordered bool
}{
	{name: "none", play: func(w *world, log *writer) {
		for range 10 {
			log.add(3)
			w.poll()
		}
	}},
	{name: "rename and create, writer reopens at once", play: late(0, true)},
	{name: "rename and create, writer 250 ms late", play: late(Interval, true)},
	{name: "rename and create, writer 2 s late", play: late(2*time.Second, true)},
	{name: "rename and create, writer 30 s late", play: late(30*time.Second, true)},
	{name: "rename, writer reopens at once", play: late(0, false)},
	{name: "rename, writer 250 ms late", play: late(Interval, false)},
	{name: "rename, writer 2 s late", play: late(2*time.Second, false)},
	{name: "rename, writer 30 s late", play: late(30*time.Second, false)},
	{name: "copytruncate", play: func(w *world, log *writer) {
		for range 3 {
			log.add(5)
			w.copyLog("mail.log.1")
			w.truncate("mail.log", 0)
			w.poll()
			log.add(2)
			w.poll()
		}
	}, not: map[mode]string{down: "the copy is overwritten"}},
	{name: "copytruncate, refilled beyond its size", play: func(w *world, log *writer) {
		log.add(5)
		w.copyLog("mail.log.1")
		w.truncate("mail.log", 0)
		log.add(200)
		w.poll()
	}},
	{name: "copytruncate, compressed at once", play: func(w *world, log *writer) {
		log.add(5)
		w.copyLog("mail.log.1")
		w.truncate("mail.log", 0)
		w.compress("mail.log.1", ".gz")
		log.add(2)
		w.poll()
	}},
	{name: "copytruncate twice within a poll", play: func(w *world, log *writer) {
		log.add(5)
		copytruncate(w)
		log.add(4)
		copytruncate(w)
		log.add(3)
		w.poll()
	}},
	{name: "copytruncate, writer without O_APPEND", play: holes(func(w *world, log *writer) {
		w.poll()
		log.add(2)
		w.poll()
	})},
	{name: "copytruncate, writer without O_APPEND, refilled within a poll", play: holes(func(w *world, log *writer) {
		log.add(2)
		w.poll()
	})},
	{name: "copytruncate, writer without O_APPEND, seen only when empty", play: holes(func(w *world, _ *writer) { w.poll() })},
	{name: "copytruncate, writer without O_APPEND, twice within a poll", play: holes(func(w *world, log *writer) {
		log.add(2)
		copytruncate(w)
		log.add(1)
		w.poll()
	})},
	{name: "copytruncate, writer without O_APPEND, compressed", play: holes(func(w *world, log *writer) {
		w.poll()
		log.add(1)
		w.compress("mail.log.1", ".gz")
	})},
	{name: "copytruncate, seen only when empty", play: func(w *world, log *writer) {
		for range 4 {
			log.add(5)
			copytruncate(w)
			w.poll()
		}
	}},
	{name: "copytruncate of a log that was found and not read", play: func(w *world, log *writer) {
		for i := range 6 {
			rotate(w, log)
			log.add(i % 3)
			w.pollAround(func() {
				log.add(2)
				copytruncate(w)
				log.add(i)
				if i == 3 {
					copytruncate(w)
					log.add(1)
				}
				if i == 4 {
					rotate(w, log)
					log.add(1)
				}
			})
		}
	}},
	{name: "replaced by rsync", play: func(w *world, log *writer) {
		w.remove("mail.log")
		log.reopen("source")
		log.raw("from before\n") // as in mail.log
		for _, text := range w.want {
			log.raw(text + "\n")
		}
		for i := range 5 {
			log.add(20 * i)
			b, err := os.ReadFile(w.path("source"))
			w.must(err)
			w.must(os.WriteFile(w.path(".mail.log.x"), b, 0o644))
			w.must(os.Rename(w.path(".mail.log.x"), w.path("mail.log")))
			w.poll()
		}
	}},
	{name: "replaced by sed -i under the writer", play: func(w *world, log *writer) {
		for i := range 4 {
			log.add(2)
			if i%2 == 0 {
				w.poll()
			}
			w.copyLog("sed1234")
			log.add(2)
			if i == 3 {
				w.poll()
			}
			w.must(os.Rename(w.path("sed1234"), w.path("mail.log")))
			log.name = ""
			log.add(2)
			w.poll()
			log.add(2)
			log.reopen("mail.log")
			log.add(1)
			w.poll()
		}
	}, not: map[mode]string{restarting: "a deleted file that nobody holds is gone", down: "the same"}},
	{name: "replaced and rotated within a poll", play: func(w *world, log *writer) {
		for i := range 6 {
			log.add(i % 3)
			if i%2 == 0 {
				w.poll()
				log.add(2)
			}
			w.copyLog("mail.log~")
			w.must(os.Rename(w.path("mail.log~"), w.path("mail.log")))
			log.name = ""
			log.reopen("mail.log")
			log.add(3)
			if i%3 == 1 {
				copytruncate(w)
			} else {
				rotate(w, log)
			}
			if i == 3 {
				w.compress("mail.log.1", ".gz")
			}
			log.add(1)
			w.poll()
		}
	}, not: map[mode]string{down: "an empty log may have been replaced"}},
	{name: "written anew by an editor", play: func(w *world, log *writer) {
		for _, step := range []int{1, 2, 3} {
			log.add(40 * step)
			w.poll()
			b, err := os.ReadFile(w.path("mail.log"))
			w.must(err)
			if step == 2 { // to another file
				w.rename("mail.log", "mail.log~")
				w.create("mail.log")
				log.reopen("mail.log")
			}
			w.truncate("mail.log", 0)
			for part := range slices.Chunk(b, len(b)/step+1) {
				if step > 1 {
					w.poll()
				}
				log.raw(string(part))
			}
			w.poll()
			log.add(2)
			w.poll()
		}
	}, not: map[mode]string{restarting: "a restart does not remember the truncated file"}},
	{name: "another log that begins alike", play: func(w *world, log *writer) {
		w.want = append(w.want, "from before", w.want[0])
		first := w.want[0]
		rotate(w, log)
		log.raw("from before\n" + first + "\n")
		w.poll()
		log.add(5)
		w.poll()
	}},
	{name: "delete and create", play: func(w *world, log *writer) {
		log.add(3)
		w.remove("mail.log")
		w.poll()
		log.add(3)
		w.poll()
		log.reopen("mail.log")
		log.add(3)
		w.poll()
	}, not: map[mode]string{restarting: "a deleted file that nobody holds is gone", down: "the same"}},
	{name: "deleted, made again within a poll", play: func(w *world, log *writer) {
		log.add(3)
		w.poll()
		w.remove("mail.log")
		log.reopen("mail.log")
		log.add(3)
		w.poll()
	}, not: map[mode]string{down: "a deleted file is gone"}},
	{name: "two rotations within a poll", play: func(w *world, log *writer) {
		for range 2 {
			log.add(3)
			rotate(w, log)
			log.add(3)
			rotate(w, log)
			log.add(3)
			w.poll()
		}
	}},
	{name: "many rotations within a poll", play: func(w *world, log *writer) {
		for range 12 {
			log.add(3)
			rotate(w, log)
		}
		w.poll()
	}},
	{name: "two rotations within a poll, writer late", play: func(w *world, log *writer) {
		log.add(3)
		rename(w)
		w.create("mail.log")
		log.add(3)
		rename(w)
		log.add(3)
		w.poll()
		log.add(3)
		log.reopen("mail.log")
		log.add(3)
		w.poll()
	}},
	{name: "two rotations within a poll, the first compressed", play: func(w *world, log *writer) {
		log.add(3)
		rotate(w, log)
		log.add(3)
		w.compress("mail.log.1", ".gz")
		rename(w)
		log.reopen("mail.log")
		log.add(3)
		w.poll()
	}},
	{name: "two rotations within a poll, both compressed", play: func(w *world, log *writer) {
		log.add(3)
		rotate(w, log)
		log.add(3)
		rename(w)
		log.reopen("mail.log")
		w.compress("mail.log.1", ".zst")
		w.compress("mail.log.2", ".zst")
		log.add(3)
		w.poll()
	}},
	{name: "compressed at once", play: compressed(0, ".gz")},
	{name: "compressed at once with zstd", play: compressed(0, ".zst")},
	{name: "compressed at once with xz", play: compressed(0, ".xz")},
	{name: "compressed at once with bzip2", play: compressed(0, ".bz2")},
	{name: "compressed 2 s later", play: compressed(2*time.Second, ".gz")},
	{name: "compressed 2 minutes later", play: compressed(2*time.Minute, ".zst")},
	{name: "compressed by the next rotation", play: func(w *world, log *writer) {
		for range 3 {
			log.add(3)
			if _, err := os.Stat(w.path("mail.log.1")); err == nil {
				w.compress("mail.log.1", ".gz")
			}
			rotate(w, log)
			log.add(3)
			w.wait(90 * time.Second)
		}
	}},
	{name: "dateext", play: func(w *world, log *writer) {
		for _, day := range []string{"20261124", "20261125", "20261126"} {
			log.add(3)
			w.rename("mail.log", "mail.log-"+day)
			w.poll()
			log.add(3)
			log.reopen("mail.log")
			log.add(3)
			w.poll()
		}
	}},
	{name: "dateext before the extension, twice within a poll", play: func(w *world, log *writer) {
		for _, day := range []string{"20261124", "20261125"} {
			log.add(3)
			w.rename("mail.log", "mail-"+day+".log")
			log.reopen("mail.log")
		}
		log.add(3)
		w.poll()
	}},
	{name: "two kinds of names, two writers", play: func(w *world, log *writer) {
		second := w.open("mail.log")
		for i := range 8 {
			log.add(3)
			second.add(2)
			if i%2 == 0 {
				rename(w)
			} else {
				w.rename("mail.log", "mail.log."+strconv.Itoa(9926803-i))
			}
			log.reopen("mail.log")
			log.add(2)
			w.poll()
			w.now = w.now.Add(time.Second)
			second.add(2)
			if i%3 == 0 {
				w.poll()
			}
			second.reopen("mail.log")
		}
	}, unordered: true},
	{name: "two kinds of names, compressed later", play: func(w *world, log *writer) {
		for i := range 6 {
			log.add(3)
			name := "mail.log." + strconv.Itoa(20261123-i)
			w.rename("mail.log", name)
			w.now = w.now.Add(time.Second)
			log.add(2)
			log.reopen("mail.log")
			log.add(2)
			w.wait(time.Duration(i) * 30 * time.Second)
			w.compress(name, ".gz")
			w.must(os.Chtimes(w.path(name+".gz"), w.now, w.now))
			rotate(w, log)
			log.add(2)
			w.poll()
		}
	}, unordered: true},
	{name: "dates that do not sort", play: func(w *world, log *writer) {
		for _, day := range []string{"30112026", "01122026", "02122026"} {
			log.add(3)
			w.rename("mail.log", "mail.log-"+day)
			log.reopen("mail.log")
			log.add(1)
		}
		w.poll()
	}, unordered: true},
	{name: "written to minutes after its rotation", play: func(w *world, log *writer) {
		second := w.open("mail.log")
		rotate(w, log)
		log.add(1)
		w.wait(5 * time.Minute)
		second.add(3)
		w.wait(time.Minute)
		rotate(w, log)
		log.add(1)
		w.poll()
	}, unordered: true},
	{name: "last line without end", play: func(w *world, log *writer) {
		text := w.line()
		log.raw(text)
		w.want = append(w.want, text)
		rename(w)
		w.wait(90 * time.Second)
		log.reopen("mail.log")
		log.add(3)
		w.poll()
	}, unordered: true},
	{name: "lines in two halves", play: func(w *world, log *writer) {
		for i := range 6 {
			text := w.line()
			w.want = append(w.want, text)
			log.raw(text[:len(text)/2])
			w.poll()
			if i == 3 {
				rename(w)
				w.poll()
			}
			log.raw(text[len(text)/2:] + "\n")
			w.poll()
		}
		log.reopen("mail.log")
	}},
	{name: "renamed away and back", play: func(w *world, log *writer) {
		log.add(3)
		w.rename("mail.log", "mail.tmp")
		w.wait(2 * time.Minute)
		w.rename("mail.tmp", "mail.log")
		log.add(3)
		w.poll()
	}},
	{name: "renamed away and back at once", play: func(w *world, log *writer) {
		log.add(3)
		rename(w)
		log.add(3)
		w.poll()
		w.rename("mail.log.1", "mail.log")
		log.add(3)
		w.poll()
	}},
	{name: "absent for long, then another file", play: func(w *world, log *writer) {
		log.add(3)
		rename(w)
		w.wait(5 * time.Minute)
		log.reopen("mail.log")
		log.add(3)
		w.poll()
	}},
}

func TestRotation(t *testing.T) {
	for _, r := range rotations {
		for _, m := range []mode{running, restarting, down} {
			if r.not[m] != "" {
				continue
			}
			t.Run(r.name+"/"+string(m), func(t *testing.T) {
				w := newWorld(t, m, Source{Path: "mail.log"})
				old := w.open("mail.log.7")
				old.raw("from long ago\n")
				w.now = w.now.Add(time.Hour)
				log := w.open("mail.log")
				log.raw("from before\n")
				w.start()
				log.add(3)
				w.poll()
				r.play(w, log)
				w.settle(r.unordered)
				st := w.stats()
				if !st.Up || !st.CaughtUp || st.Files != 1 || st.BehindBytes != 0 || st.LostBytes != 0 {
					t.Errorf("stats: %+v", st)
				}
			})
		}
	}
}
