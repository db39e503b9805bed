package logparse_test

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"smtp_reply_exporter/logparse"
)

// A field is one that testdata/MTA/fields declares: how to find it in a line of the
// cases, and who fills it. The first that finds a byte has it.
//
//	# A comment.
//	safe REGEXP               what no stranger fills, or what cannot hurt, such as an IP address
//	hostile HOW REGEXP        the group is what a stranger fills; HOW are the letters of the
//	                          ways in which the MTA may write it, see written
//	ambiguous HOW REGEXP      so, but the MTA's log does not show where it ends: see template
//	apart REGEXP              the FILE/NAME of cases that are lines cut short or imitations
//	unclear REGEXP            words after which only the codes may give a reason, and no login
//	                          may be known, for what is an address is no longer certain
type field struct {
	line      string // of the declaration
	hows      string // "" for a safe field
	ambiguous bool
	apart     bool
	unclear   bool
	find      *regexp.Regexp
	found     bool
}

// declared returns the fields that are declared for an MTA.
func declared(t testing.TB, mta string) (all []*field) {
	text, err := os.ReadFile("testdata/" + mta + "/fields")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(strings.TrimSpace(string(text)), "\n") {
		kind, find, _ := strings.Cut(line, " ")
		f := &field{line: line}
		switch kind {
		case "safe":
		case "apart":
			f.apart = true
		case "unclear":
			f.unclear, f.found = true, true
		case "hostile", "ambiguous":
			f.ambiguous = kind == "ambiguous"
			f.hows, find, _ = strings.Cut(find, " ")
			if f.hows == "" || strings.Trim(f.hows, ways) != "" {
				t.Fatalf("%s: no way to write: %s", mta, line)
			}
		default:
			if kind != "" && kind != "#" {
				t.Fatalf("%s declares: %s", mta, line)
			}
			continue
		}
		if f.find, err = regexp.Compile(strings.TrimLeft(find, " ")); err != nil {
			t.Fatalf("%s: %s: %v", mta, line, err)
		}
		if groups := f.find.NumSubexp(); (groups == 1) != (f.hows != "") {
			t.Fatalf("%s: %d groups: %s", mta, groups, line)
		}
		all = append(all, f)
	}
	return all
}

// unclearWords returns the expression of words that may leave a reason unclear; nil for
// none.
func unclearWords(fields []*field) *regexp.Regexp {
	for _, f := range fields {
		if f.unclear {
			return f.find
		}
	}
	return nil
}

// A spot is where a field's value stands in the lines of a case.
type spot struct {
	start, end int
	field      *field
}

// findFields returns the spots of hostile fields in a line, and its bytes that no
// field's expression matches although they structure it: = < [ ".
func findFields(line string, fields []*field) (hostile []spot, open []int) {
	matched, taken := make([]bool, len(line)), make([]bool, len(line))
	for _, f := range fields {
		if f.apart || f.unclear {
			continue
		}
		for _, m := range f.find.FindAllStringSubmatchIndex(line, -1) {
			value := m[len(m)-2:]
			if f.hows != "" && slices.Contains(taken[value[0]:value[1]], true) {
				continue
			}
			f.found = true
			fill(matched[m[0]:m[1]])
			fill(taken[value[0]:value[1]])
			if f.hows != "" && value[0] < value[1] {
				hostile = append(hostile, spot{value[0], value[1], f})
			}
		}
	}
	for i := range line {
		if !matched[i] && strings.IndexByte(`=<["`, line[i]) >= 0 {
			open = append(open, i)
		}
	}
	slices.SortFunc(hostile, func(a, b spot) int { return a.start - b.start })
	return hostile, open
}

func fill(some []bool) {
	for i := range some {
		some[i] = true
	}
}

// caseTemplates returns the cases of an MTA with places for hostile fields: one
// template for each value in a case, at all spots where it stands, and for each way
// in which it may be written.
func caseTemplates(t *testing.T, mta string) (all []*template) {
	fields := declared(t, mta)
	seen := map[string]bool{}
	for _, c := range casesByFile(t, mta) {
		if isApart(c.name, fields) {
			continue
		}
		log, spots, outcomes := spotsOf(t, mta, c, fields)
		for _, m := range templatesOf(log, spots) {
			if seen[m.String()] {
				continue
			}
			seen[m.String()] = true
			m.unclear = unclearWords(fields)
			m.play()
			for i, want := range m.want {
				if want.outcome != outcomes[i] {
					t.Errorf("%s: %v is %v with innocent words:\n%s", c.name, outcomes[i], want.outcome, m)
					break
				}
			}
			all = append(all, m)
		}
	}
	for _, f := range fields {
		if !f.found {
			t.Errorf("%s has no case with a field that it declares: %s", mta, f.line)
		}
	}
	return all
}

// casesByFile returns the cases of an MTA, named FILE/NAME.
func casesByFile(t *testing.T, mta string) (all []logCase) {
	files, err := filepath.Glob("testdata/" + mta + "/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		_, cases := readCases(t, file)
		for _, c := range cases {
			c.name = strings.TrimSuffix(filepath.Base(file), ".txt") + "/" + c.name
			all = append(all, c)
		}
	}
	return all
}

func isApart(name string, fields []*field) bool {
	apart := false
	for _, f := range fields {
		if f.apart && f.find.MatchString(name) {
			f.found, apart = true, true
		}
	}
	return apart
}

// spotsOf returns the lines of a case, the spots of hostile fields in them and what
// becomes of each line. Lines of other programs and those within JSON have none.
func spotsOf(t *testing.T, mta string, c logCase, fields []*field) (log string, spots []spot, outcomes []logparse.Outcome) {
	var b strings.Builder
	p := logparse.NewParser()
	for _, line := range c.lines(t) {
		line = bytes.ReplaceAll(line, []byte("\n"), []byte("?"))
		r := p.Parse(line)
		outcomes = append(outcomes, r.Outcome)
		at := len(line) - len(r.Envelope.Message)
		if r.MTA == mta && bytes.HasSuffix(line, r.Envelope.Message) {
			hostile, open := findFields(string(line[at:]), fields)
			if len(open) > 0 {
				t.Errorf("%s: not declared: %.40s in\n%s", c.name, line[at+open[0]:], line)
			}
			for _, s := range hostile {
				spots = append(spots, spot{b.Len() + at + s.start, b.Len() + at + s.end, s.field})
			}
		}
		b.Write(line)
		b.WriteByte('\n')
	}
	return strings.TrimSuffix(b.String(), "\n"), spots, outcomes
}

// templatesOf returns the log with places for each of the values at the spots.
func templatesOf(log string, spots []spot) (all []*template) {
	places := map[string][]spot{}
	for _, s := range spots {
		value := log[s.start:s.end]
		places[value] = append(places[value], s)
	}
	for _, value := range slices.Sorted(maps.Keys(places)) {
		ways := 0
		for _, s := range places[value] {
			ways = max(ways, len(s.field.hows))
		}
		for i := range ways {
			all = append(all, templateOf(log, places[value], i))
		}
	}
	return all
}

// templateOf returns the log with places at the spots, written in the i-th way.
func templateOf(log string, spots []spot, i int) *template {
	m := &template{}
	last := 0
	for _, s := range spots {
		m.parts = append(m.parts, log[last:s.start])
		m.hows = append(m.hows, s.field.hows[min(i, len(s.field.hows)-1)])
		m.ambiguous = m.ambiguous || s.field.ambiguous
		last = s.end
	}
	m.parts = append(m.parts, log[last:])
	return m
}
