package reason

import (
	"fmt"
	"slices"
	"strings"

	"smtp_reply_exporter/logparse"
)

// A Judgement is the reason of a reply and what decided it.
type Judgement struct {
	Reason string
	// Rule names the file that has the rule, or the number of a custom one. It is ""
	// where no rule matched.
	Rule string
	// Words are those of the text that decided, as the rule sees them, and what else of
	// the reply the rule asks for; none where the codes alone did.
	Words []string
	// Quoted is the reply within the text that was judged instead, or nil.
	Quoted []byte
}

// Explain returns the reason of a reply, as Reason does, and what decided it.
func (c *Classifier) Explain(r *Reply) Judgement {
	if class := r.Code.Class(); class == 2 || class == 3 {
		return Judgement{Reason: OK}
	}
	s := new(scratch)
	text := withoutAddresses(s.said[:0], r.Text)
	if i := c.customRule(text, s); i >= 0 {
		words := c.custom[i].pattern.Find(oneLine(nil, text))
		return Judgement{Reason: c.custom[i].reason, Rule: fmt.Sprintf("reasons[%d] of the configuration", i), Words: []string{string(words)}}
	}
	quoted, ofSender, ok := quote(text)
	if !ok {
		return c.builtin.explain(c.builtin.decide(r, text, s), text, r.Code, s)
	}
	q := quotedReply(r, quoted)
	by := c.builtin.decide(&q, quoted, s)
	j := c.builtin.explain(by, quoted, q.Code, s)
	j.Reason, j.Quoted = quotedReason(by, ofSender), slices.Clone(quoted)
	return j
}

// explain returns what of a text made a rule match. s is as decide left it.
func (set *ruleSet) explain(r *rule, text []byte, code logparse.Code, s *scratch) Judgement {
	j := Judgement{Reason: r.name()}
	if r == nil {
		return j
	}
	j.Rule, _, _ = strings.Cut(strings.TrimPrefix(r.source, "rules/"), ":")
	folded := fold(nil, text, code)
	switch {
	case r.phrase != nil:
		j.Words = s.says.wordsOf(folded, set.words, r.phrase)
	case r.pattern != nil:
		for i := range r.pattern.alternatives {
			if a := &r.pattern.alternatives[i]; a.matches(folded, s.sets) {
				j.Words = append(j.Words, a.find(folded))
				break
			}
		}
	}
	return j
}

// find returns the part of a text that a matching alternative matches.
func (a *alternative) find(folded []byte) string {
	if a.re == nil {
		return a.needs[0][0].text
	}
	return string(a.re.Find(folded))
}

// wordsOf returns the words by which a text says the phrase.
func (r *reading) wordsOf(text []byte, v *vocabulary, p *phrase) (said []string) {
	base := r.clauses[0].and(circumstances)
	for i, words := range circumstanceWords {
		if asked := (conceptSet{1 << i}); base.meets(asked) && slices.ContainsFunc(p.needs, asked.meets) {
			said = append(said, words)
		}
	}
	clause := p.in(r.parse(v, base))
	for i := 0; i < r.n; i++ {
		t := r.tokens[i]
		says, next := v.at(r.tokens[:r.n], i)
		end := r.tokens[next-1].end
		i = next - 1
		if int(t.clause) == clause && slices.ContainsFunc(p.needs, says.meets) {
			said = append(said, string(text[t.start:end]))
		}
	}
	return said
}

var circumstanceWords = [numCircumstances]string{"in the greeting", "in reply to MAIL", "in reply to the end of DATA", "sent by postscreen"}
