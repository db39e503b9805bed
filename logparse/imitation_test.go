package logparse_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"smtp_reply_exporter/logparse"
)

// A place is where a stranger's words stand in a line. The letter says how the MTA
// writes them, see written. Places with the same number before the letter are in
// the hands of one stranger.
var place = regexp.MustCompile(`%([0-9]?[` + ways + `])`)

// ways are the letters that written knows.
const ways = "sktTmPqdDbaxhwWuvjJcCle"

// imitable returns the templates of testdata/MTA/imitation, whose places a stranger
// fills. Lines that belong together stand together, with an empty line after them,
// and after a line that begins with "# ambiguous: " and says why, if they are, or with
// "# unclear " and an expression as in fields.
func imitable(t testing.TB, mta string) (all []*template) {
	text, err := os.ReadFile("testdata/" + mta + "/imitation")
	if err != nil {
		t.Fatal(err)
	}
	for group := range strings.SplitSeq(strings.TrimSpace(string(text)), "\n\n") {
		first, rest, _ := strings.Cut(group, "\n")
		unclear, isUnclear := strings.CutPrefix(first, "# unclear ")
		var some []*template
		switch {
		case strings.HasPrefix(first, "# ambiguous: "):
			some = templates(rest, true)
		case isUnclear:
			some = templates(rest, false)
		case !strings.HasPrefix(group, "#"):
			some = templates(group, false)
		}
		for _, m := range some {
			if m.unclear = unclearWords(declared(t, mta)); isUnclear {
				m.unclear = regexp.MustCompile(unclear)
			}
		}
		all = append(all, some...)
	}
	return all
}

// written returns a stranger's words as an MTA writes them:
//
//	s  with question marks for control characters
//	k  so, as a client's command, whose name is that of the event's too
//	t  so, as a reply's text, whose enhanced code is in the speaker's hands too
//	T  so, as a reply's text within quotes
//	m  so, as a reply's text, also with question marks for single quotes
//	P  so, as a reply's text within a string of Python, in single quotes
//	q  so, in quotes with backslashes, as a local part (RFC 5321 §4.1.2)
//	d  so, with two backslashes for each, as Sendmail writes one
//	D  so, without the quotes
//	b  so, with backslashes alone, as a local part that is not in quotes
//	a  so, as an atom, with question marks for all that it must not have
//	x  so, as an address that Exim writes without its quotes, and then with them; it
//	   takes none that is longer than 256 bytes
//	h  so, as a HELO name: also with question marks for blanks and <>()\";@
//	w  so, as one word: also with question marks for blanks
//	W  so, as a reply's text
//	u  so, as a reply's text, with underlines for blanks (qmail-send.c)
//	v  so, as a reply's text or else within a field of CSV that is not in quotes
//	j  within a string of JSON
//	J  so, as a reply's text
//	c  within a quoted field of CSV (RFC 4180)
//	C  so, as a reply's text
//	l  so, as a value of logfmt, in quotes where it must be
//	e  so, within a value in quotes
func written(how byte, words string) string {
	if how == 'j' || how == 'J' {
		var b strings.Builder
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		if err := e.Encode(words); err != nil {
			panic(err) // no string does that
		}
		return b.String()[1 : b.Len()-len("\"\n")]
	}
	without := func(some string) string {
		return strings.Map(func(r rune) rune {
			if r < ' ' || r == 0x7f || strings.ContainsRune(some, r) {
				return '?'
			}
			return r
		}, words)
	}
	printable := without("")
	escaped := func() string { return escape.Replace(printable) }
	switch how {
	case 's', 'k', 't':
		return printable
	case 'q':
		return `"` + escaped() + `"`
	case 'd':
		return `"` + double.Replace(escaped()) + `"`
	case 'D':
		return double.Replace(escaped())
	case 'b':
		return special.ReplaceAllString(cmp.Or(printable, "x"), `\$0`) // a local part is not empty
	case 'a':
		return special.ReplaceAllString(printable, "?")
	case 'm':
		return without("'")
	case 'P':
		return strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(printable)
	case 'x':
		printable = printable[:min(len(printable), 100)]
		return printable + `@dest.example <"` + escaped() + `"@dest.example>`
	case 'h':
		return without(` <>()\";@`)
	case 'w', 'W':
		return without(" ")
	case 'u':
		return strings.ReplaceAll(printable, " ", "_")
	case 'v':
		return without(`,"`)
	case 'c', 'C':
		return strings.ReplaceAll(printable, `"`, `""`)
	case 'l':
		if words == "" || strings.ContainsAny(printable, ` ="\`) {
			return `"` + escaped() + `"`
		}
		return printable
	case 'e', 'T':
		return escaped()
	}
	panic("no way to write: " + string(how))
}

var (
	escape = strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	double = strings.NewReplacer(`\`, `\\`)
)

// special is what RFC 5322 §3.2.3 does not allow in an atom.
var special = regexp.MustCompile("[^A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]")

// imitations returns the words that a stranger may choose to imitate a log.
func imitations(t testing.TB) []string { return append(forgeries(t), marks()...) }

// forgeries returns the words of testdata/words, a line each, or in Go's quotes after
// ">".
func forgeries(t testing.TB) (all []string) {
	text, err := os.ReadFile("testdata/words")
	if err != nil {
		t.Fatal(err)
	}
	for words := range strings.Lines(string(text)) {
		words = strings.TrimSuffix(words, "\n")
		if quoted, ok := strings.CutPrefix(words, ">"); ok && strings.HasPrefix(quoted, `"`) {
			if words, err = strconv.Unquote(quoted); err != nil {
				t.Fatalf("%s: %v", quoted, err)
			}
		}
		all = append(all, words)
	}
	return all
}

// marks returns the marks that structure logs, two and three in every order.
func marks() (all []string) {
	marks := []string{"(", ":", ",", "[", "]", "<", ">", `"`, `\`, "="}
	for _, a := range marks {
		for _, b := range marks {
			all = append(all, a+b, a+" "+b)
			for _, c := range marks {
				all = append(all, a+b+c, a+" "+b+" "+c)
			}
		}
	}
	return all
}

// FuzzImitation tests that no stranger's words change what a line counts.
func FuzzImitation(f *testing.F) {
	words := forgeries(f)
	if flag.Lookup("test.fuzz").Value.String() != "" {
		words = append(words, marks()...) // else TestSplice tries them
	}
	for _, words := range words {
		f.Add(words)
	}
	var all []*template
	for _, mta := range logparse.MTAs() {
		all = append(all, imitable(f, mta)...)
	}
	f.Fuzz(func(t *testing.T, words string) {
		for _, m := range all {
			if problem := m.splice(words); problem != "" {
				t.Errorf("%s\n%s", m, problem)
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
			if len(line) >= 2000 {
				continue // Postfix itself cut it, so that it is not understood
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
				if (r.MTA == "exim" || r.MTA == "postfix" || r.MTA == "sendmail") && bytes.Contains(line, []byte("192.0.2.66")) {
					break // cut within an imitation, it is what it imitates
				}
				for i := range r.Events {
					e := &r.Events[i]
					if n := len(e.Text); n > 0 && n <= len("550") { // of a word such as "5500", or less
						continue
					}
					// That Exim's ACLs gave no text is what a line without one tells. The
					// words of its own replies are in no line.
					if r.MTA == "exim" && e.Implied && e.Direction == logparse.Sent && (len(e.Text) == 0 || !bytes.Contains(line, e.Text)) {
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
