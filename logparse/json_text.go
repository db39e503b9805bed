package logparse

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// text reads a string; the value is never nil.
func (o *jsonObject) text() ([]byte, bool) {
	if !o.token('"') {
		return nil, false
	}
	rest := o.b[o.at:]
	if n := shortText(rest); n >= 0 {
		o.at += n + 1
		return rest[:n:n], true
	}
	n := bytes.IndexByte(rest, '"')
	if n < 0 {
		return nil, false
	}
	value := rest[:n:n]
	escape := bytes.IndexByte(value, '\\')
	if escape < 0 {
		o.at += n + 1
		return value, true
	}
	start := len(o.scratch)
	o.scratch = append(o.scratch, value[:escape]...)
	o.at += escape
	return o.escaped(start)
}

// shortText returns the length of the string at the start of b, which its quote ends; -1 if
// that is not near, or behind an escape. Most strings are short, and eight bytes at once
// find their ends in half the time that two calls of bytes.IndexByte take.
func shortText(b []byte) int {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	for i := 0; i < 32 && i+8 <= len(b); i += 8 {
		word := binary.LittleEndian.Uint64(b[i:])
		quotes, escapes := word^('"'*ones), word^('\\'*ones)
		// The lowest top bit that is set is that of the first byte that is zero.
		if found := ((quotes-ones)&^quotes | (escapes-ones)&^escapes) & tops; found != 0 {
			if i += bits.TrailingZeros64(found) / 8; b[i] == '"' {
				return i
			}
			return -1
		}
	}
	return -1
}

// skipText skips a string.
func (o *jsonObject) skipText() bool {
	if n := shortText(o.b[o.at+1:]); n >= 0 {
		o.at += n + 2
		return true
	}
	for i := o.at + 1; ; {
		n := bytes.IndexByte(o.b[i:], '"')
		if n < 0 {
			return false
		}
		escapes := 0
		for escapes < n && o.b[i+n-1-escapes] == '\\' {
			escapes++
		}
		i += n + 1
		if escapes%2 == 0 {
			o.at = i
			return true
		}
	}
}

// escaped reads the rest of a string that holds escapes into scratch.
func (o *jsonObject) escaped(start int) ([]byte, bool) {
	for {
		n := bytes.IndexByte(o.b[o.at:], '"')
		if n < 0 {
			return nil, false
		}
		quoted, ok := o.decode(o.b[o.at : o.at+n])
		if !ok {
			return nil, false
		}
		o.at += n + 1
		if !quoted {
			return o.scratch[start:len(o.scratch):len(o.scratch)], true
		}
		o.scratch = append(o.scratch, '"')
	}
}

// decode appends text, which ends before a quote, to scratch without its escapes. quoted is
// true if it ends in a backslash, so that the quote is a part of the string.
func (o *jsonObject) decode(text []byte) (quoted, ok bool) {
	for {
		n := bytes.IndexByte(text, '\\')
		if n < 0 {
			o.scratch = append(o.scratch, text...)
			return false, true
		}
		o.scratch = append(o.scratch, text[:n]...)
		if text = text[n+1:]; len(text) == 0 {
			return true, true
		}
		switch c := text[0]; c {
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
			r, length := cutRune(text)
			if length == 0 {
				return false, false
			}
			o.scratch, text = utf8.AppendRune(o.scratch, r), text[length:]
			continue
		default: // backslash, slash
			o.scratch = append(o.scratch, c)
		}
		text = text[1:]
	}
}

// cutRune reads what follows the backslash of \u00e4, or of a pair such as \ud83d\ude00. The
// length is 0 if it is neither.
func cutRune(b []byte) (r rune, length int) {
	r, ok := hex4(b[1:])
	if !ok {
		return 0, 0
	}
	if 0xd800 <= r && r < 0xdc00 && len(b) > 6 && b[5] == '\\' && b[6] == 'u' {
		if low, ok := hex4(b[7:]); ok && 0xdc00 <= low && low < 0xe000 {
			return 0x10000 + (r-0xd800)<<10 + (low - 0xdc00), 11
		}
	}
	return r, 5
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
