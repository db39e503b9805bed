package logparse_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"smtp_reply_exporter/logparse"
)

// caseLines returns the lines of the cases in testdata.
func caseLines(t testing.TB) (log [][]byte) {
	for _, c := range allCases(t) {
		log = append(log, c.lines(t)...)
	}
	return log
}

// check tests what must hold for the events of any line.
func check(t *testing.T, line []byte, r *logparse.Result) {
	t.Helper()
	if understood := len(r.Events) > 0; understood != (r.Outcome == logparse.Understood) {
		t.Errorf("%q: outcome %v with %d events", line, r.Outcome, len(r.Events))
	}
	if (r.Shape != "") != (r.Outcome == logparse.NotUnderstood) {
		t.Errorf("%q: outcome %v with shape %q", line, r.Outcome, r.Shape)
	}
	if lost := r.LostLines > 0; lost != (r.Logger != "") || lost && r.Outcome != logparse.Foreign {
		t.Errorf("%q: outcome %v with %d lost lines of %q", line, r.Outcome, r.LostLines, r.Logger)
	}
	for i := range r.Events {
		checkEvent(t, line, &r.Events[i])
	}
}

func checkEvent(t *testing.T, line []byte, e *logparse.Event) {
	t.Helper()
	fail := func(what string) { t.Errorf("%q: %s: %s", line, what, showEvent(e)) }
	if e.Count < 1 || e.Deliveries < 0 {
		fail("count")
	}
	misplaced := e.Cause == logparse.CauseProtocol && e.Kind == logparse.Reply && e.Dialogue && e.Deliveries == 0
	if (e.Cause != logparse.NoCause) != (e.Kind == logparse.Delivery || misplaced) {
		fail("cause")
	}
	if (e.Code != 0) != (e.Kind == logparse.Reply) || e.Code != 0 && (e.Code < 200 || e.Code > 599) {
		fail("code")
	}
	if e.Class != 0 && (e.Kind != logparse.Refusal || e.Class != 4 && e.Class != 5) {
		fail("class")
	}
	if class := e.Enhanced.Class; class != 0 && class != 2 && class != 4 && class != 5 ||
		e.Enhanced.Subject > 999 || e.Enhanced.Detail > 999 {
		fail("enhanced code")
	}
	if e.Kind != logparse.Reply && (e.Repeat || e.Implied || e.Dialogue) {
		fail("marks of a reply")
	}
	if e.Dialogue && e.Code.Class() > 3 {
		fail("a refusal is no dialogue")
	}
	if e.Deliveries > 0 && (e.Direction == logparse.Sent || e.Kind == logparse.Refusal) {
		fail("deliveries")
	}
	if e.Authenticated && e.Direction == logparse.Received {
		fail("authenticated")
	}
	if _, _, ok := logparse.ParseReply(e.Text); e.Kind == logparse.Reply && !ok && !e.Implied {
		fail("text is no reply")
	}
}

func FuzzEnvelope(f *testing.F) {
	for _, line := range caseLines(f) {
		f.Add(line)
	}
	for _, w := range wrappers() {
		line := []byte("Nov 23 14:16:23 mx1 postfix/smtpd[699]: timeout after RCPT from a[192.0.2.7]")
		r := logparse.NewParser().Parse(line)
		f.Add(w.wrap(line, &r.Envelope))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		p := logparse.NewParser()
		before := bytes.Clone(line)
		r := p.Parse(line)
		check(t, before, &r)
		if !bytes.Equal(line, before) {
			t.Errorf("%q was written to", before)
		}
		e := r.Envelope
		if len(e.Message) > len(line) || len(e.Program) > len(line) || len(e.Host) > len(line) || len(e.PID) > len(line) {
			t.Errorf("%q: fields longer than the line", line)
		}
		for r, more := p.Next(); more; r, more = p.Next() {
			check(t, before, &r)
		}
		for r, more := p.Parse(line), true; more; r, more = p.Next() {
			check(t, before, &r)
		}
	})
}

// parserFor returns a parser for the lines of one MTA.
func parserFor(t testing.TB, mta string) *logparse.Parser {
	t.Helper()
	p, err := logparse.NewParserFor(mta)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// FuzzMTA parses the lines of a session with one parser, since the parser's state
// after a line changes how it reads the next ones. The number is an index of MTAs.
func FuzzMTA(f *testing.F) {
	mtas := logparse.MTAs()
	for i, mta := range mtas {
		for _, c := range casesOf(f, mta) {
			f.Add(uint8(i), string(bytes.Join(c.lines(f), []byte("\n"))))
		}
		for _, name := range corpora(f) {
			if strings.HasPrefix(name, mta+"/") {
				log := lines(readCorpus(f, name+".log"))
				for session := range slices.Chunk(log[:min(len(log), 1000)], 20) {
					f.Add(uint8(i), string(bytes.Join(session, []byte("\n"))))
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, i uint8, session string) {
		mta := mtas[int(i)%len(mtas)]
		p := parserFor(t, mta)
		for line := range strings.Lines(session) {
			checkLine(t, p, mta, []byte(strings.TrimSuffix(line, "\n")))
		}
	})
}

// checkLine parses a line and tests what holds for every result.
func checkLine(t *testing.T, p *logparse.Parser, mta string, line []byte) {
	before := bytes.Clone(line)
	r := p.Parse(line)
	check(t, before, &r)
	if !bytes.Equal(line, before) {
		t.Errorf("%q was written to", before)
	}
	m := r.Envelope.Message
	if bytes.HasPrefix(m, []byte("message repeated ")) || bytes.HasPrefix(m, []byte("disconnect from ")) ||
		mta == "haraka" && bytes.Contains(m, []byte("rcpts")) ||
		mta == "maddy" && bytes.Contains(m, []byte("DATA error")) { // over LMTP, one for each recipient
		return
	}
	for i := range r.Events {
		if e := &r.Events[i]; e.Count > max(1, e.Deliveries) {
			t.Errorf("%q counts %d", line, e.Count)
		}
	}
}

func FuzzParseReply(f *testing.F) {
	for _, test := range replyTests {
		f.Add([]byte(test.text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		code, enhanced, ok := logparse.ParseReply(text)
		if !ok {
			if code != 0 || enhanced != (logparse.EnhancedCode{}) {
				t.Errorf("%q: no reply, but %v %v", text, code, enhanced)
			}
			return
		}
		if code < 200 || code > 599 || !bytes.HasPrefix(text, []byte(code.String())) {
			t.Errorf("%q: code %v", text, code)
		}
		if enhanced == (logparse.EnhancedCode{}) {
			return
		}
		again, n := logparse.ParseEnhanced([]byte(enhanced.String()))
		if again != enhanced || n != len(enhanced.String()) {
			t.Errorf("%q: enhanced code %v reads as %v", text, enhanced, again)
		}
	})
}
