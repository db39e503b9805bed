package follow

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A power cut removes a log's tail, and may leave NULs instead.
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
					// About as many bytes are read again as were lost.
					if limit := 12 + int(back)/30; len(again) > limit {
						t.Errorf("%d lines read, want at most %d", len(again), limit)
					}
					if nul && len(again) > 5 {
						t.Errorf("%d lines before the NULs are read again", len(again)-5)
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

// After copytruncate the log grows to its old size, and ends with the same bytes.
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

// After a power cut, the log grows beyond the position, and is rotated or compressed.
func TestLostTailAndGrown(t *testing.T) {
	then := map[string]func(w *world, log *writer){
		"grown":      func(*world, *writer) {},
		"rotated":    rotate,
		"compressed": func(w *world, log *writer) { rotate(w, log); w.compress("mail.log.1", ".gz") },
		"copied": func(w *world, _ *writer) {
			w.copyLog("copy")
			w.rename("copy", "mail.log")
		},
	}
	for name, then := range then {
		for _, atOnce := range []bool{false, true} { // all lines in one block
			for _, fromStart := range []bool{false, true} {
				for _, lost := range []int{1, 31, 900} {
					t.Run(fmt.Sprintf("%s, at once %t, from start %t, %d lines lost", name, atOnce, fromStart, lost), func(t *testing.T) {
						w := newWorld(t, running, Source{Path: "mail.log", FromStart: fromStart})
						log := w.open("mail.log")
						if atOnce {
							log.add(1000)
							w.start()
						} else {
							w.start()
							for range 100 {
								log.add(10)
								w.poll()
							}
						}
						w.save()
						size := int64(0)
						for _, text := range w.want[:1000-lost] {
							size += int64(len(text) + 1)
						}
						w.truncate("mail.log", size)
						w.want, w.got = nil, nil
						log.add(lost + 30)
						then(w, log)
						w.restart()
						w.wait(2 * time.Minute)
						twice := len(w.got) - len(w.want)
						if limit := 3 * lost; twice < 0 || lost < lineMarks && twice > 0 || twice > limit {
							t.Fatalf("%d lines read twice", twice)
						}
						if diff := cmp.Diff(w.want, w.got[twice:]); diff != "" {
							t.Errorf("lines (-written +read):\n%s", diff)
						}
						t.Log(twice, w.errs)
					})
				}
			}
		}
	}
}

// What cannot be read back is counted.
func TestLostFiles(t *testing.T) {
	tests := []struct {
		name string
		play func(w *world, log *writer)
		lost int64 // files
		want int   // lines that are read nevertheless, of 2,000
	}{
		{"compressed in time", func(w *world, _ *writer) { w.compress("mail.log.1", ".gz") }, 0, 2000},
		{"deleted", func(w *world, _ *writer) { w.remove("mail.log.1") }, 1, 0},
		{"a foreign format", func(w *world, _ *writer) { w.rename("mail.log.1", "mail.log.1.lz4") }, 2, 0},
		{"plain, called compressed", func(w *world, _ *writer) { w.rename("mail.log.1", "mail.log.1.xz") }, 0, 2000},
		{"compressed, called plain", func(w *world, _ *writer) {
			w.compress("mail.log.1", ".gz")
			w.rename("mail.log.1.gz", "mail.log.1")
		}, 0, 2000},
		{"compressed, called otherwise", func(w *world, _ *writer) {
			w.compress("mail.log.1", ".zst")
			w.rename("mail.log.1.zst", "mail.log.1.gz")
		}, 0, 2000},
		{"another directory", func(w *world, _ *writer) {
			w.must(os.Mkdir(w.path("old"), 0o755))
			w.rename("mail.log.1", "old/mail.log.1")
		}, 1, 0},
		{"damaged at its end", damaged(4), 1, 1000},
		{"damaged at its beginning", damaged(1000), 2, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, down, Source{Path: "mail.log"})
			log := w.open("mail.log")
			log.raw("old\n")
			w.start()
			log.add(2000)
			rotate(w, log)
			tt.play(w, log)
			log.add(3)
			w.restart()
			w.mode = running
			w.wait(2 * time.Minute)
			st := w.stats()
			if st.LostFiles != tt.lost || len(w.got) < tt.want+3 || tt.want == 0 && len(w.got) != 3 {
				t.Errorf("%d lines read; stats: %+v", len(w.got), st)
			}
			n := len(w.got) - 3
			if diff := cmp.Diff(append(w.want[:n:n], w.want[2000:]...), w.got); n > 1990 && tt.lost > 0 || diff != "" {
				t.Errorf("lines (-written +read):\n%s", diff)
			}
			if tt.lost > 0 && len(w.errs) == 0 {
				t.Error("nothing reported")
			}
			if w.restartEmpty(); w.stats().LostFiles != 0 {
				t.Error("a new follower has lost files")
			}
		})
	}
}

// damaged compresses the rotated log and cuts off its end, or all but its beginning.
func damaged(fraction int) func(*world, *writer) {
	return func(w *world, _ *writer) {
		w.compress("mail.log.1", ".gz")
		fi, err := os.Stat(w.path("mail.log.1.gz"))
		w.must(err)
		size := fi.Size() / int64(fraction)
		if fraction < 10 {
			size = fi.Size() - size
		}
		w.truncate("mail.log.1.gz", size)
	}
}
