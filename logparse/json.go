package logparse

import "bytes"

// maxJSONDepth is the limit on how deep objects may nest.
const maxJSONDepth = 8

// A jsonObject reads the members of JSON objects that have one of its names. The
// name of a nested object's member is "outer.inner". encoding/json would allocate
// for each value, and read those that nobody wants.
type jsonObject struct {
	*jsonNames
	values  [][]byte // by name; nil where missing or null
	texts   []int    // by name: the number of strings; 1 unless the value is a list
	found   []int    // the names that the object has
	members int      // how many members the object has
	scratch []byte   // values with escapes, decoded
	path    []byte   // the names of the enclosing objects, with their dots
	b       []byte
	at      int // the index in b of what is read next
}

// jsonNames are the names of a jsonObject.
type jsonNames struct {
	names   []string
	buckets [256][]int // by bucketOf a name, the indexes of those that share it
	// whole is true if the value of a member that is an object, or a list of them, is its text.
	whole bool
}

func newJSONNames(names ...string) *jsonNames {
	n := &jsonNames{names: names}
	for i, name := range names {
		bucket := bucketOf([]byte(name))
		n.buckets[bucket] = append(n.buckets[bucket], i)
	}
	return n
}

func bucketOf(name []byte) uint8 { return name[0]*31 + uint8(len(name)) }

// find returns the index of a name; -1 for one that is not wanted. Most are not, and most
// of these fall into an empty bucket.
func (n *jsonNames) find(name []byte) int {
	if len(name) > 0 {
		for _, i := range n.buckets[bucketOf(name)] {
			if n.names[i] == string(name) {
				return i
			}
		}
	}
	return -1
}

func newJSONObject(names ...string) jsonObject { return newJSONNames(names...).newObject() }

func (n *jsonNames) newObject() jsonObject {
	return jsonObject{jsonNames: n, values: make([][]byte, len(n.names)), texts: make([]int, len(n.names)), found: make([]int, 0, len(n.names))}
}

// parse reads b and reports whether it is one whole object. A value is a string
// without its quotes and escapes, a number or literal as it stands, the first
// string of a list, or the bytes that a list of numbers stands for. Values are
// valid until the next call.
func (o *jsonObject) parse(b []byte) bool {
	for _, i := range o.found {
		o.values[i], o.texts[i] = nil, 0
	}
	o.found, o.scratch, o.path, o.members = o.found[:0], o.scratch[:0], o.path[:0], 0
	// The buffer must not move, since values refer into it. A decoded value is never
	// longer than its encoding.
	if cap(o.scratch) < len(b) {
		o.scratch = make([]byte, 0, 2*len(b))
	}
	o.b, o.at = b, 0
	return o.object(0) && o.peek() == 0
}

// object reads an object, from its opening brace on.
func (o *jsonObject) object(depth int) bool {
	if depth == maxJSONDepth || !o.token('{') {
		return false
	}
	if o.token('}') {
		return true
	}
	outer := len(o.path)
	for {
		name, ok := o.text()
		if !ok || !o.token(':') {
			return false
		}
		if depth == 0 {
			o.members++
		} else {
			o.path = append(o.path, name...)
			name = o.path
		}
		if o.peek() == '{' {
			ok = o.nested(name, depth)
		} else {
			ok = o.member(name)
		}
		if !ok {
			return false
		}
		o.path = o.path[:outer]
		if o.token('}') {
			return true
		}
		if !o.token(',') {
			return false
		}
	}
}

// nested reads an object that is a member of another one.
func (o *jsonObject) nested(name []byte, depth int) bool {
	i, start := o.find(name), o.at
	if depth == 0 {
		o.path = append(o.path, name...)
	}
	o.path = append(o.path, '.')
	if !o.object(depth + 1) {
		return false
	}
	if i >= 0 && o.whole {
		o.set(i, o.b[start:o.at], 0)
	}
	return true
}

// member reads a value that is not an object.
func (o *jsonObject) member(name []byte) bool {
	i := o.find(name)
	if i < 0 {
		return o.skip()
	}
	value, texts, ok := o.value()
	if ok && string(value) != "null" {
		o.set(i, value, texts)
	}
	return ok
}

// set sets the value of a name; of a name that the object has twice, the last one counts.
func (o *jsonObject) set(i int, value []byte, texts int) {
	if o.values[i] == nil {
		o.found = append(o.found, i)
	}
	o.values[i], o.texts[i] = value, texts
}

// value reads a value that is not an object and counts the strings in it.
func (o *jsonObject) value() (value []byte, texts int, ok bool) {
	start := o.at
	switch o.peek() {
	case '"':
		value, ok = o.text()
		return value, 1, ok
	case '[':
		if value, texts, ok = o.list(); ok && value == nil && o.whole {
			value = bytes.TrimLeft(o.b[start:o.at], " \t")
		}
		return value, texts, ok
	}
	start = o.at
	ok = o.skip()
	return bytes.TrimRight(o.b[start:o.at], " \t"), 0, ok
}

// peek returns the next byte that is no blank; 0 at the end.
func (o *jsonObject) peek() byte {
	for o.at < len(o.b) {
		if c := o.b[o.at]; c != ' ' && c != '\t' {
			return c
		}
		o.at++
	}
	return 0
}

func (o *jsonObject) token(c byte) bool {
	if o.at < len(o.b) && o.b[o.at] == c || o.peek() == c {
		o.at++
		return true
	}
	return false
}

// list reads a list. A list of numbers stands for bytes, since journalctl writes a
// message that is not UTF-8 so. The value of any other list is its first string.
func (o *jsonObject) list() (value []byte, texts int, ok bool) {
	before, start := o.at, len(o.scratch)
	for o.token('['); !o.token(']'); {
		c := o.peek()
		if !isDigit(c) {
			o.at, o.scratch = before, o.scratch[:start]
			return o.listOfTexts()
		}
		n, rest := cutNumber(o.b[o.at:])
		if n < 0 || n > 255 {
			return nil, 0, false
		}
		o.scratch = append(o.scratch, byte(n))
		o.at = len(o.b) - len(rest)
		if !o.token(',') && o.peek() != ']' {
			return nil, 0, false
		}
	}
	return o.scratch[start:len(o.scratch):len(o.scratch)], 1, true
}

// listOfTexts reads the strings at the start of a list and returns the first.
func (o *jsonObject) listOfTexts() (value []byte, texts int, ok bool) {
	rest := *o
	for rest.token('['); rest.peek() == '"'; texts++ {
		text, ok := rest.text()
		if !ok {
			return nil, 0, false
		}
		if texts == 0 {
			value, o.scratch = text, rest.scratch
		}
		if !rest.token(',') {
			texts++
			break
		}
	}
	return value, texts, o.skip()
}

// skip skips a string, number, literal, list or object.
func (o *jsonObject) skip() bool {
	depth := 0
	for {
		switch o.peek() {
		case 0:
			return false
		case '"':
			if !o.skipText() {
				return false
			}
		case '[', '{':
			depth++
			o.at++
		case ']', '}':
			if depth == 0 {
				return true
			}
			depth--
			o.at++
		case ',':
			if depth == 0 {
				return true
			}
			o.at++
		default:
			o.at++
		}
		if depth == 0 {
			if c := o.peek(); c == ',' || c == '}' {
				return true
			}
		}
	}
}
