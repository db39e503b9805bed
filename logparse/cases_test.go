package logparse_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"smtp_reply_exporter/logparse"
)

var update = flag.Bool("update", false, "write what the parser says into the cases of testdata; read the diff")

// Cases are text, so that a further form of a line needs no Go code:
//
//	# A comment.
//	=== name of the case
//	> a line of a log
//	>" a line\x00 in Go's quotes, for bytes that are not text"
//	its events, one on each line; or its outcome
//
// A case begins with a new Parser.
type logCase struct {
	name string
	text string // as in the file, from its first line on
}

// readCases returns the cases of a file, and the text before the first case.
func readCases(t testing.TB, file string) (head string, cases []logCase) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, more := strings.Cut(string(text), "=== ")
	for more {
		var c string
		c, rest, more = strings.Cut(rest, "\n=== ")
		name, body, _ := strings.Cut(c, "\n")
		cases = append(cases, logCase{name, strings.TrimRight(body, "\n") + "\n"})
	}
	return head, cases
}

// logLine returns the log line in a line of a case, if there is one.
func logLine(t testing.TB, line string) (parsed []byte, ok bool) {
	if text, ok := strings.CutPrefix(line, "> "); ok {
		return []byte(text), true
	}
	if !strings.HasPrefix(line, `>"`) {
		return nil, false
	}
	text, err := strconv.Unquote(line[1:])
	if err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	return []byte(text), true
}

// lines returns the lines of the log.
func (c logCase) lines(t testing.TB) (log [][]byte) {
	for line := range strings.Lines(c.text) {
		if parsed, ok := logLine(t, strings.TrimSuffix(line, "\n")); ok {
			log = append(log, parsed)
		}
	}
	return log
}

// play parses the lines of a case and returns the case with what show returns for them.
func (c logCase) play(t *testing.T, show func(logparse.Result) string) string {
	p := logparse.NewParser()
	var shown strings.Builder
	for line := range strings.Lines(c.text) {
		parsed, ok := logLine(t, strings.TrimSuffix(line, "\n"))
		if ok || strings.HasPrefix(line, "#") {
			shown.WriteString(line)
		}
		if ok {
			shown.WriteString(show(p.Parse(parsed)))
		}
	}
	return shown.String()
}

