package reason

import (
	"bytes"
	"sync"

	"smtp_reply_exporter/logparse"
)

// circumstances returns the concepts that no word has.
func (r *Reply) circumstances() (s conceptSet) {
	switch r.Command {
	case logparse.Connect:
		s.add(toConnect)
	case logparse.Mail:
		s.add(toMail)
	case logparse.EndOfData:
		s.add(toContent)
	}
	if r.Direction == logparse.Sent && bytes.HasSuffix(r.Program, []byte("postscreen")) {
		s.add(fromPostscreen)
	}
	return s
}

// A ruleSet holds the built-in rules in order, and the automaton for the literals that
// their patterns need.
type ruleSet struct {
	rules    []rule
	literals *automaton
	sets     int // number of sets of literals
	words    *vocabulary
}

// A scratch is the working memory of one call.
type scratch struct {
	said [maxText + len("<@>")]byte
	text [2 * maxText]byte
	sets bitset
	says reading
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

func newRuleSet(rules []rule, c *concepts) *ruleSet {
	set := &ruleSet{rules: rules, words: newVocabulary(c)}
	var literals []hit
	for i := range rules {
		if rules[i].pattern == nil {
			continue
		}
		for j := range rules[i].pattern.alternatives {
			a := &rules[i].pattern.alternatives[j]
			for _, need := range a.needs {
				id := uint16(set.sets)
				set.sets++
				a.ids = append(a.ids, id)
				for _, l := range need {
					literals = append(literals, hit{l, id})
				}
			}
		}
	}
	set.literals = newAutomaton(literals)
	return set
}

// reason returns the reason of the reply, or of the reply that its text quotes.
func (set *ruleSet) reason(r *Reply, text []byte, s *scratch) string {
	quoted, ofSender, ok := quote(text)
	if !ok {
		return set.decide(r, text, s).name()
	}
	q := quotedReply(r, quoted)
	return quotedReason(set.decide(&q, quoted, s), ofSender)
}

// quotedReply returns the reply that another one quotes.
func quotedReply(r *Reply, quoted []byte) Reply {
	q := Reply{Direction: logparse.Received, Code: r.Code}
	if code, _, ok := logparse.ParseReply(quoted); ok {
		q.Code = code
	}
	return q
}

// quotedReason returns the reason of a reply that quotes one: a sender who cannot be
// reached is refused for that.
func quotedReason(by *rule, ofSender bool) string {
	reason := by.name()
	if ofSender && (reason == "unknown_user" || reason == "mailbox_disabled" || reason == "bad_domain") {
		return "sender_rejected"
	}
	return reason
}

// decide returns the first rule that matches the reply, or nil.
func (set *ruleSet) decide(r *Reply, text []byte, s *scratch) *rule {
	enhanced := r.Enhanced
	if enhanced.Class == 0 {
		enhanced = findEnhanced(text)
	}
	folded := fold(s.text[:0], text, r.Code)
	if s.sets == nil {
		s.sets = newBitset(set.sets)
	}
	clear(s.sets)
	set.literals.mark(folded, s.sets)
	s.says.read(folded, set.words)
	clauses := s.says.parse(set.words, r.circumstances())
	for i := range set.rules {
		if rule := &set.rules[i]; rule.applies(r, enhanced) && rule.matches(folded, s.sets, clauses) {
			return rule
		}
	}
	return nil
}

// matches reports whether the rule's pattern matches the folded text, or one of its
// clauses says the rule's phrase. sets are the sets of literals that occur in the text.
func (r *rule) matches(folded []byte, sets bitset, clauses []conceptSet) bool {
	if r.phrase != nil {
		return r.phrase.in(clauses) >= 0
	}
	if r.pattern == nil {
		return true
	}
	for i := range r.pattern.alternatives {
		if r.pattern.alternatives[i].matches(folded, sets) {
			return true
		}
	}
	return false
}

func (a *alternative) matches(folded []byte, sets bitset) bool {
	for _, id := range a.ids {
		if !sets.has(id) {
			return false
		}
	}
	return a.re == nil || a.re.Match(folded)
}
