package reason

import (
	"cmp"
	"embed"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"smtp_reply_exporter/exporter/classify/provider"
	"smtp_reply_exporter/logparse"
)

// The rules are in the order of the file names. rules/README.md explains the columns.
//
//go:embed rules/*.tsv
var ruleFiles embed.FS

// A rule is one line of the rule files.
type rule struct {
	source string // file:line, for tests

	reason     string
	directions []logparse.Direction // empty: both
	providers  []string             // empty: all
	codes      codeSet
	enhanced   []enhancedRange // empty: any
	pattern    *pattern        // nil: any text, unless there is a phrase
	phrase     *phrase
	example    string
}

// applies reports whether the reply meets all conditions of the rule except the
// pattern. enhanced is the reply's own, or found in its text.
func (r *rule) applies(reply *Reply, enhanced logparse.EnhancedCode) bool {
	return r.codes.has(reply.Code) &&
		(len(r.directions) == 0 || slices.Contains(r.directions, reply.Direction)) &&
		(len(r.providers) == 0 || reply.Direction == logparse.Received && slices.Contains(r.providers, reply.Provider)) &&
		(len(r.enhanced) == 0 || slices.ContainsFunc(r.enhanced, func(e enhancedRange) bool { return e.has(enhanced) }))
}

// name returns the reason of the rule, or Other for nil.
func (r *rule) name() string {
	if r == nil {
		return Other
	}
	return r.reason
}

// loadRules reads the embedded rule files.
func loadRules() (*ruleSet, error) {
	f := ruleFile{lists: make(wordLists), concepts: newConcepts()}
	files, err := fs.Glob(ruleFiles, "rules/*.tsv")
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		data, err := ruleFiles.ReadFile(file)
		if err != nil {
			return nil, err
		}
		n := 0
		for line := range strings.Lines(string(data)) {
			n++
			line = strings.TrimRight(line, "\n")
			if line == "" || line[0] == '#' {
				continue
			}
			if err := f.read(line, fmt.Sprintf("%s:%d", file, n)); err != nil {
				return nil, fmt.Errorf("%s:%d: %w", file, n, err)
			}
		}
	}
	return newRuleSet(f.rules, f.concepts), nil
}

// A ruleFile holds what the lines of the files say.
type ruleFile struct {
	rules    []rule
	lists    wordLists
	concepts *concepts
}

// read reads one line: a rule, a list of words for patterns, or the words of a concept.
func (f *ruleFile) read(line, source string) error {
	line, err := f.lists.expand(line)
	if err != nil {
		return err
	}
	if name, words, ok := strings.Cut(line, "\t=\t"); ok {
		f.lists["{"+name+"}"] = "(?:" + words + ")"
		return nil
	}
	if name, words, ok := strings.Cut(line, "\t:\t"); ok {
		return f.concepts.define(name, words)
	}
	if name, two, ok := strings.Cut(line, "\t+\t"); ok {
		return f.concepts.join(name, two)
	}
	r, err := parseRule(line, f.concepts)
	if err != nil {
		return err
	}
	r.source = source
	f.rules = append(f.rules, r)
	return nil
}

// wordLists maps each {name} to the alternatives that patterns include by it.
type wordLists map[string]string

var listName = regexp.MustCompile(`\{[a-z]+\}`)

// expand replaces each {name} in s with the words of that list.
func (l wordLists) expand(s string) (_ string, err error) {
	s = listName.ReplaceAllStringFunc(s, func(name string) string {
		words, ok := l[name]
		if !ok {
			err = fmt.Errorf("unknown list of words %s; define it in a line above", name)
		}
		return words
	})
	return s, err
}

