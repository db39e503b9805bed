package follow

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
)

// A segmentWriter writes a log in segments as KumoMTA does: what it compresses reaches the
// file in pieces, without regard to lines or blocks.
type segmentWriter struct {
	w       *world
	random  *rand.Rand
	suffix  string
	file    *os.File // nil between two segments
	name    string
	z       *zstd.Encoder
	pending bytes.Buffer // compressed, not written yet
}

func (w *world) segments(suffix string) *segmentWriter {
	return &segmentWriter{w: w, random: rand.New(rand.NewPCG(1, 0)), suffix: suffix}
}

// add writes n lines, and most of what is compressed of them.
func (s *segmentWriter) add(n int) {
	s.w.Helper()
	if s.file == nil {
		s.open()
	}
	for range n {
		text := s.w.line()
		s.w.want = append(s.w.want, text)
		_, err := fmt.Fprintln(s.z, text)
		s.w.must(err)
	}
	s.write(s.random.IntN(s.pending.Len() + 1))
}

func (s *segmentWriter) open() {
	s.w.Helper()
	s.w.now = s.w.now.Add(time.Microsecond) // at most one a moment
	s.name = s.w.path(s.w.now.Format("20060102-150405.000000000") + s.suffix)
	var err error
	s.file, err = os.OpenFile(s.name, os.O_CREATE|os.O_EXCL|os.O_APPEND|os.O_WRONLY, 0o644)
	s.w.must(err)
	s.z, err = zstd.NewWriter(&s.pending, zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false), zstd.WithWindowSize(1<<17))
	s.w.must(err)
	s.write(0)
}

// write writes n compressed bytes.
func (s *segmentWriter) write(n int) {
	s.w.Helper()
	_, err := s.file.Write(s.pending.Next(n))
	s.w.must(err)
	s.w.must(os.Chtimes(s.name, s.w.now, s.w.now))
}

// finish ends the frame.
func (s *segmentWriter) finish() {
	s.w.Helper()
	s.w.must(s.z.Close())
	s.close()
}

// done ends the segment.
func (s *segmentWriter) done() {
	s.w.Helper()
	s.finish()
	s.w.must(os.Chmod(s.name, 0o444))
}

// close writes what is compressed and leaves the frame as it is.
func (s *segmentWriter) close() {
	s.w.Helper()
	s.write(s.pending.Len())
	s.w.must(s.file.Close())
	s.file = nil
}

