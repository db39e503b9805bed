package reason

import "bytes"

// withoutAddresses appends text to dst, up to maxText bytes, with "<@>" for each address
// in angle brackets: what stands in it are the words of a stranger, not of who replies.
// A local part in quotes without brackets is left out, too.
func withoutAddresses(dst, text []byte) []byte {
	for i := 0; i < len(text) && len(dst) < maxText; {
		switch text[i] {
		case '<':
			if n := bracketedAddressLen(text[i:]); n > 0 {
				dst = append(dst, "<@>"...)
				i += n
				continue
			}
		case '"':
			if n := quotedLen(text[i:]); i+n < len(text) && text[i+n] == '@' {
				i += n
				continue
			}
		}
		dst = append(dst, text[i])
		i++
	}
	return dst
}

// bracketedAddressLen returns the length of the address in angle brackets that text
// begins with; 0 where it begins with anything else in brackets. Its local part may be
// in quotes (RFC 5321 §4.1.2), or hold blanks without them, as Postfix shows one. Where
// quotes or brackets do not end, nobody knows what else is of the address: it is all
// of the text.
func bracketedAddressLen(text []byte) int {
	at, quotes, blank := false, false, false
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			quotes = true
			i += quotedLen(text[i:]) - 1
		case '@':
			at, blank = true, false
		case ' ':
			blank = true
		case '>':
			if (at || quotes) && !blank {
				return i + 1
			}
			return 0
		}
	}
	if bytes.HasPrefix(text, []byte("< ")) && !quotes {
		return 0 // a mark
	}
	return len(text)
}

// quotedLen returns the length of the quoted string that text begins with.
func quotedLen(text []byte) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(text)
}