func parseRule(line string, c *concepts) (rule, error) {
	const columns = 6
	f := strings.Split(line, "\t")
	if len(f) != columns {
		return rule{}, fmt.Errorf("%d columns, want %d: reason, from, code, enhanced, pattern, example", len(f), columns)
	}
	r := rule{reason: f[0], example: f[5]}
	if !slices.Contains(names, r.reason) {
		return rule{}, fmt.Errorf("unknown reason %q", r.reason)
	}
	if err := cmp.Or(r.parseFrom(f[1]), r.parseCodes(f[2]), r.parseEnhanced(f[3]), r.parsePattern(f[4], c)); err != nil {
		return rule{}, err
	}
	return r, nil
}

func (r *rule) parseFrom(s string) error {
	switch s {
	case "-":
	case "sent":
		r.directions = []logparse.Direction{logparse.Sent}
	case "received":
		r.directions = []logparse.Direction{logparse.Received}
	default:
		r.providers = strings.Split(s, ",")
		for _, p := range r.providers {
			if !slices.Contains(provider.Names(), p) {
				return fmt.Errorf("unknown provider %q", p)
			}
		}
	}
	return nil
}

// parsePattern reads "-", "= sender quota" for a phrase, or a regular expression.
func (r *rule) parsePattern(s string, c *concepts) (err error) {
	if words, ok := strings.CutPrefix(s, "= "); ok {
		r.phrase, err = c.compile(words)
	} else if s != "-" {
		r.pattern, err = compilePattern(s)
	}
	return err
}

// A codeSet is a set of reply codes from 400 to 599. nil has every code, also 0 for a
// reply without one.
type codeSet []bool

const firstCode, lastCode = 400, 599

func (s codeSet) has(code logparse.Code) bool {
	return s == nil || firstCode <= code && code <= lastCode && s[code-firstCode]
}

// parseCodes reads "-", "451", "4xx", "50x" and lists of them.
func (r *rule) parseCodes(s string) error {
	if s == "-" {
		return nil
	}
	r.codes = make(codeSet, lastCode-firstCode+1)
	for item := range strings.SplitSeq(s, ",") {
		low, err1 := strconv.Atoi(strings.ReplaceAll(item, "x", "0"))
		high, err2 := strconv.Atoi(strings.ReplaceAll(item, "x", "9"))
		if err := cmp.Or(err1, err2); err != nil || low < firstCode || high > lastCode {
			return fmt.Errorf("bad code %q", item)
		}
		for code := low; code <= high; code++ {
			r.codes[code-firstCode] = true
		}
	}
	return nil
}

// An enhancedRange is the set of enhanced codes of one subject with a detail from low
// to high.
type enhancedRange struct {
	none      bool  // no enhanced code at all
	class     uint8 // 0: 4 and 5
	subject   uint16
	low, high uint16
}

func (e enhancedRange) has(c logparse.EnhancedCode) bool {
	if e.none {
		return c.Class == 0
	}
	return c.Class >= 4 && (e.class == 0 || e.class == c.Class) && e.subject == c.Subject && e.low <= c.Detail && c.Detail <= e.high
}

var enhancedPattern = regexp.MustCompile(`^([45X])\.(\d{1,3})\.(?:(\d{1,3})(?:-(\d{1,3}))?|x)$`)

// parseEnhanced reads "-", "4.7.1", "X.7.1" (class 4 or 5), "X.7.500-699", "X.7.x",
// "none" and lists of them.
func (r *rule) parseEnhanced(s string) error {
	if s == "-" {
		return nil
	}
	for item := range strings.SplitSeq(s, ",") {
		if item == "none" {
			r.enhanced = append(r.enhanced, enhancedRange{none: true})
			continue
		}
		m := enhancedPattern.FindStringSubmatch(item)
		if m == nil {
			return fmt.Errorf("bad enhanced code %q", item)
		}
		number := func(s string) uint16 { n, _ := strconv.ParseUint(s, 10, 16); return uint16(n) }
		e := enhancedRange{subject: number(m[2]), low: 0, high: 999}
		if m[1] != "X" {
			e.class = m[1][0] - '0'
		}
		if m[3] != "" {
			e.low = number(m[3])
			e.high = number(cmp.Or(m[4], m[3]))
		}
		r.enhanced = append(r.enhanced, e)
	}
	return nil
}
