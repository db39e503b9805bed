package reason

import (
	"sync"

	"smtp_reply_exporter/logparse"
)

// A reply holds what a rule checks besides the text.
type reply struct {
	dir      logparse.Direction
	code     logparse.Code
	enhanced logparse.EnhancedCode
	provider string
}

// A ruleSet holds the built-in rules in order, and the automaton for the literals that
// their patterns need.
type ruleSet struct {
	rules    []rule
	literals *automaton
	sets     int // number of sets of literals
}

// A scratch is the working memory of one call.
type scratch struct {
	said [maxText + len("<@>")]byte
	text [2 * maxText]byte
	sets bitset
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

func newRuleSet(rules []rule) *ruleSet {
	set := &ruleSet{rules: rules}
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
func (set *ruleSet) reason(r reply, text []byte, s *scratch) string {
	quoted, ofSender, ok := quote(text)
	if !ok {
		return set.decide(r, text, s).name()
	}
	q := reply{dir: logparse.Received, code: r.code}
	if code, _, ok := logparse.ParseReply(quoted); ok {
		q.code = code
	}
	reason := set.decide(q, quoted, s).name()
	if ofSender && (reason == "unknown_user" || reason == "mailbox_disabled" || reason == "bad_domain") {
		return "sender_rejected"
	}
	return reason
}

// decide returns the first rule that matches the reply, or nil.
func (set *ruleSet) decide(r reply, text []byte, s *scratch) *rule {
	if r.enhanced.Class == 0 {
		r.enhanced = findEnhanced(text)
	}
	folded := fold(s.text[:0], text, r.code)
	if s.sets == nil {
		s.sets = newBitset(set.sets)
	}
	clear(s.sets)
	set.literals.mark(folded, s.sets)
	for i := range set.rules {
		if rule := &set.rules[i]; rule.applies(r) && rule.matches(folded, s.sets) {
			return rule
		}
	}
	return nil
}

// matches reports whether the rule's pattern matches the folded text. sets are the sets
// of literals that occur in the text.
func (r *rule) matches(folded []byte, sets bitset) bool {
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
