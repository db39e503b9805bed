package logparse

import (
	"bytes"
	"unicode/utf8"
)

// maxJSONDepth is the limit on how deep objects may nest.
const maxJSONDepth = 8

// A jsonObject reads the members of JSON objects that have one of its names. The
// name of a nested object's member is "outer.inner". encoding/json would allocate
// for each value.
type jsonObject struct {
	index   map[string]int // of names
	values  [][]byte       // by name; nil where missing or null
	texts   []int          // by name: the number of strings; 1 unless the value is a list
	scratch []byte         // values with escapes, decoded
	path    []byte         // the names of the enclosing objects, with their dots
	b       []byte         // the unread rest
}

func newJSONObject(names ...string) jsonObject {
	index := map[string]int{}
	for i, name := range names {
		index[name] = i
	}
	return jsonObject{index: index, values: make([][]byte, len(names)), texts: make([]int, len(names))}
}

// parse reads b and reports whether it is one whole object. A value is a string
// without its quotes and escapes, a number or literal as it stands, the first
// string of a list, or the bytes that a list of numbers stands for. Values are
// valid until the next call.
func (o *jsonObject) parse(b []byte) bool {
	clear(o.values)
	clear(o.texts)
	o.scratch, o.path = o.scratch[:0], o.path[:0]
	// The buffer must not move, since values refer into it. A decoded value is never
	// longer than its encoding.
	if cap(o.scratch) < len(b) {
		o.scratch = make([]byte, 0, 2*len(b))
	}
	o.b = b
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
		o.path = append(o.path, name...)
		if o.peek() == '{' {
			o.path = append(o.path, '.')
			ok = o.object(depth + 1)
		} else {
			ok = o.member()
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

// member reads a value that is not an object. path is its name.
func (o *jsonObject) member() bool {
	i, ok := o.index[string(o.path)]
	if !ok {
		return o.skip()
	}
	value, texts, ok := o.value()
	if ok && string(value) != "null" {
		o.values[i], o.texts[i] = value, texts
	}
	return ok
}

// value reads a value that is not an object and counts the strings in it.
func (o *jsonObject) value() (value []byte, texts int, ok bool) {
	switch o.peek() {
	case '"':
		value, ok = o.text()
		return value, 1, ok
	case '[':
		return o.list()
	}
	b := o.b
	ok = o.skip()
	return bytes.TrimRight(b[:len(b)-len(o.b)], " \t"), 0, ok
}

func (o *jsonObject) peek() byte {
	for len(o.b) > 0 && (o.b[0] == ' ' || o.b[0] == '\t') {
		o.b = o.b[1:]
	}
	if len(o.b) == 0 {
		return 0
	}
	return o.b[0]
}

func (o *jsonObject) token(c byte) bool {
	if (len(o.b) == 0 || o.b[0] != c) && o.peek() != c {
		return false
	}
	o.b = o.b[1:]
	return true
}

// text reads a string; the value is never nil.
func (o *jsonObject) text() ([]byte, bool) {
	if !o.token('"') {
		return nil, false
	}
	end := bytes.IndexByte(o.b, '"')
	if end < 0 {
		return nil, false
	}
	value := o.b[:end]
	if i := bytes.IndexByte(value, '\\'); i >= 0 {
		start := len(o.scratch)
		o.scratch = append(o.scratch, value[:i]...)
		o.b = o.b[i:]
		return o.escaped(start)
	}
	o.b = o.b[end+1:]
	return value, true
}

// escaped reads the rest of a string that holds escapes into scratch.
func (o *jsonObject) escaped(start int) ([]byte, bool) {
	b := o.b
	for i := 0; i < len(b); i++ {
		switch c := b[i]; c {
		case '"':
			o.b = b[i+1:]
			return o.scratch[start:len(o.scratch):len(o.scratch)], true
		case '\\':
			if i++; i == len(b) {
				return nil, false
			}
			switch b[i] {
			case 'n':
				o.scratch = append(o.scratch, '\n')
			case 't':
				o.scratch = append(o.scratch, '\t')
			case 'r':
				o.scratch = append(o.scratch, '\r')
			case 'b':
				o.scratch = append(o.scratch, '\b')
			case 'f':
				o.scratch = append(o.scratch, '\f')
			case 'u':
				r, ok := hex4(b[i+1:])
				if !ok {
					return nil, false
				}
				i += 4
				if 0xd800 <= r && r < 0xdc00 && i+2 < len(b) && b[i+1] == '\\' && b[i+2] == 'u' {
					if low, ok := hex4(b[i+3:]); ok && 0xdc00 <= low && low < 0xe000 {
						r = 0x10000 + (r-0xd800)<<10 + (low - 0xdc00)
						i += 6
					}
				}
				o.scratch = utf8.AppendRune(o.scratch, r)
			default: // quote, backslash, slash
				o.scratch = append(o.scratch, b[i])
			}
		default:
			o.scratch = append(o.scratch, c)
		}
	}
	return nil, false
}

func hex4(b []byte) (r rune, ok bool) {
	if len(b) < 4 {
		return 0, false
	}
	for _, c := range b[:4] {
		switch {
		case isDigit(c):
			r = r<<4 + rune(c-'0')
		case 'a' <= c && c <= 'f':
			r = r<<4 + rune(c-'a'+10)
		case 'A' <= c && c <= 'F':
			r = r<<4 + rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

// list reads a list. A list of numbers stands for bytes, since journalctl writes a
// message that is not UTF-8 so. The value of any other list is its first string.
func (o *jsonObject) list() (value []byte, texts int, ok bool) {
	b := o.b
	start := len(o.scratch)
	for o.token('['); !o.token(']'); {
		c := o.peek()
		if !isDigit(c) {
			o.b, o.scratch = b, o.scratch[:start]
			return o.listOfTexts()
		}
		n, rest := cutNumber(o.b)
		if n < 0 || n > 255 {
			return nil, 0, false
		}
		o.scratch = append(o.scratch, byte(n))
		o.b = rest
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

// skip skips a number, literal, list or object.
func (o *jsonObject) skip() bool {
	depth := 0
	for {
		switch o.peek() {
		case 0:
			return false
		case '"':
			if _, ok := o.text(); !ok {
				return false
			}
		case '[', '{':
			depth++
			o.b = o.b[1:]
		case ']', '}':
			if depth == 0 {
				return true
			}
			depth--
			o.b = o.b[1:]
		case ',':
			if depth == 0 {
				return true
			}
			o.b = o.b[1:]
		default:
			o.b = o.b[1:]
		}
		if depth == 0 && (o.peek() == ',' || o.peek() == '}') {
			return true
		}
	}
}
