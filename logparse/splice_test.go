package logparse_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"smtp_reply_exporter/exporter/classify"
	"smtp_reply_exporter/exporter/config"
	"smtp_reply_exporter/logparse"
)

// labelsOf returns the labels under which the exporter counts an event.
var labelsOf = sync.OnceValue(func() func(*logparse.Event) classify.Labels {
	c, err := classify.New(&config.Config{})
	if err != nil {
		panic(err) // the host has no network interfaces to list
	}
	return func(e *logparse.Event) classify.Labels { return c.Labels(nil, e) }
})

// innocent are words that have no meaning in any log.
const innocent = "words"

// splices returns the words that a stranger tries: the lines of all cases, whole and
// from each token on, and those of imitations. Long words are left out: Postfix cuts
// its records, and one of that length is not understood.
func splices(t testing.TB) []string {
	all := imitations(t)
	for _, c := range allCases(t) {
		all = append(all, tails(c.lines(t))...)
	}
	return distinct(all)
}

// splicesFor returns those of the splices that a sweep of an MTA's places tries: what its
// own lines have, and by chance a tenth of what others' have, which is most of all.
func splicesFor(t *testing.T, mta string) []string {
	_, seed := sweeps(t)
	random := rand.New(rand.NewPCG(seed, 1))
	own := imitations(t)
	for _, c := range casesOf(t, mta) {
		own = append(own, tails(c.lines(t))...)
	}
	for _, words := range splices(t) {
		if random.IntN(10) == 0 {
			own = append(own, words)
		}
	}
	return distinct(own)
}

// tails returns what lines have from each token on.
func tails(lines [][]byte) (all []string) {
	for _, line := range lines {
		line := strings.ToValidUTF8(string(line), "?")
		for i := range line {
			if len(line)-i <= 1000 && beginsToken(line, i) {
				all = append(all, line[i:])
			}
		}
	}
	return all
}

func distinct(all []string) []string {
	seen := make(map[string]bool, len(all))
	return slices.DeleteFunc(all, func(words string) bool {
		again := seen[words]
		seen[words] = true
		return again
	})
}

func beginsToken(s string, i int) bool {
	return i == 0 || isWord(s[i]) != isWord(s[i-1]) || strings.IndexByte(`(:,[]<>"\=;`, s[i-1]) >= 0
}

func isWord(b byte) bool {
	return b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
}

// A template is a log in which a stranger's words stand in one or more places.
type template struct {
	parts []string // what stands between the places
	hows  []byte   // of the places, see written
	// ambiguous is true where the log's own format lets the words be read in two
	// ways. The line may then be not understood, or a refusal without its code, and
	// must not give other codes.
	ambiguous bool
	// unclear matches words after which only the codes may give a reason, and no login
	// may be known; nil for none.
	unclear *regexp.Regexp
	want    []lineTold // with innocent words
	// wrap writes the lines of the log in another form; nil for none.
	wrap func(log string) string
}

// lineTold is what one line told.
type lineTold struct {
	outcome logparse.Outcome
	events  []logparse.Event
	labels  []classify.Labels // of the events
}

// templates returns the templates of imitable lines: all places in the hands of one
// stranger, and those with one letter, or one number before it, in the hands of each.
func templates(lines string, ambiguous bool) (all []*template) {
	places := place.FindAllStringSubmatch(lines, -1)
	strangers := []string{""}
	for _, p := range places {
		if first := stranger(places[0][1]); stranger(p[1]) != first && !slices.Contains(strangers, stranger(p[1])) {
			if len(strangers) == 1 {
				strangers = append(strangers, first)
			}
			strangers = append(strangers, stranger(p[1]))
		}
	}
	for _, who := range strangers {
		m := &template{ambiguous: ambiguous}
		last := 0
		before := ""
		for _, at := range place.FindAllStringSubmatchIndex(lines, -1) {
			before += lines[last:at[0]]
			last = at[1]
			how := lines[at[1]-1]
			if who != "" && stranger(lines[at[2]:at[3]]) != who {
				before += written(how, innocent)
				continue
			}
			m.parts, m.hows = append(m.parts, before), append(m.hows, how)
			before = ""
		}
		m.parts = append(m.parts, before+lines[last:])
		m.play()
		all = append(all, m)
	}
	return all
}

