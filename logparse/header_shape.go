package logparse

import "bytes"

// shapeHeader is the shape of a line whose header is in no form that is known. Any MTA may
// have such lines.
const shapeHeader = "header"

// maxHeader is within how many bytes of a line the tag must stand for the line to be an
// MTA's; maxObject so in an object.
const (
	maxHeader = 200
	maxObject = 2000
)

// headless returns the index of the MTA whose line has a header that cannot be read: of the
// one MTA of the log, or of the one whose tag or message id stands behind the header. It
// returns noMTA for any other line.
func (p *Parser) headless() int {
	text := p.unwrapper.raw
	if p.line.env.Program != nil || len(text) == 0 || isNoLine(text) {
		return noMTA
	}
	if m := taggedMTA(text); p.only == noMTA || m == p.only {
		return m
	}
	own := mtas[p.only].ownsForm != nil && !mtas[p.only].formIsCommon
	if own && p.line.env.Time.kind != timeNone { // the time is all of its header
		return noMTA
	}
	return p.only
}

// isNoLine reports whether a text is none that a program logged as a line: the further
// lines of a message, of a reply, or of a mail's header in Exim's reject log; or a remark
// of a logger.
//
//	535 5.7.8 go away
//	P Received: from x by mx1 with smtp
//	-- MARK --
func isNoLine(text []byte) bool {
	for _, start := range [...]string{" ", "\t", "--", "#", "Envelope-"} {
		if bytes.HasPrefix(text, []byte(start)) {
			_, _, ok := cutNumberedMonth(text[1:]) // the C library writes " 4月 29 14:16:26"
			return !ok
		}
	}
	if code, rest := cutDigits(text); len(code) == 3 && len(rest) > 0 && (rest[0] == ' ' || rest[0] == '-') {
		return true
	}
	if len(text) > 2 && text[1] == ' ' {
		name, _, ok := bytes.Cut(text[2:], []byte(":"))
		return ok && bytes.IndexByte(name, ' ') < 0
	}
	return bytes.HasSuffix(text, []byte(" -- MARK --")) || bytes.Contains(text, []byte(" last message repeated "))
}

// taggedMTA returns the index of the MTA whose tag, with a PID, or whose message id stands
// behind what a logger may have written; noMTA if none does.
//
//	Nov 23 14:16:23 mx1 site=a postfix/smtpd[699]: ...
//	[x] 1xVUxo-0001BI-1d <= ann@dest.example H=...
func taggedMTA(text []byte) int {
	inObject := text[0] == '{'
	if inObject {
		text = text[:min(len(text), maxObject)]
	} else {
		text = text[:min(len(text), maxHeader)]
	}
	word := 0
	for i, c := range text {
		switch {
		case c == ' ' || inObject && c == '"':
			word = i + 1
			if id, rest := cutEximMessageID(text[word:]); id != nil && isEximArrow(rest) {
				return mtaNamed(eximMTA.name)
			}
		case c == '[' && i > word:
			pid, rest := cutDigits(text[i+1:])
			if pid == nil || len(rest) < 2 || rest[0] != ']' || rest[1] != ':' && rest[1] != ' ' {
				continue
			}
			if m := ownerOfProgram(text[word:i]); m != noMTA {
				return m
			}
		case !inObject && (c == '"' || c == '('): // strangers' words
			return noMTA
		}
	}
	return noMTA
}

func isEximArrow(b []byte) bool {
	for _, arrow := range [...]string{"<= ", "=> ", "-> ", "== ", "** "} {
		if bytes.HasPrefix(b, []byte(arrow)) {
			return true
		}
	}
	return false
}

// NearestForm returns the form of a header that a line's beginning looks most like: its
// name and an example. It is for a message about lines that no form reads.
func NearestForm(line []byte) (name, example string) {
	best := -1
	for i := range forms {
		if n := commonOutline(line, []byte(forms[i].example)); n > best {
			best, name, example = n, forms[i].name, forms[i].example
		}
	}
	return name, example
}

// commonOutline returns how many pieces two lines have in common at their beginnings:
// numbers, words, and other bytes.
func commonOutline(a, b []byte) (n int) {
	for ; len(a) > 0 && len(b) > 0; n++ {
		kind, rest := cutPiece(a)
		other, restOfOther := cutPiece(b)
		if kind != other {
			break
		}
		a, b = rest, restOfOther
	}
	return n
}

// cutPiece reads a number, a word such as "mx1" or "postfix/smtpd", or one other byte.
func cutPiece(b []byte) (kind byte, rest []byte) {
	n := 0
	for n < len(b) && isDigit(b[n]) {
		n++
	}
	if n > 0 {
		return '0', b[n:]
	}
	for n < len(b) && (isAlphanumeric(b[n]) || b[n] >= 0x80 || n > 0 && bytes.IndexByte([]byte("-_/."), b[n]) >= 0) {
		n++
	}
	if n > 0 {
		return 'a', b[n:]
	}
	return b[0], b[1:]
}
