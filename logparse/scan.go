package logparse

import (
	"bytes"
	"strings"
)

// cutNumber reads the decimal number at the start of b and returns what comes after
// it. n is -1 where there is no number, and for one of more than nine digits.
func cutNumber(b []byte) (n int, rest []byte) {
	i := 0
	for i < len(b) && isDigit(b[i]) {
		if i < 9 {
			n = n*10 + int(b[i]-'0')
		}
		i++
	}
	if i == 0 || i > 9 {
		n = -1
	}
	return n, b[i:]
}

// cutDigits reads a number of any size, such as an id, at the start of b. digits is
// nil where there is none.
func cutDigits(b []byte) (digits, rest []byte) {
	n := 0
	for n < len(b) && isDigit(b[n]) {
		n++
	}
	if n == 0 {
		return nil, b
	}
	return b[:n], b[n:]
}

// cutHost reads NAME[ADDRESS] at the start of b. Neither the name nor the address,
// which may be the path of a socket, holds a blank or a bracket.
func cutHost(b []byte) (name, addr, rest []byte, ok bool) {
	i := 0
	for ; i < len(b) && b[i] != '['; i++ {
		if b[i] <= ' ' || b[i] == ']' {
			return nil, nil, nil, false
		}
	}
	j := i + 1
	for ; j < len(b) && b[j] != ']'; j++ {
		if b[j] <= ' ' || b[j] == '[' {
			return nil, nil, nil, false
		}
	}
	if j >= len(b) {
		return nil, nil, nil, false
	}
	return b[:i], b[i+1 : j], b[j+1:], true
}

// cutPort drops ":25" or ":unknown" from the start of b.
func cutPort(b []byte) []byte {
	if len(b) > 1 && b[0] == ':' && b[1] != ' ' {
		for i := 1; i < len(b); i++ {
			if b[i] == ':' || b[i] == ' ' {
				return b[i:]
			}
			if !isAlphanumeric(b[i]) {
				return b
			}
		}
		return b[len(b):]
	}
	return b
}

// untilWords returns a reply's text to the end of the words that follow its code; nil
// where none of them does.
func untilWords(text []byte, words ...string) []byte {
	n := min(len("550 "), len(text))
	for _, w := range words {
		if bytes.HasPrefix(text[n:], []byte(w)) {
			return text[:n+len(w)]
		}
	}
	return nil
}

func isAlphanumeric(c byte) bool { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'z' }

// startsWith is bytes.HasPrefix for a list of words, of which few begin as b does: it
// looks at one byte first.
func startsWith(b []byte, word string) bool {
	return len(word) == 0 || len(b) >= len(word) && b[0] == word[0] && string(b[1:len(word)]) == word[1:]
}

// lastIndex is bytes.LastIndex for what is seldom there or seldom twice. It is faster,
// since it does not take each byte.
func lastIndex(b, sep []byte) int {
	for last := -1; ; {
		i := bytes.Index(b[last+1:], sep)
		if i < 0 {
			return last
		}
		last += 1 + i
	}
}

// indexUnquoted returns the index of the first byte of b that is in some, but neither
// in quotes nor behind a backslash; -1 for none.
func indexUnquoted(b []byte, some string) int {
	quoted := false
	for i := 0; i < len(b); i++ {
		switch {
		case b[i] == '\\':
			i++
		case b[i] == '"':
			quoted = !quoted
		case !quoted && strings.IndexByte(some, b[i]) >= 0:
			return i
		}
	}
	return -1
}

// skipAddress passes over an address in RFC 5321 form and the ">" after it. A local
// part that needs quotes is quoted as a whole and may hold anything
// (global/quote_822_local.c of Postfix). ok is false where the line was cut before
// the end of the address.
func skipAddress(b []byte) (rest []byte, ok bool) {
	if len(b) > 0 && b[0] == '"' {
		for b = b[1:]; len(b) > 0 && b[0] != '"'; b = b[1:] {
			if b[0] == '\\' && len(b) > 1 {
				b = b[1:]
			}
		}
	}
	_, rest, ok = bytes.Cut(b, []byte(">"))
	return rest, ok
}