// stranger returns who fills a place: the number before its letter, else the letter.
func stranger(place string) string { return place[:1] }

// fill returns the log with words in the places, and the words as they are and as
// they are written there.
func (m *template) fill(words string) (log string, forms []string) {
	var b strings.Builder
	forms = append(forms, words)
	for i, how := range m.hows {
		w := written(how, words)
		forms = append(forms, w)
		b.WriteString(m.parts[i])
		b.WriteString(w)
	}
	b.WriteString(m.parts[len(m.hows)])
	log = b.String()
	if m.wrap != nil {
		log = m.wrap(log)
	}
	return log, forms
}

func (m *template) String() string {
	var b strings.Builder
	for i, how := range m.hows {
		b.WriteString(m.parts[i] + "%" + string(how))
	}
	return b.String() + m.parts[len(m.hows)]
}

// play keeps what the log tells with innocent words.
func (m *template) play() {
	p := logparse.NewParser()
	log, _ := m.fill(innocent)
	for line := range strings.SplitSeq(log, "\n") {
		r := p.Parse([]byte(line))
		told := lineTold{outcome: r.Outcome, events: slices.Clone(r.Events)}
		for i := range told.events {
			e := &told.events[i]
			e.Remote, e.Addr, e.QueueID = bytes.Clone(e.Remote), bytes.Clone(e.Addr), bytes.Clone(e.QueueID)
			e.Text, e.Said = bytes.Clone(e.Text), bytes.Clone(e.Said)
			told.labels = append(told.labels, labelsOf()(e))
		}
		m.want = append(m.want, told)
	}
}

// splice parses the log with a stranger's words and returns what they changed, ""
// for nothing.
func (m *template) splice(words string) string {
	log, forms := m.fill(words)
	p := logparse.NewParser()
	missed := false
	var late []logparse.Event // of the lines that were missed
	for i := range m.want {
		line, rest, _ := strings.Cut(log, "\n")
		log = rest
		r := p.Parse([]byte(line))
		if missed && (countsInstead(&m.want[i], &r) || countsLate(late, &r)) {
			continue
		}
		if r.Outcome == logparse.NotUnderstood {
			missed, late = true, append(late, m.want[i].events...)
		}
		if !m.allows(&m.want[i], &r, forms) {
			told := logparse.Result{Outcome: m.want[i].outcome, Events: m.want[i].events}
			return fmt.Sprintf("%s\n%s-> %s", line, showResult(told), showResult(r))
		}
	}
	return ""
}

// countsInstead reports whether a line counts a reply that it only repeats where an
// earlier line, which was not understood, could be read.
func countsInstead(want *lineTold, got *logparse.Result) bool {
	i := slices.IndexFunc(want.events, func(e logparse.Event) bool { return e.Repeat })
	return i >= 0 && len(got.Events) == 1 && !got.Events[0].Repeat &&
		got.Events[0].Code == want.events[i].Code && got.Events[0].Direction == want.events[i].Direction
}

// countsLate reports whether a line counts what an earlier line, which was not
// understood, would have counted of the lines before it.
func countsLate(late []logparse.Event, got *logparse.Result) bool {
	return len(got.Events) == 1 && slices.ContainsFunc(late, func(e logparse.Event) bool {
		return e.Code == got.Events[0].Code && e.Direction == got.Events[0].Direction && e.Command == got.Events[0].Command
	})
}