func TestSegments(t *testing.T) {
	tests := []struct {
		name      string
		fromStart bool
		play      func(w *world, log *segmentWriter)
	}{
		{"growing", false, func(w *world, log *segmentWriter) {
			for range 30 {
				log.add(300)
				w.poll()
			}
			log.done()
		}},
		{"a line at a time", false, func(w *world, log *segmentWriter) {
			for range 50 {
				log.add(1)
				log.w.must(log.z.Flush())
				log.write(log.pending.Len())
				w.poll()
			}
			log.done()
		}},
		{"one period each", false, func(w *world, log *segmentWriter) {
			for i := range 20 {
				log.add(1 + i*20)
				w.poll()
				log.done()
				w.poll()
			}
		}},
		{"many at once", false, func(w *world, log *segmentWriter) {
			for range 100 {
				log.add(10)
				log.done()
			}
			w.poll()
		}},
		{"not read-only, but a newer one exists", false, func(w *world, log *segmentWriter) {
			for range 5 {
				log.add(100)
				w.poll()
				log.finish()
				w.poll()
			}
			log.add(1)
			log.done()
		}},
		{"goes on in another frame", false, func(w *world, log *segmentWriter) {
			log.add(100)
			log.finish()
			w.poll()
			var err error
			log.file, err = os.OpenFile(log.name, os.O_APPEND|os.O_WRONLY, 0)
			w.must(err)
			log.z.Reset(&log.pending)
			w.poll()
			log.add(900)
			w.poll()
			log.done()
		}},
		{"idle", false, func(w *world, log *segmentWriter) {
			log.add(10)
			w.poll()
			log.done()
			w.wait(5 * time.Minute)
			log.add(10)
			w.wait(5 * time.Minute)
			log.done()
		}},
		{"deleted once they are read", false, func(w *world, log *segmentWriter) {
			for range 5 {
				log.add(100)
				log.done()
				w.mode = max(w.mode, running)
				w.wait(3 * idleInterval)
				if w.mode != down {
					w.must(os.Remove(log.name))
				}
				w.wait(3 * idleInterval)
			}
		}},
		{"old ones", true, func(w *world, log *segmentWriter) {
			log.add(2000)
			log.done()
			log.add(5)
			log.done()
			log.add(3000)
			w.poll()
			log.add(3000)
			log.done()
		}},
	}
	for _, tt := range tests {
		for _, m := range []mode{running, restarting, down} {
			t.Run(fmt.Sprintf("%s, %s", tt.name, m), func(t *testing.T) {
				w := newWorld(t, m, Source{Path: "*", FromStart: tt.fromStart})
				log := w.segments("")
				if !tt.fromStart {
					log.add(3000)
					log.done()
					log.add(2)
					log.write(log.pending.Len())
					w.want = w.want[:0]
				}
				w.start()
				if !tt.fromStart { // not to be seen yet when reading began
					log.finish()
					w.must(os.Chmod(log.name, 0o444))
					w.mode = running
					w.wait(3 * idleInterval)
					w.want, w.got, w.mode = nil, nil, m
					w.save()
				}
				tt.play(w, log)
				w.settle(false)
				if st := w.stats(); st.LostFiles+st.LostBytes > 0 || !st.CaughtUp || !st.Up || st.Files > 0 || st.BehindBytes > 0 {
					t.Errorf("stats: %+v", st)
				}
			})
		}
	}
}

