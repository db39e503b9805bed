package logparse

import "bytes"

// skipEximMailbox passes over an address as a client may write it (parse.c,
// parse_extract_address()): with comments, and bare or in angle brackets, which may
// follow a phrase.
//
//	ann@dest.example
//	"Ann" (x) <@relay.example:ann@dest.example>
func skipEximMailbox(b []byte) (rest []byte, ok bool) {
	if rest, ok = skipEximWords(b); !ok || len(b) == 0 {
		return nil, false
	}
	if len(rest) == 0 || rest[0] == ':' {
		return rest, len(rest) < len(b)
	}
	if rest[0] == '@' {
		return skipEximDomain(rest[1:])
	}
	for len(rest) > 0 && rest[0] != '<' {
		after, ok := skipEximWords(rest)
		if !ok || len(after) == len(rest) {
			return nil, false
		}
		rest = after
	}
	return skipEximBrackets(rest)
}

// skipEximBrackets passes over a route and an address in angle brackets, of which
// strip_excess_angle_brackets allows more than one pair.
func skipEximBrackets(b []byte) (rest []byte, ok bool) {
	rest = bytes.TrimLeft(b, "<")
	brackets := len(b) - len(rest)
	rest = skipEximComments(rest)
	for len(rest) > 0 && rest[0] == '@' {
		if rest, ok = skipEximDomain(rest[1:]); !ok || len(rest) == 0 || rest[0] != ',' && rest[0] != ':' {
			return nil, false
		}
		rest = skipEximComments(rest[1:])
	}
	if rest, ok = skipEximWords(rest); !ok {
		return nil, false
	}
	if len(rest) > 0 && rest[0] == '@' {
		if rest, ok = skipEximDomain(rest[1:]); !ok {
			return nil, false
		}
	}
	for range brackets {
		if rest, ok = bytes.CutPrefix(rest, []byte(">")); !ok {
			return nil, false
		}
	}
	return skipEximComments(rest), brackets > 0
}

// skipEximWords passes over words with dots and comments between them.
func skipEximWords(b []byte) (rest []byte, ok bool) {
	for {
		b = skipEximComments(b)
		n, closed := eximWord(b)
		if !closed {
			return nil, false
		}
		b = skipEximComments(b[n:])
		if len(b) == 0 || b[0] != '.' {
			return b, true
		}
		b = bytes.TrimLeft(b, ".")
	}
}

// skipEximDomain passes over a domain, with comments, or over an address literal.
func skipEximDomain(b []byte) (rest []byte, ok bool) {
	for {
		b = skipEximComments(b)
		n := eximDomain(b)
		if n == 0 {
			return nil, false
		}
		b = skipEximComments(b[n:])
		if len(b) == 0 || b[0] != '.' {
			return b, true
		}
	}
}

// skipEximComments passes over blanks and comments, which nest.
func skipEximComments(b []byte) []byte {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch {
		case depth > 0 && b[i] == '\\':
			i++
		case b[i] == '(':
			depth++
		case depth > 0 && b[i] == ')':
			depth--
		case depth == 0 && b[i] != ' ' && b[i] != '\t':
			return b[i:]
		}
	}
	return nil
}