func testCases(t *testing.T, pattern string, show func(logparse.Result) string) {
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases in %s: %v", pattern, err)
	}
	for _, file := range files {
		head, cases := readCases(t, file)
		var written strings.Builder
		written.WriteString(head)
		for i, c := range cases {
			if i > 0 {
				written.WriteByte('\n')
			}
			got := c.play(t, show)
			fmt.Fprintf(&written, "=== %s\n%s", c.name, got)
			t.Run(strings.TrimSuffix(filepath.Base(file), ".txt")+"/"+c.name, func(t *testing.T) {
				if diff := cmp.Diff(c.text, got); diff != "" && !*update {
					t.Errorf("%s (-want +got):\n%s", file, diff)
				}
			})
		}
		if *update {
			if err := os.WriteFile(file, []byte(written.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// casesOf returns the cases of an MTA.
func casesOf(t testing.TB, mta string) (cases []logCase) {
	files, err := filepath.Glob("testdata/" + mta + "/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		_, some := readCases(t, file)
		cases = append(cases, some...)
	}
	return cases
}

// allCases returns the cases of all files.
func allCases(t testing.TB) (all []logCase) {
	for _, folder := range append(logparse.MTAs(), "envelope") {
		all = append(all, casesOf(t, folder)...)
	}
	return all
}

// TestLines tests the cases of each MTA, in the directory with its name.
func TestLines(t *testing.T) {
	for _, mta := range logparse.MTAs() {
		t.Run(mta, func(t *testing.T) { testCases(t, "testdata/"+mta+"/*.txt", showResult) })
	}
}

func TestEnvelope(t *testing.T) { testCases(t, "testdata/envelope/*.txt", showEnvelope) }

// showResult writes the events of a line, or its outcome if it has none.
func showResult(r logparse.Result) string {
	var b strings.Builder
	for i := range r.Events {
		fmt.Fprintln(&b, showEvent(&r.Events[i]))
	}
	switch {
	case r.LostLines > 0:
		fmt.Fprintf(&b, "lost_lines count=%d logger=%s\n", r.LostLines, r.Logger)
	case r.Outcome != logparse.Understood:
		b.WriteString(r.Outcome.String())
		if r.Shape != "" {
			b.WriteString(" " + r.Shape)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// showEvent writes the fields of an event. It omits zero fields and a Count of 1.
func showEvent(e *logparse.Event) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v %v", e.Kind, e.Direction)
	for _, word := range []string{codeOf(e), e.Enhanced.String()} {
		if word != "" {
			b.WriteString(" " + word)
		}
	}
	if e.Class != 0 {
		fmt.Fprintf(&b, " %dxx", e.Class)
	}
	if e.Count != 1 {
		fmt.Fprintf(&b, " count=%d", e.Count)
	}
	if e.Deliveries != 0 {
		fmt.Fprintf(&b, " deliveries=%d", e.Deliveries)
	}
	for _, flag := range []struct {
		name string
		set  bool
	}{
		{"repeat", e.Repeat},
		{"implied", e.Implied},
		{"dialogue", e.Dialogue},
		{"authenticated", e.Authenticated},
	} {
		if flag.set {
			b.WriteString(" " + flag.name)
		}
	}
	for _, field := range []struct{ name, value string }{
		{"command", e.Command.String()},
		{"cause", e.Cause.String()},
		{"remote", string(e.Remote)},
		{"addr", string(e.Addr)},
		{"id", string(e.QueueID)},
	} {
		if field.value != "" {
			fmt.Fprintf(&b, " %s=%s", field.name, field.value)
		}
	}
	if e.Text != nil {
		text := strconv.Quote(string(e.Text))
		if len(text) > 2000 {
			text = fmt.Sprintf("(%d bytes)", len(e.Text))
		}
		b.WriteString(" text=" + text)
	}
	if e.Said != nil {
		fmt.Fprintf(&b, " said=%q", e.Said)
	}
	return b.String()
}

func codeOf(e *logparse.Event) string {
	if e.Code == 0 {
		return ""
	}
	return e.Code.String()
}

// showEnvelope writes the envelope of a line. It takes 2026 as the year, and UTC as
// the zone, of a time without them.
func showEnvelope(r logparse.Result) string {
	e := r.Envelope
	at := "none"
	if when, ok := e.Time.In(2026, time.UTC); ok {
		at = when.UTC().Format(time.RFC3339Nano)
	}
	return fmt.Sprintf("%s time=%s host=%s program=%s pid=%s message=%q\n", r.Outcome, at, e.Host, r.Program, e.PID, e.Message)
}

// TestCasesReachAll tests that the cases reach every outcome, shape, cause and
// logger.
func TestCasesReachAll(t *testing.T) {
	reached := map[string]bool{}
	for _, c := range allCases(t) {
		p := logparse.NewParser()
		for _, line := range c.lines(t) {
			r := p.Parse(line)
			reached[r.Outcome.String()], reached[r.Shape], reached[r.MTA], reached[r.Logger] = true, true, true, true
			for _, e := range r.Events {
				reached[e.Cause.String()] = true
			}
		}
	}
	names := slices.Concat(logparse.MTAs(), logparse.Causes(), logparse.Loggers())
	for _, outcome := range logparse.Outcomes() {
		names = append(names, outcome.String())
	}
	for _, mta := range logparse.MTAs() {
		names = append(names, logparse.Shapes(mta)...)
	}
	for _, name := range names {
		if !reached[name] {
			t.Errorf("no case reaches %s", name)
		}
	}
	if shapes := logparse.Shapes("none"); shapes != nil {
		t.Errorf("an unknown MTA has shapes %q", shapes)
	}
}
