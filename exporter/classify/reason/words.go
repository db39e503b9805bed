package reason

import (
	"maps"
	"slices"
	"strings"
)

// A trie holds words. Each node has its edges side by side.
type trie struct {
	root  [256]uint32 // the node of a first letter; 0: none
	nodes []trieNode
	edges []trieEdge
}

type trieNode struct {
	edges, end uint32 // edges[edges:end] lead on
	// whole and prefix are the word that ends here where a word ends, and where letters
	// may follow: 1 + its index, 0 for none.
	whole, prefix uint16
}

type trieEdge struct {
	letter byte
	to     uint32
}

// newTrie returns a trie of the words, and appends the concepts of each to sets.
func newTrie(words map[literal]conceptSet, sets []conceptSet) (*trie, []conceptSet) {
	sorted := slices.SortedFunc(maps.Keys(words), func(a, b literal) int { return strings.Compare(a.text, b.text) })
	// A span holds the words of a node: those that begin with the same letters.
	type span struct{ from, to, letters int }
	queue := []span{{0, len(sorted), 0}}
	t := &trie{}
	for i := 0; i < len(queue); i++ {
		n := queue[i]
		var whole, prefix conceptSet
		for ; n.from < n.to && len(sorted[n.from].text) == n.letters; n.from++ {
			l := sorted[n.from]
			whole = whole.or(words[l])
			if !l.wordEnd {
				prefix = prefix.or(words[l])
			}
		}
		node := trieNode{edges: uint32(len(t.edges))}
		for n.from < n.to {
			c, to := sorted[n.from].text[n.letters], n.from
			for to < n.to && sorted[to].text[n.letters] == c {
				to++
			}
			if child := uint32(len(queue)); i == 0 {
				t.root[c] = child
			} else {
				t.edges = append(t.edges, trieEdge{c, child})
			}
			queue = append(queue, span{n.from, to, n.letters + 1})
			n.from = to
		}
		node.end = uint32(len(t.edges))
		node.whole, sets = number(whole, sets)
		node.prefix, sets = number(prefix, sets)
		t.nodes = append(t.nodes, node)
	}
	return t, sets
}

// number appends a set that is not empty, and returns 1 + its index; 0 for an empty one.
func number(set conceptSet, sets []conceptSet) (uint16, []conceptSet) {
	if set == (conceptSet{}) {
		return 0, sets
	}
	sets = append(sets, set)
	return uint16(len(sets)), sets
}

// longest returns the index of the longest word that text has at i, and its end; the end
// is 0 if there is none.
func (t *trie) longest(text []byte, i int) (word uint16, end int) {
	at := t.root[text[i]]
	for i++; at != 0; i++ {
		n := &t.nodes[at]
		if n.prefix != 0 {
			word, end = n.prefix-1, i
		}
		if n.whole != 0 && (i == len(text) || !isWordByte(text[i]) || !isWordByte(text[i-1])) {
			word, end = n.whole-1, i
		}
		if i == len(text) {
			break
		}
		at = 0
		for _, e := range t.edges[n.edges:n.end] {
			if e.letter == text[i] {
				at = e.to
				break
			}
		}
	}
	return word, end
}

// A vocabulary knows all words of concepts.
type vocabulary struct {
	atStart  *trie // the words that begin where a word does
	anywhere *trie
	concepts []conceptSet // of each word
	pairs    []pair
}

func newVocabulary(c *concepts) *vocabulary {
	v := &vocabulary{pairs: c.pairs}
	start, anywhere := make(map[literal]conceptSet), make(map[literal]conceptSet)
	for l, set := range c.words {
		if !l.wordStart {
			anywhere[l] = set
			l.wordStart = true
		}
		start[l] = start[l].or(set)
	}
	v.atStart, v.concepts = newTrie(start, nil)
	v.anywhere, v.concepts = newTrie(anywhere, v.concepts)
	return v
}

// A token is a word of a concept in a text.
type token struct {
	word       uint16 // in vocabulary.concepts
	clause     uint8
	start, end uint16
}

// A reading is what the words of a text say.
type reading struct {
	tokens  [maxTokens]token
	n       int // of tokens
	clauses [maxClauses]conceptSet
}

const maxTokens, maxClauses = 96, 12

// read finds the words of concepts in a folded text, from the left. Where words overlap,
// the longest of those that begin first counts: "policy server" is one thing, no policy.
// A clause ends with a sentence, or at a semicolon. Names of hosts and addresses, which
// fold has put behind "_", have no words.
func (r *reading) read(text []byte, v *vocabulary) {
	r.n = 0
	clause := uint8(0)
	for i := 0; i < len(text) && r.n < maxTokens; {
		c := text[i]
		if (c == ';' || c == '!' || c == '.' && i+1 < len(text) && text[i+1] == ' ') && clause < maxClauses-1 {
			clause++
		}
		if c == '_' && (i == 0 || !isWordByte(text[i-1])) {
			for i < len(text) && isWordByte(text[i]) {
				i++ // a host name or an address: its words are a stranger's
			}
			continue
		}
		var word uint16
		end := 0
		if i == 0 || !isWordByte(c) || !isWordByte(text[i-1]) {
			word, end = v.atStart.longest(text, i)
		}
		if v.anywhere.root[c] != 0 {
			if w, e := v.anywhere.longest(text, i); e > end {
				word, end = w, e
			}
		}
		if end == 0 {
			i++
			continue
		}
		r.tokens[r.n] = token{word, clause, uint16(i), uint16(end)}
		r.n++
		i = end
	}
}

// parse returns the concepts of each clause. base are those of all.
func (r *reading) parse(v *vocabulary, base conceptSet) []conceptSet {
	last := 0
	r.clauses[0] = base
	for i := 0; i < r.n; {
		for clause := int(r.tokens[i].clause); last < clause; last++ {
			r.clauses[last+1] = base
		}
		var says conceptSet
		says, i = v.at(r.tokens[:r.n], i)
		r.clauses[last] = r.clauses[last].or(says)
	}
	return r.clauses[:last+1]
}

// at returns the concepts of the word at i, together with the words after it that it
// forms a pair with, and the index of the next one.
func (v *vocabulary) at(tokens []token, i int) (says conceptSet, next int) {
	says = v.concepts[tokens[i].word]
	for next = i + 1; next < len(tokens); next++ {
		t, before := &tokens[next], &tokens[next-1]
		if t.start > before.end+1 || t.clause != before.clause {
			break
		}
		both, ok := v.joined(says, v.concepts[t.word])
		if !ok {
			break
		}
		says = both
	}
	return says, next
}

func (v *vocabulary) joined(first, second conceptSet) (conceptSet, bool) {
	for i := range v.pairs {
		if p := &v.pairs[i]; first.meets(p.first) && second.meets(p.second) {
			return p.both, true
		}
	}
	return conceptSet{}, false
}
