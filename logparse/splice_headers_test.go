package logparse_test

import (
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"smtp_reply_exporter/logparse"
)

// TestSpliceForeign writes a stranger's words into the lines of programs that are no MTA:
// none may become a header.
func TestSpliceForeign(t *testing.T) {
	text, err := os.ReadFile("testdata/envelope/imitation")
	if err != nil {
		t.Fatal(err)
	}
	var all []*template
	for line := range strings.SplitSeq(strings.TrimSpace(string(text)), "\n") {
		all = append(all, templates(line, false)...)
	}
	for _, m := range all {
		if m.want[0].outcome != logparse.Foreign {
			t.Errorf("%v: %s", m.want[0].outcome, m)
		}
	}
	words := splices(t)
	some := 2000
	if full, _ := sweeps(t); full {
		some = len(words)
	}
	spliceAll(t, all, words, some)
}

// TestSpliceHeaders writes a stranger's words into lines of MTAs whose header is in some
// form. That must not change what a line counts. Each place gets some words in some form
// by chance, see sweep.
func TestSpliceHeaders(t *testing.T) {
	words := splices(t)
	full, seed := sweeps(t)
	some := 8
	if full {
		some = 400
	}
	random := rand.New(rand.NewPCG(seed, 1))
	forms := wrappers()
	for _, mta := range logparse.MTAs() {
		var all []*template
		for _, m := range imitable(t, mta) {
			for range 2 {
				w := *m
				w.wrap = wrapLines(&forms[random.IntN(len(forms))])
				w.want = nil
				w.play()
				all = append(all, &w)
			}
		}
		t.Run(mta, func(t *testing.T) { spliceAll(t, all, words, some) })
	}
}

// wrapLines returns a function that writes each line of a log in another form.
func wrapLines(w *wrapper) func(log string) string {
	return func(log string) string {
		p := logparse.NewParser()
		lines := strings.Split(log, "\n")
		for i, line := range lines {
			r := p.Parse([]byte(line))
			if text := w.wrap([]byte(line), &r.Envelope); text != nil {
				lines[i] = string(text)
			}
		}
		return strings.Join(lines, "\n")
	}
}
