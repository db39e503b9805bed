package follow

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"smtp_reply_exporter/exporter/source"
)

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

// Lines longer than a block, up to the limit of all sources and over it.
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
