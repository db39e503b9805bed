package reason

// An automaton finds in one pass which of many literals occur in a text. It uses the
// algorithm of Aho and Corasick (1975).
type automaton struct {
	class   [256]uint8 // bytes in no literal share class 0
	classes int
	next    []uint16 // [state*classes+class]
	hits    [][]hit  // [state]: the literals that end here
}

// A hit is a literal that belongs to a set.
type hit struct {
	literal
	set uint16
}

// mark adds to sets the sets that have a literal in text.
func (a *automaton) mark(text []byte, sets bitset) {
	state := 0
	for i, c := range text {
		state = int(a.next[state*a.classes+int(a.class[c])])
		for _, h := range a.hits[state] {
			if h.wordEnd && i+1 < len(text) && isWordByte(text[i+1]) {
				continue
			}
			if start := i - len(h.text); h.wordStart && start >= 0 && isWordByte(text[start]) {
				continue
			}
			sets.add(h.set)
		}
	}
}

func newAutomaton(literals []hit) *automaton {
	a := &automaton{classes: 1}
	for _, l := range literals {
		for _, c := range []byte(l.text) {
			if a.class[c] == 0 {
				a.class[c] = uint8(a.classes)
				a.classes++
			}
		}
	}
	// Build the trie. State 0 is the root. No edge leads to it, so 0 also means "no edge".
	a.newState()
	for _, l := range literals {
		state := 0
		for _, c := range []byte(l.text) {
			edge := state*a.classes + int(a.class[c])
			if a.next[edge] == 0 {
				a.next[edge] = uint16(a.newState())
			}
			state = int(a.next[edge])
		}
		a.hits[state] = append(a.hits[state], l)
	}
	// Breadth first, replace each missing edge by that of the longest proper suffix.
	suffix := make([]uint16, len(a.hits))
	var queue []int
	for class := range a.classes {
		if child := int(a.next[class]); child != 0 {
			queue = append(queue, child)
		}
	}
	for len(queue) > 0 {
		state := queue[0]
		queue = queue[1:]
		shorter := int(suffix[state])
		a.hits[state] = append(a.hits[state], a.hits[shorter]...)
		for class := range a.classes {
			edge := &a.next[state*a.classes+class]
			follow := a.next[shorter*a.classes+class]
			if *edge == 0 {
				*edge = follow
				continue
			}
			suffix[*edge] = follow
			queue = append(queue, int(*edge))
		}
	}
	return a
}

func (a *automaton) newState() int {
	a.next = append(a.next, make([]uint16, a.classes)...)
	a.hits = append(a.hits, nil)
	return len(a.hits) - 1
}

// A bitset is a set of small numbers.
type bitset []uint64

func newBitset(n int) bitset { return make(bitset, (n+63)/64) }

func (b bitset) add(i uint16)      { b[i/64] |= 1 << (i % 64) }
func (b bitset) has(i uint16) bool { return b[i/64]&(1<<(i%64)) != 0 }
