package reason

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"

	"smtp_reply_exporter/logparse"
)

// maxText is how many bytes of a reply's text Reason uses.
const maxText = 512

// fold appends text to dst in the form that the built-in patterns match:
//   - Latin and Cyrillic letters are lower case and plain (see appendLatin).
//   - White space is one blank, as are the two characters \n that Exim logs.
//   - Lines of a multi-line reply lose their reply code and enhanced code, so that a
//     phrase may continue in the next line.
//   - An address is "_@_".
//   - A host name, URL or anything in <> is one word. It begins with "_", and "_"
//     replaces its punctuation. So \bspam\b does not match mx.spam.example, and
//     spamhaus does match https://www.spamhaus.org/query.
func fold(dst, text []byte, code logparse.Code) []byte {
	for i := 0; i < len(text); {
		blank := len(dst) == 0 || dst[len(dst)-1] == ' '
		c := text[i]
		switch {
		case c <= ' ' || c == '\\' && i+1 < len(text) && (text[i+1] == 'n' || text[i+1] == 'r'):
			if !blank {
				dst = append(dst, ' ')
			}
			i++
			if c == '\\' {
				i++
			}
			continue
		case blank && isDigit(c):
			if n := codePrefix(text[i:], code); n > 0 {
				i += n
				continue
			}
		case c == '<':
			if n := bytes.IndexAny(text[i:], "> "); n > 0 && text[i+n] == '>' {
				dst = appendWord(append(dst, '<'), text[i+1:i+n])
				i += n
				continue
			}
		case c >= utf8.RuneSelf:
			r, n := utf8.DecodeRune(text[i:])
			if r == utf8.RuneError && n == 1 {
				r = rune(c) // Latin-1
			}
			i += n
			if !unicode.IsSpace(r) {
				dst = appendLatin(dst, r)
			} else if !blank {
				dst = append(dst, ' ')
			}
			continue
		}
		if n := nameLen(text, i); n > 0 {
			if bytes.IndexByte(text[i:i+n], '@') >= 0 && !bytes.Contains(text[i:i+n], []byte("://")) {
				dst = append(dst, "_@_"...)
			} else {
				dst = appendWord(dst, text[i:i+n])
			}
			i += n
			continue
		}
		dst = append(dst, lower(c))
		i++
	}
	return dst
}

// codePrefix returns the length of the reply code and enhanced code at the start of
// text, or 0 if text does not begin with code.
func codePrefix(text []byte, code logparse.Code) int {
	c, _, ok := logparse.ParseReply(text)
	if !ok || c != code {
		return 0
	}
	n := min(len("250 "), len(text))
	if n < len(text) && text[n] == '#' {
		n++
	}
	_, enhanced := logparse.ParseEnhanced(text[n:])
	return n + enhanced
}

// nameLen returns the length of the host name, address or URL that begins at
// text[i], or 0.
func nameLen(text []byte, i int) int {
	if i > 0 && (isNameByte(text[i-1]) || text[i-1] >= utf8.RuneSelf) {
		return 0
	}
	end := i
	for end < len(text) && isNameByte(text[end]) {
		end++
	}
	rest := text[end:]
	if bytes.HasPrefix(rest, []byte("://")) {
		return urlEnd(text, end) - i
	}
	word := bytes.TrimRight(text[i:end], ".-_")
	if !isName(word) {
		return 0
	}
	if len(rest) > 0 && rest[0] == '/' {
		return urlEnd(text, end) - i
	}
	return len(word)
}

func urlEnd(text []byte, from int) int {
	if n := bytes.IndexAny(text[from:], " \t\r\n\\<>\"')]"); n >= 0 {
		return from + n
	}
	return len(text)
}

// isName reports whether word is an address or a host name. "quota.Please" is neither:
// it is the end of one sentence and the beginning of the next.
func isName(word []byte) bool {
	if at := bytes.IndexByte(word, '@'); at >= 0 {
		return at < len(word)-1
	}
	dot := bytes.LastIndexByte(word, '.')
	if dot <= 0 || len(word)-dot <= 2 || bytes.Contains(word, []byte("..")) {
		return false
	}
	for _, c := range word[dot+1:] {
		if !isLetter(c) && c != '-' {
			return false
		}
	}
	return !(isLetter(word[dot-1]) && word[dot-1] >= 'a' && word[dot+1] <= 'Z')
}

// appendWord appends "_" and word in lower case, with "_" for its punctuation.
func appendWord(dst, word []byte) []byte {
	dst = append(dst, '_')
	for _, c := range word {
		if !isLetter(c) && !isDigit(c) {
			c = '_'
		}
		dst = append(dst, lower(c))
	}
	return dst
}

// findEnhanced returns the enhanced code in the text: after the reply code, at the
// start or, as qmail writes it, in parentheses: "no such user (#5.1.1)".
func findEnhanced(text []byte) logparse.EnhancedCode {
	code, enhanced, ok := logparse.ParseReply(text)
	if ok && enhanced.Class == 0 && len(text) > len("250 ") {
		if again, e, ok := logparse.ParseReply(text[len("250 "):]); ok && again == code {
			enhanced = e // qmail's "550 550 5.1.1 user unknown"
		}
	}
	if enhanced.Class != 0 {
		return enhanced
	}
	text = bytes.TrimPrefix(text, []byte("#"))
	if enhanced, n := logparse.ParseEnhanced(text); n > 0 {
		return enhanced
	}
	if i := bytes.LastIndex(text, []byte("(#")); i >= 0 {
		enhanced, _ := logparse.ParseEnhanced(text[i+len("(#"):])
		return enhanced
	}
	return logparse.EnhancedCode{}
}

// quote returns the reply of another server that text quotes, after an MTA has asked
// that server to verify an address: Postfix's "unverified address: host X said: 550
// ...", Exim's "Callout verification failed:\n550 ...". ofSender reports whether the
// address is the sender's.
func quote(text []byte) (quoted []byte, ofSender, ok bool) {
	for _, q := range quotes {
		if i := bytes.Index(text, []byte(q.verified)); i >= 0 {
			rest := text[i+len(q.verified):]
			if j := bytes.Index(rest, []byte(q.said)); j >= 0 {
				ofSender = bytes.Contains(text[:i], []byte("ender address rejected: ")) || bytes.HasPrefix(text, []byte("Sender"))
				return bytes.TrimLeft(rest[j+len(q.said):], " \r\n"), ofSender, true
			}
		}
	}
	return nil, false, false
}

var quotes = []struct{ verified, said string }{
	{"verified address: host ", " said: "},
	{"deliverable address: host ", " said: "},
	{"allout verification failed:", ""},
}

func isNameByte(c byte) bool {
	return isLetter(c) || isDigit(c) || strings.IndexByte("._@-+=", c) >= 0
}

// isWordByte reports whether c is in \w.
func isWordByte(c byte) bool { return isLetter(c) || isDigit(c) || c == '_' }

func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}
