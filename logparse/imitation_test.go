package logparse_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"smtp_reply_exporter/logparse"
)

// imitable returns the lines of testdata/imitation, in which a stranger's words
// stand as an MTA writes them:
//
//	%s  with question marks for control characters
//	%q  so, in quotes with backslashes, as a local part (RFC 5321 §4.1.2)
//	%h  so, as a HELO name: also with question marks for blanks and <>()\";@
//	%w  so, as one word: also with question marks for blanks
//	%j  within a string of JSON
//	%c  within a quoted field of CSV (RFC 4180)
//	%l  so, as a value of logfmt, in quotes where it must be
//	%e  so, within a value in quotes
//
// Lines that belong together stand together, with an empty line after them.
func imitable(t testing.TB) (groups []string) {
	files, err := filepath.Glob("testdata/imitation/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for group := range strings.SplitSeq(string(text), "\n\n") {
			if !strings.HasPrefix(group, "#") {
				groups = append(groups, group)
			}
		}
	}
	return groups
}

// imitate returns the lines with a stranger's words in them.
func imitate(t testing.TB, lines, words string) string {
	without := func(words, some string) string {
		return strings.Map(func(r rune) rune {
			if r < ' ' || r == 0x7f || strings.ContainsRune(some, r) {
				return '?'
			}
			return r
		}, words)
	}
	inJSON, err := json.Marshal(words)
	if err != nil {
		t.Fatal(err)
	}
	printable := without(words, "")
	quoted := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(printable) + `"`
	value := printable
	if value == "" || strings.ContainsAny(value, ` ="\`) {
		value = quoted
	}
	return strings.NewReplacer(
		"%s", printable, "%q", quoted, "%h", without(words, ` <>()\";@`), "%w", without(words, " "),
		"%j", string(inJSON[1:len(inJSON)-1]), "%c", strings.ReplaceAll(printable, `"`, `""`),
		"%l", value, "%e", quoted[1:len(quoted)-1],
	).Replace(lines)
}

// tellWithoutText returns what lines tell but for the texts of replies.
func tellWithoutText(lines string) string {
	p := logparse.NewParser()
	var b strings.Builder
	for line := range strings.Lines(lines) {
		r := p.Parse([]byte(strings.TrimSuffix(line, "\n")))
		for i := range r.Events {
			e := r.Events[i]
			e.Text, e.Said = nil, nil
			fmt.Fprintln(&b, showEvent(&e))
		}
	}
	return b.String()
}

// FuzzImitation tests that no stranger's words change what a line counts. It
// begins with those of testdata/imitation/words, a line each, or in Go's quotes
// after ">".
func FuzzImitation(f *testing.F) {
	words, err := os.ReadFile("testdata/imitation/words")
	if err != nil {
		f.Fatal(err)
	}
	for words := range strings.Lines(string(words)) {
		words = strings.TrimSuffix(words, "\n")
		if quoted, ok := strings.CutPrefix(words, ">"); ok && strings.HasPrefix(quoted, `"`) {
			if words, err = strconv.Unquote(quoted); err != nil {
				f.Fatalf("%s: %v", quoted, err)
			}
		}
		f.Add(words)
	}
	groups := imitable(f)
	f.Fuzz(func(t *testing.T, words string) {
		for _, lines := range groups {
			want, got := tellWithoutText(imitate(t, lines, "words")), tellWithoutText(imitate(t, lines, words))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s\n(-harmless +imitation):\n%s", imitate(t, lines, words), diff)
			}
		}
	})
}

// TestCutLines cuts every line of the cases short, as a logger does. What is left
// must not give a code that the whole line does not give.
func TestCutLines(t *testing.T) {
	try := sweep(t, 8)
	for _, c := range allCases(t) {
		for _, line := range c.lines(t) {
			if bytes.Contains(line, []byte(": --- ")) {
				continue // Sendmail says behind a reply that it was not sent
			}
			whole := map[wire]bool{}
			for _, e := range logparse.NewParser().Parse(line).Events {
				whole[wire{e.Direction.String(), e.Code}] = true
			}
			for end := range line {
				if !try() {
					continue
				}
				r := logparse.NewParser().Parse(line[:end])
				if r.MTA == "exim" && bytes.Contains(line, []byte("192.0.2.66")) {
					break // cut within an imitation, it is what it imitates
				}
				for i := range r.Events {
					e := &r.Events[i]
					if n := len(e.Text); n > 0 && n <= len("550") { // of a word such as "5500", or less
						continue
					}
					// That Exim's ACLs gave no text is what a line without one tells.
					if r.MTA == "exim" && e.Implied && e.Direction == logparse.Sent && len(e.Text) == 0 {
						continue
					}
					if e.Code != 0 && !whole[wire{e.Direction.String(), e.Code}] {
						t.Errorf("%q: %s", line[:end], showEvent(e))
						break
					}
				}
			}
		}
	}
}
