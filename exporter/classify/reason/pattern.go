package reason

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
)

// A pattern is a regular expression for folded text, split at its outermost
// alternatives. Matching a regular expression is slow, so each alternative lists the
// literals that a matching text must contain. An automaton finds all of these at once.
type pattern struct {
	expr         string // the whole expression
	alternatives []alternative
}

type alternative struct {
	// needs are sets of literals. The text must contain one literal of each set.
	needs [][]literal
	ids   []uint16 // of needs, in the rule set
	// re is nil if every text that meets the needs matches.
	re *regexp.Regexp
}

// A literal is a string in the text. wordStart and wordEnd require a word boundary
// before and after it.
type literal struct {
	text               string
	wordStart, wordEnd bool
}

// minLiteral is the length of the shortest useful literal.
const minLiteral = 2

func compilePattern(s string) (*pattern, error) {
	p := &pattern{expr: s}
	if _, err := syntax.Parse(s, syntax.Perl); err != nil {
		return nil, err
	}
	for _, expr := range outermost(s) {
		re, err := syntax.Parse(expr, syntax.Perl)
		if err != nil {
			return nil, err
		}
		if !folded(re) {
			return nil, fmt.Errorf("pattern %q: capital letters, marks and Cyrillic never match, since texts are folded to plain letters", expr)
		}
		if l, ok := plain(re); ok {
			p.alternatives = append(p.alternatives, alternative{needs: [][]literal{{l}}})
			continue
		}
		a := alternative{needs: required(re, false, false)}
		if len(a.needs) == 0 {
			return nil, fmt.Errorf("pattern %q: needs %d letters that always stand together", expr, minLiteral)
		}
		if a.re, err = regexp.Compile(expr); err != nil {
			return nil, err
		}
		p.alternatives = append(p.alternatives, a)
	}
	return p, nil
}

// outermost splits a regular expression at each | outside of parentheses and
// brackets. It splits the text instead of the syntax tree, because converting parts of
// the tree back into text is slow.
func outermost(s string) []string {
	var parts []string
	depth, start, class := 0, 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			i++
		case class:
			class = c != ']'
		case c == '[':
			class = true
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == '|' && depth == 0:
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	return append(parts, s[start:])
}

// plain returns re as a literal if it is one, with or without word boundaries.
func plain(re *syntax.Regexp) (literal, bool) {
	subs := []*syntax.Regexp{re}
	if re.Op == syntax.OpConcat {
		subs = re.Sub
	}
	var l literal
	if subs[0].Op == syntax.OpWordBoundary {
		l.wordStart, subs = true, subs[1:]
	}
	if n := len(subs) - 1; n > 0 && subs[n].Op == syntax.OpWordBoundary {
		l.wordEnd, subs = true, subs[:n]
	}
	if len(subs) != 1 || subs[0].Op != syntax.OpLiteral {
		return literal{}, false
	}
	l.text = string(subs[0].Rune)
	first, last := l.text[0], l.text[len(l.text)-1]
	ok := len(l.text) >= minLiteral && (!l.wordStart || isWordByte(first)) && (!l.wordEnd || isWordByte(last))
	return l, ok
}

// required returns sets of literals. A text that matches re contains one literal of
// each set. wordStart and wordEnd report whether a word boundary precedes and follows
// re.
func required(re *syntax.Regexp, wordStart, wordEnd bool) [][]literal {
	switch re.Op {
	case syntax.OpLiteral:
		if s := string(re.Rune); len(s) >= minLiteral {
			return [][]literal{{{s, wordStart && isWordByte(s[0]), wordEnd && isWordByte(s[len(s)-1])}}}
		}
	case syntax.OpCapture:
		return required(re.Sub[0], wordStart, wordEnd)
	case syntax.OpPlus:
		return required(re.Sub[0], false, false)
	case syntax.OpRepeat:
		if re.Min > 0 {
			return required(re.Sub[0], false, false)
		}
	case syntax.OpConcat:
		var all [][]literal
		last := len(re.Sub) - 1
		for i, sub := range re.Sub {
			start := i == 0 && wordStart || i > 0 && re.Sub[i-1].Op == syntax.OpWordBoundary
			end := i == last && wordEnd || i < last && re.Sub[i+1].Op == syntax.OpWordBoundary
			all = append(all, required(sub, start, end)...)
		}
		return all
	case syntax.OpAlternate:
		var one []literal
		for _, sub := range re.Sub {
			sets := required(sub, wordStart, wordEnd)
			if len(sets) == 0 {
				return nil
			}
			one = append(one, slices.MaxFunc(sets, func(a, b []literal) int { return shortest(a) - shortest(b) })...)
		}
		return [][]literal{one}
	}
	return nil
}

// shortest returns the length of the shortest literal in a set.
func shortest(set []literal) int {
	n := len(set[0].text)
	for _, l := range set[1:] {
		n = min(n, len(l.text))
	}
	return n
}

// folded reports whether re has no letter that fold would replace.
func folded(re *syntax.Regexp) bool {
	if re.Op == syntax.OpLiteral && slices.ContainsFunc(re.Rune, func(r rune) bool { return string(appendLatin(nil, r)) != string(r) }) {
		return false
	}
	return !slices.ContainsFunc(re.Sub, func(sub *syntax.Regexp) bool { return !folded(sub) })
}
