package logparse_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"smtp_reply_exporter/logparse"
)

// A truthRow is a reply as the peers of the corpus' server recorded it
// (testdata/corpus/README.md).
type truthRow struct {
	Line      int
	Direction string
	Code      logparse.Code
	Enhanced  string
	Stage     string
	Remote    string
	Repeat    bool
}

// shown identifies a reply within a log.
type shown struct {
	line      int
	direction string
	code      logparse.Code
}

// wire is the key of a reply counter.
type wire struct {
	direction string
	code      logparse.Code
}

// readCorpus returns a file of the corpus, uncompressed; nil if there is none.
func readCorpus(t testing.TB, name string) []byte {
	t.Helper()
	f, err := os.Open("testdata/corpus/" + name + ".gz")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := b.ReadFrom(z); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func readRows(t *testing.T, name string) (rows []truthRow) {
	t.Helper()
	s := bufio.NewScanner(bytes.NewReader(readCorpus(t, name)))
	for s.Scan() {
		var row truthRow
		if err := json.Unmarshal(s.Bytes(), &row); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		rows = append(rows, row)
	}
	return rows
}

// lines returns the lines of a log.
func lines(log []byte) [][]byte {
	return bytes.Split(bytes.TrimSuffix(log, []byte("\n")), []byte("\n"))
}

// parseLog calls f with each event of a log and its line number, from 1.
func parseLog(log []byte, f func(line int, e *logparse.Event)) {
	p := logparse.NewParser()
	for i, line := range lines(log) {
		r := p.Parse(line)
		for j := range r.Events {
			f(i+1, &r.Events[j])
		}
	}
}

// stages maps the corpus' names of commands to ours.
var stages = map[string]string{
	"eod": "end_of_data", "dot": "end_of_data", "helo": "ehlo", "lhlo": "ehlo", "banner": "connect",
	"expn": "other", "noop": "other", "help": "other", "raw": "other", "xclient": "other",
}

func commandName(stage string) string {
	if name, ok := stages[stage]; ok {
		return name
	}
	return stage
}

// eximAttempt matches a line of a recipient, also of one whose delivery Exim tried
// while it received the message. With -N (*>) Exim delivers nothing.
var eximAttempt = regexp.MustCompile(` \w{6}-(?:\w{6}-\w{2}|\w{11}-\w{4}) ((=>|->|>>|==|\*\*) |.* (rejected|tmp-reject from cutthrough) after DATA: R=)`)

// attempts counts the deliveries in a log of Postfix or Exim by words alone.
func attempts(log []byte) (n int) {
	for _, line := range lines(log) {
		if eximAttempt.Match(line) && !bytes.Contains(line, []byte(`: [1\`)) {
			n++
		}
		for _, status := range []string{" status=sent (", " status=deferred (", " status=bounced (", " status=SOFTBOUNCE ("} {
			if bytes.Contains(line, []byte(status)) && bytes.Contains(line, []byte(": to=<")) {
				n++
			}
		}
	}
	return n
}

func TestCorpusDeliveries(t *testing.T) {
	for _, name := range []string{
		"postfix/hard-cases", "postfix/syslog-traditional", "postfix/lmtp-unix", "postfix/transcript-verbose",
		"postfix/hard-cases-3.11", "postfix/newer-3.11",
		"exim/default-selector", "exim/all-selector", "exim/syslog-traditional",
	} {
		t.Run(name, func(t *testing.T) {
			log, n := readCorpus(t, name+".log"), 0
			parseLog(log, func(_ int, e *logparse.Event) { n += e.Deliveries })
			if want := attempts(log); n != want {
				t.Errorf("%d deliveries, want %d", n, want)
			}
		})
	}
}

// deviations are numbers of replies.
type deviations struct {
	Missed   int // although a line shows them
	Invented int
	Off      int // the counters' errors, summed over directions and codes
	// Found, but with another enhanced code, command or remote.
	Enhanced, Command, Remote int
}

// The known deviations of each log. None may grow.
var deviating = map[string]deviations{
	// Three 421 count by an earlier line that implies them, which the truth does
	// not record. The 521 that postscreen(8) sends to an HTTP client has the
	// client's command in the truth.
	"postfix/transcript-verbose": {Off: 3, Command: 1},
	// Haraka names only the remote servers of successful deliveries. The truth has
	// clients' addresses, the log their names.
	"haraka/coverage-info-default":  {Remote: 640},
	"haraka/coverage-notice-logfmt": {Remote: 190},
	// Haraka also talks to itself here, and the truth does not separate the two
	// sides. It may take constant words, such as "354 go ahead, make my day", or a
	// command from the wrong side. TestHarakaDialogue counts them by their lines.
	"haraka/coverage-protocol-default": {Off: 190, Command: 11, Remote: 3272},
	// The log does not name the server that refused.
	"courier/coverage-traditional": {Remote: 1212},
	// Eight lines show six replies without a recipient or id, which the lab sent but
	// could not find in the log. Six replies 552 5.x.y are 452 4.x.y here.
	"maddy/coverage-stderr": {Invented: 8, Off: 6, Enhanced: 6},
	"maddy/coverage-0.9.4":  {Enhanced: 7}, // were 552
	// Two lines show two replies each, and the truth found one of them. The log does
	// not name clients that milters refused. If two hosts sent the same reply in one
	// second, the truth took either.
	"sendmail/coverage-loglevel9-traditional": {Off: 2, Remote: 97},
	// The same, and two 554 count by a line before the greeting that implies them.
	// IPv6 clients have another address in the truth.
	"sendmail/transcript-loglevel15-traditional": {Off: 4, Remote: 51},
	// A message was deferred while it came in; the truth confuses its 451 with that
	// of the next attempt. It also takes two 535 for the 504 to another mechanism.
	"exim/default-selector":   {Off: 4},
	"exim/all-selector":       {Off: 3},
	"exim/syslog-traditional": {Off: 1},
	"exim/journal-json":       {Off: 1},
	// The same; and the truth has "H=" before the names of clients that failed to log in.
	"exim/4.100-default-selector": {Off: 4, Remote: 8},
	"exim/4.100-all-selector":     {Off: 3, Remote: 8},
	// The truth confuses equal replies of one second that have no id: one sent 501,
	// six 503 and a command. It has addresses for clients of a socket.
	"opensmtpd/coverage-traditional": {Off: 7, Command: 1, Remote: 15},
	// The same for two hosts, and a 421 4.4.2 whose 4.4.2 the truth lacks.
	"dma/coverage-traditional": {Enhanced: 1, Remote: 2},
}

// corpora returns the names of the logs with a truth, such as "postfix/hard-cases".
func corpora(t testing.TB) (names []string) {
	files, err := filepath.Glob("testdata/corpus/*/*.truth.jsonl.gz")
	if err != nil || len(files) == 0 {
		t.Fatalf("no corpus: %v", err)
	}
	for _, file := range files {
		name, _ := filepath.Rel("testdata/corpus", strings.TrimSuffix(file, ".truth.jsonl.gz"))
		names = append(names, filepath.ToSlash(name))
	}
	return names
}

// logNames returns the names of the logs to read as a whole: the corpora and, for
// each MTA without one, the lines of its cases, such as "exchange/cases".
func logNames(t testing.TB) []string {
	names := corpora(t)
	for _, mta := range logparse.MTAs() {
		if !slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(name, mta+"/") }) {
			names = append(names, mta+"/cases")
		}
	}
	return names
}

func readLog(t testing.TB, name string) []byte {
	mta, cases := strings.CutSuffix(name, "/cases")
	if !cases {
		return readCorpus(t, name+".log")
	}
	var log []byte
	for _, c := range casesOf(t, mta) {
		for _, line := range c.lines(t) {
			log = append(append(log, line...), '\n')
		}
	}
	return log
}

func TestCorpus(t *testing.T) {
	for _, name := range corpora(t) {
		t.Run(name, func(t *testing.T) {
			got := deviate(t, readCorpus(t, name+".log"), readRows(t, name+".truth.jsonl"), readRows(t, name+".implied.jsonl"), readIgnored(t, name))
			if diff := cmp.Diff(deviating[name], got); diff != "" {
				t.Errorf("deviations (-want +got):\n%s", diff)
			}
		})
	}
}

// readIgnored returns the numbers of the lines for which the corpus has no truth.
func readIgnored(t *testing.T, name string) map[int]bool {
	ignored := map[int]bool{}
	b := readCorpus(t, name+".ignore.json")
	if b == nil {
		return ignored
	}
	var lines []int
	if json.Unmarshal(b, &lines) != nil {
		var o struct {
			IgnoreLines []int `json:"ignore_lines"`
			Lines       []int
		}
		if err := json.Unmarshal(b, &o); err != nil {
			t.Fatal(err)
		}
		lines = append(o.IgnoreLines, o.Lines...)
	}
	for _, line := range lines {
		ignored[line] = true
	}
	return ignored
}

// deviate compares the events of a log with its truth. A line that shows several replies with
// one code, such as one to each recipient, may count as one reply.
func deviate(t *testing.T, log []byte, truth, implied []truthRow, ignored map[int]bool) (d deviations) {
	want := map[shown][]truthRow{}
	onWire := map[wire]int{}
	shownLines := map[int]bool{}
	words := map[int]int{} // by line, the replies that it shows by their words only
	for _, row := range implied {
		words[row.Line]++
	}
	for _, row := range truth {
		if ignored[row.Line] {
			continue
		}
		key := shown{row.Line, row.Direction, row.Code}
		want[key] = append(want[key], row)
		shownLines[row.Line] = true
		if !row.Repeat {
			onWire[wire{row.Direction, row.Code}]++
		}
	}
	found := map[shown]int{}
	parseLog(log, func(line int, e *logparse.Event) {
		if e.Kind != logparse.Reply || ignored[line] {
			return
		}
		key := shown{line, e.Direction.String(), e.Code}
		if !e.Repeat && (!e.Implied || shownLines[line]) {
			onWire[wire{key.direction, e.Code}] -= e.Count
		}
		rows := want[key]
		found[key]++
		if found[key] > len(rows) {
			if len(rows) == 0 && !e.Implied {
				if words[line] > 0 {
					words[line]--
				} else {
					d.Invented++
					t.Logf("invented: line %d: %s", line, showEvent(e))
				}
			}
			return
		}
		row := rows[found[key]-1]
		if !strings.EqualFold(row.Enhanced, e.Enhanced.String()) {
			d.Enhanced++
			t.Logf("enhanced code %s: line %d: %s", row.Enhanced, line, showEvent(e))
		}
		if e.Command != logparse.NoCommand && row.Stage != "" && commandName(row.Stage) != e.Command.String() {
			d.Command++
			t.Logf("command %s: line %d: %s", row.Stage, line, showEvent(e))
		}
		// Some truths have clients' addresses instead of their names.
		if row.Remote != "" && row.Remote != string(e.Addr) &&
			!strings.EqualFold(strings.TrimSuffix(row.Remote, "."), strings.TrimSuffix(string(e.Remote), ".")) {
			d.Remote++
			t.Logf("remote %s: line %d: %s", row.Remote, line, showEvent(e))
		}
	})
	for key, rows := range want {
		if found[key] == 0 {
			d.Missed += len(rows)
			t.Logf("missed: line %d: %s %v", key.line, key.direction, key.code)
		}
	}
	for what, n := range onWire {
		d.Off += max(n, -n)
		if n != 0 {
			t.Logf("off by %d: %s %v", n, what.direction, what.code)
		}
	}
	return d
}