// What cannot be read of segments is counted, and the next ones are read.
func TestSegmentLosses(t *testing.T) {
	tests := []struct {
		name  string
		mode  mode
		play  func(w *world, log *segmentWriter)
		files int64 // lost
		bytes bool  // lost
		most  int   // lines lost
	}{
		{"the writer has crashed", running, func(_ *world, log *segmentWriter) {
			log.add(3000)
			log.write(log.pending.Len() - 100)
			log.pending.Reset()
			log.close()
		}, 1, true, 2000},
		{"the writer has crashed and marked it at its next start", running, func(w *world, log *segmentWriter) {
			log.add(3000)
			log.write(log.pending.Len() - 100)
			log.pending.Reset()
			log.close()
			w.must(os.Chmod(log.name, 0o444))
			w.wait(time.Minute)
		}, 1, true, 2000},
		{"the writer has crashed before it wrote a block", running, func(w *world, log *segmentWriter) {
			log.add(10)
			w.must(os.Truncate(log.name, 0))
			log.pending.Reset()
			log.close()
		}, 0, false, 10},
		{"deleted before it was opened", running, func(w *world, log *segmentWriter) {
			log.add(10)
			log.done()
			w.now = w.now.Add(idleInterval)
			w.pollAround(func() { w.must(os.Remove(log.name)) })
		}, 1, false, 10},
		{"deleted while it was read", running, func(w *world, log *segmentWriter) {
			log.add(2000)
			w.wait(2 * idleInterval)
			log.finish()
			w.must(os.Remove(log.name))
		}, 0, false, 0},
		{"deleted while the exporter was stopped", down, func(w *world, log *segmentWriter) {
			w.mode = running
			log.add(10)
			log.w.must(log.z.Flush())
			log.write(log.pending.Len())
			w.wait(2 * idleInterval)
			w.save()
			w.mode = down
			log.add(5)
			log.done()
			w.must(os.Remove(log.name))
		}, 1, false, 5},
		{"deleted after it was read, while the exporter was stopped", down, func(w *world, log *segmentWriter) {
			w.mode = running
			log.add(10)
			log.done()
			w.wait(2 * idleInterval)
			w.save()
			w.mode = down
			w.must(os.Remove(log.name))
		}, 0, false, 0},
		{"the clock was set back", running, func(w *world, log *segmentWriter) {
			at := w.now
			w.now = w.now.Add(-time.Hour)
			log.add(10)
			log.done()
			w.now = at
			w.wait(2 * idleInterval)
		}, 1, false, 10},
		{"no frame", running, func(w *world, log *segmentWriter) {
			log.add(2000)
			w.must(os.WriteFile(log.name, []byte("Nov 23 16:00:00 mail postfix/smtp[1]: plain text\n"), 0))
			log.pending.Reset()
			log.close()
		}, 1, true, 2000},
		{"a window of more than 64 MiB", running, func(w *world, log *segmentWriter) {
			log.open()
			log.z.Reset(nil)
			var err error
			log.z, err = zstd.NewWriter(&log.pending, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(128<<20))
			w.must(err)
			log.add(100)
			w.must(log.z.Flush())
			log.add(100)
			log.done()
		}, 1, true, 200},
		{"copied here slowly", running, func(w *world, log *segmentWriter) {
			log.add(3000)
			log.write(log.pending.Len())
			w.must(os.Chmod(log.name, 0o444))
			w.wait(50 * time.Second)
			log.add(3000)
			log.write(log.pending.Len())
			w.wait(50 * time.Second)
			log.finish()
		}, 0, false, 0},
		{"out of reach for a while", restarting, func(w *world, log *segmentWriter) {
			log.add(100)
			log.done()
			w.poll()
			w.must(os.Rename(log.name, w.path("away")))
			w.wait(10 * idleInterval)
			w.must(os.Rename(w.path("away"), log.name))
		}, 0, false, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, running, Source{Path: "2*", FromStart: true})
			log := w.segments("")
			log.add(100)
			log.done()
			w.start()
			w.wait(2 * idleInterval)
			w.save()
			w.mode = tt.mode
			tt.play(w, log)
			lost := w.want
			log.add(100)
			log.done()
			w.poll()
			if tt.mode != running {
				w.restart()
				w.mode = running
			}
			w.wait(3 * time.Minute)
			st := w.stats()
			if st.LostFiles != tt.files || st.LostBytes > 0 != tt.bytes || !st.CaughtUp {
				t.Errorf("stats: %+v", st)
			}
			n := len(w.got) - 100
			if n < len(lost)-tt.most || n > len(lost) || tt.most > 0 && n == len(lost) {
				t.Fatalf("%d lines of %d read", len(w.got), len(w.want))
			}
			if diff := cmp.Diff(append(lost[:n:n], w.want[len(lost):]...), w.got); diff != "" {
				t.Errorf("lines (-written +read):\n%s", diff)
			}
			if tt.files > 0 && len(w.errs) == 0 {
				t.Error("nothing reported")
			}
		})
	}
}

// Segments with suffixes are logs of their own beside each other, whose periods differ.
func TestRandomSegments(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 7))
			w := newWorld(t, running, Source{Path: "2*", FromStart: true})
			w.start()
			saved := 0 // lines
			logs := []*segmentWriter{w.segments(""), w.segments("_rejections"), w.segments(".csv")}
			for range 150 {
				log := logs[r.IntN(len(logs))]
				if log.file == nil {
					log.open()
				}
				switch r.IntN(8) {
				case 0, 1, 2:
					log.add(r.IntN(1000))
				case 3:
					log.write(log.pending.Len())
				case 4:
					log.done()
				case 5:
					log.finish()
				case 6:
					w.save()
					saved = len(w.got)
				case 7: // it is killed
					w.got = w.got[:saved]
					w.restart()
				}
				if r.IntN(3) > 0 {
					w.wait(time.Duration(1+r.IntN(8)) * Interval)
				}
			}
			for _, log := range logs {
				if log.file != nil {
					log.done()
				}
			}
			w.settle(true)
			if st := w.stats(); st.LostFiles+st.LostBytes > 0 || !st.CaughtUp {
				t.Errorf("stats: %+v", st)
			}
		})
	}
}