// allows reports whether a result differs from that with innocent words in the words
// alone. A line without an event may be not understood: that is visible.
func (m *template) allows(want *lineTold, got *logparse.Result, forms []string) bool {
	if got.Outcome == logparse.NotUnderstood {
		return len(want.events) == 0 || m.ambiguous
	}
	if len(got.Events) != len(want.events) || len(want.events) == 0 && want.outcome == logparse.NotUnderstood {
		return false
	}
	for i := range want.events {
		w, g := want.events[i], &got.Events[i]
		if m.ambiguous && w.Direction == g.Direction && (w.Code == g.Code || g.Kind == logparse.Refusal) {
			continue
		}
		unclear := m.unclear != nil && m.unclear.MatchString(forms[0])
		if unclear {
			w.Authenticated = w.Authenticated && g.Authenticated
		}
		if !sameCounts(&w, g) || w.Enhanced != g.Enhanced && !bytes.ContainsAny(m.hows, speakers) ||
			w.Command != g.Command && !bytes.ContainsAny(m.hows, "k") || !bytes.Equal(w.Addr, g.Addr) ||
			!sameButWords(w.Remote, g.Remote, forms) || !sameButWords(w.QueueID, g.QueueID, forms) {
			return false
		}
		labels := labelsOf()(g)
		if m.speaks(&w) || labels == want.labels[i] || unclear && (labels == labelsOf()(&w) || labels == labelsOf()(byCodes(w))) {
			continue
		}
		return false
	}
	return true
}

// speakers are the letters of places that hold a reply's text, see written.
const speakers = "tTmPWuvJC"

// speaks reports whether the stranger says the reply: its reason is then in his hands.
func (m *template) speaks(e *logparse.Event) bool {
	return bytes.ContainsAny(m.hows, speakers) && bytes.Contains(e.Text, []byte(innocent))
}

// byCodes returns an event whose reason only its codes give.
func byCodes(e logparse.Event) *logparse.Event {
	e.Said = fmt.Appendf(nil, "%d %v", e.Code, e.Enhanced)
	return &e
}

// sameCounts reports whether two events are equal but for what words can be in.
func sameCounts(a, b *logparse.Event) bool {
	return a.Kind == b.Kind && a.Direction == b.Direction && a.Code == b.Code && a.Class == b.Class && a.Count == b.Count &&
		a.Repeat == b.Repeat && a.Implied == b.Implied && a.Dialogue == b.Dialogue &&
		a.Deliveries == b.Deliveries && a.Cause == b.Cause && a.Authenticated == b.Authenticated
}

// sameButWords reports whether two fields are equal, or one is the innocent words
// where the other is one of the stranger's forms.
func sameButWords(want, got []byte, forms []string) bool {
	if bytes.Equal(want, got) {
		return true
	}
	return bytes.Contains(want, []byte(innocent)) && slices.ContainsFunc(forms, func(form string) bool {
		return string(got) == strings.ReplaceAll(string(want), innocent, form)
	})
}

// TestSplice writes the lines of all logs, from every token on, into each place that
// a stranger fills. That must not change what a line counts. Each place gets some
// words by chance, see sweep; in full, the places of imitation get all of splicesFor.
func TestSplice(t *testing.T) {
	full, _ := sweeps(t)
	words, some, few := splices(t), 200, 40
	for _, mta := range logparse.MTAs() {
		t.Run(mta, func(t *testing.T) {
			t.Parallel()
			words, some, few := words, some, few
			if full {
				words = splicesFor(t, mta)
				some, few = len(words), len(words)/40
			}
			t.Run("imitation", func(t *testing.T) { spliceAll(t, imitable(t, mta), words, some) })
			t.Run("cases", func(t *testing.T) { spliceAll(t, caseTemplates(t, mta), words, few) })
		})
	}
}

// spliceAll tries n of the words in each of the templates, and shows two failures of
// each.
func spliceAll(t *testing.T, all []*template, words []string, n int) {
	_, seed := sweeps(t)
	random := rand.New(rand.NewPCG(seed, 0))
	lines, failures := 0, 0
	for _, m := range all {
		shown := 0
		for i := range n {
			if n < len(words) {
				i = random.IntN(len(words))
			}
			lines += len(m.want)
			if problem := m.splice(words[i]); problem != "" {
				if failures++; shown < 2 {
					shown++
					t.Errorf("%s\n%s", m, problem)
				}
			}
		}
	}
	t.Logf("%d failures in %d lines: %d templates with %d of %d words, SEED=%d",
		failures, lines, len(all), n, len(words), seed)
}
