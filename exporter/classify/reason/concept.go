package reason

import (
	"fmt"
	"regexp/syntax"
	"slices"
	"strings"
)

// A concept is one meaning that many words have, in several languages: "quota",
// "allowance" and "Kontingent". A phrase asks for concepts instead of words.

// A conceptSet is a set of concepts by their index in the concepts.
type conceptSet [2]uint64

const maxConcepts = 128

func (s *conceptSet) add(i int)              { s[i/64] |= 1 << (i % 64) }
func (s conceptSet) meets(t conceptSet) bool { return s[0]&t[0]|s[1]&t[1] != 0 }
func (s conceptSet) or(t conceptSet) conceptSet {
	return conceptSet{s[0] | t[0], s[1] | t[1]}
}

func (s conceptSet) and(t conceptSet) conceptSet { return conceptSet{s[0] & t[0], s[1] & t[1]} }

// Concepts that no word has, but the circumstances of the reply.
const (
	toConnect      = iota // to_connect: it is a greeting, so that it judges the client
	toMail                // to_mail: it answers MAIL, so that an address in it is the sender's
	toContent             // to_content: it answers the end of DATA, so that the client has done its part
	fromPostscreen        // from_postscreen: Postfix's postscreen sent it
	numCircumstances
)

var circumstanceNames = [numCircumstances]string{"to_connect", "to_mail", "to_content", "from_postscreen"}

var circumstances = conceptSet{1<<numCircumstances - 1}

// concepts are those of the word files.
type concepts struct {
	index map[string]int         // by name
	words map[literal]conceptSet // by word
	pairs []pair
}

// A pair are two words that stand together and mean one thing: neither of them counts by
// itself. A "recipient database" is neither a recipient nor any database.
type pair struct{ first, second, both conceptSet }

func newConcepts() *concepts {
	c := &concepts{index: make(map[string]int), words: make(map[literal]conceptSet)}
	for i, name := range circumstanceNames {
		c.index[name] = i
	}
	return c
}

// define adds the words of a concept: a regular expression that matches few enough words
// to list them all. \w* at its ends stands for any letters.
func (c *concepts) define(name, words string) error {
	if _, ok := c.index[name]; !ok {
		c.index[name] = len(c.index)
	}
	if len(c.index) > maxConcepts {
		return fmt.Errorf("more than %d concepts", maxConcepts)
	}
	for _, expr := range outermost(words) {
		re, err := syntax.Parse(expr, syntax.Perl)
		if err != nil {
			return err
		}
		if !folded(re) {
			return fmt.Errorf("word %q: write plain small letters, as texts are folded to", expr)
		}
		list, err := wordsOf(re)
		if err != nil {
			return fmt.Errorf("word %q: %w", expr, err)
		}
		for _, l := range list {
			if len(l.text) < minLiteral {
				return fmt.Errorf("word %q of %q is too short", l.text, expr)
			}
			set := c.words[l]
			set.add(c.index[name])
			c.words[l] = set
		}
	}
	return nil
}

// set returns the concepts that names, separated by |, stand for.
func (c *concepts) set(names string) (s conceptSet, err error) {
	for name := range strings.SplitSeq(names, "|") {
		i, ok := c.index[name]
		if !ok {
			return s, fmt.Errorf("unknown concept %q; define its words above", name)
		}
		s.add(i)
	}
	return s, nil
}

// join defines that two concepts, one word after the other, are the named one.
func (c *concepts) join(name, two string) (err error) {
	first, second, _ := strings.Cut(two, " ")
	var p pair
	if p.first, err = c.set(first); err != nil {
		return err
	}
	if p.second, err = c.set(second); err != nil {
		return err
	}
	if _, ok := c.index[name]; !ok {
		c.index[name] = len(c.index)
	}
	p.both, err = c.set(name)
	c.pairs = append(c.pairs, p)
	return err
}

// wordsOf returns the words that re matches.
func wordsOf(re *syntax.Regexp) ([]literal, error) {
	switch re.Op {
	case syntax.OpEmptyMatch:
		return []literal{{"", true, true}}, nil
	case syntax.OpLiteral:
		return []literal{{string(re.Rune), true, true}}, nil
	case syntax.OpStar:
		return []literal{{"", false, false}}, nil
	case syntax.OpCapture:
		return wordsOf(re.Sub[0])
	case syntax.OpQuest:
		list, err := wordsOf(re.Sub[0])
		return append(list, literal{"", true, true}), err
	case syntax.OpCharClass:
		var list []literal
		for i := 0; i < len(re.Rune); i += 2 {
			for r := re.Rune[i]; r <= re.Rune[i+1]; r++ {
				list = append(list, literal{string(r), true, true})
			}
		}
		return list, nil
	case syntax.OpAlternate:
		var list []literal
		for _, sub := range re.Sub {
			l, err := wordsOf(sub)
			if err != nil {
				return nil, err
			}
			list = append(list, l...)
		}
		return list, nil
	case syntax.OpConcat:
		list := []literal{{"", true, true}}
		for i, sub := range re.Sub {
			tails, err := wordsOf(sub)
			if err != nil {
				return nil, err
			}
			if sub.Op == syntax.OpStar && i > 0 && i < len(re.Sub)-1 {
				return nil, fmt.Errorf("%s stands within a word", sub)
			}
			var longer []literal
			for _, head := range list {
				for _, tail := range tails {
					longer = append(longer, literal{head.text + tail.text, head.wordStart && (head.text != "" || tail.wordStart), head.wordEnd && tail.wordEnd || tail.text != "" && tail.wordEnd})
				}
			}
			list = longer
		}
		return list, nil
	}
	return nil, fmt.Errorf("%s has no end", re)
}

// A phrase is what one clause of a text says: it has a concept of each of the needs, and
// none of the others.
type phrase struct {
	needs   []conceptSet
	without conceptSet
}

// compile reads a phrase: "sender|client quota !mailbox".
func (c *concepts) compile(s string) (*phrase, error) {
	var p phrase
	for word := range strings.FieldsSeq(s) {
		names, not := strings.CutPrefix(word, "!")
		set, err := c.set(names)
		if err != nil {
			return nil, err
		}
		if not {
			p.without = p.without.or(set)
			continue
		}
		p.needs = append(p.needs, set)
	}
	if len(p.needs) == 0 {
		return nil, fmt.Errorf("phrase %q asks for nothing", s)
	}
	return &p, nil
}

// in returns the index of the first clause that says the phrase, or -1.
func (p *phrase) in(clauses []conceptSet) int {
	return slices.IndexFunc(clauses, func(c conceptSet) bool {
		if c.meets(p.without) {
			return false
		}
		for _, need := range p.needs {
			if !c.meets(need) {
				return false
			}
		}
		return true
	})
}
