package logparse

import (
	"bytes"
	"strconv"
)

// A Code is a three-digit SMTP reply code (RFC 5321 §4.2), 200 to 599; 0 is no code.
type Code uint16

// Class returns the code's first digit, 2 to 5; 0 for no code.
func (c Code) Class() int { return int(c) / 100 }

// An EnhancedCode is an enhanced mail system status code (RFC 3463): class 2,
// 4 or 5, subject and detail 0 to 999. The zero value is no enhanced code.
type EnhancedCode struct {
	Class           uint8
	Subject, Detail uint16
}

// String returns the code as it stands in a reply, "4.7.1"; "" for none.
func (e EnhancedCode) String() string {
	if e.Class == 0 {
		return ""
	}
	return string(e.Append(make([]byte, 0, len("5.999.999"))))
}

// Append appends the code as String returns it.
func (e EnhancedCode) Append(b []byte) []byte {
	if e.Class == 0 {
		return b
	}
	b = append(b, '0'+e.Class, '.')
	b = strconv.AppendUint(b, uint64(e.Subject), 10)
	b = append(b, '.')
	return strconv.AppendUint(b, uint64(e.Detail), 10)
}

// Direction says who spoke.
type Direction uint8

const (
	// Sent is a reply of this server to its client.
	Sent Direction = iota
	// Received is a reply of another server to this one.
	Received
	numDirections
)

var directionNames = [numDirections]string{"sent", "received"}

// String returns the direction's name; "" for a value that is none.
func (d Direction) String() string {
	return nameOf(directionNames[:], d)
}

// ParseReply reads the code and the enhanced code at the start of a reply's
// text and returns what is left of it. ok is false where text does not begin
// with a reply code that a blank, a hyphen or the end follows.
//
//	451 4.7.1 Try again later
//	550-5.1.1 first line 550 5.1.1 last line
//	554 #5.7.1 refused
//	250
//
// An enhanced code counts only where it follows the code and one blank or hyphen
// (RFC 2034 §4; some servers write a # before it). Logs join the lines of a reply
// with blanks. The enhanced code of the last line counts, since not every server
// writes one on the lines before it.
func ParseReply(text []byte) (code Code, enhanced EnhancedCode, ok bool) {
	if len(text) < 3 || text[0] < '2' || text[0] > '5' || !isDigit(text[1]) || !isDigit(text[2]) {
		return 0, EnhancedCode{}, false
	}
	code = Code(text[0]-'0')*100 + Code(text[1]-'0')*10 + Code(text[2]-'0')
	if len(text) == 3 {
		return code, EnhancedCode{}, true
	}
	if text[3] != ' ' && text[3] != '-' {
		return 0, EnhancedCode{}, false
	}
	rest := text[4:]
	if len(rest) > 0 && rest[0] == '#' {
		rest = rest[1:]
	}
	enhanced, _ = ParseEnhanced(rest)
	if text[3] == '-' {
		if last, ok := lastEnhanced(rest, text[:3]); ok {
			enhanced = last
		}
	}
	return code, enhanced, true
}

// parseJoinedReply is ParseReply for a reply whose first line alone has a code. What
// looks like the code of a further line is text.
func parseJoinedReply(text []byte) (code Code, enhanced EnhancedCode, ok bool) {
	code, enhanced, ok = ParseReply(text)
	if ok && isFirstOfMany(text) {
		enhanced, _ = ParseEnhanced(text[4:])
	}
	return code, enhanced, ok
}

// parseReplyLines is ParseReply for a reply whose lines are joined by one of ends,
// such as an escaped line feed. The enhanced code is that of the last line, or of
// the first where the last has none.
func parseReplyLines(text []byte, ends ...string) (code Code, enhanced EnhancedCode, ok bool) {
	if code, enhanced, ok = parseJoinedReply(text); !ok || !isFirstOfMany(text) {
		return code, enhanced, ok
	}
	for _, end := range ends {
		i := bytes.LastIndex(text, []byte(end))
		if i < 0 {
			continue
		}
		if c, last, ok := ParseReply(text[i+len(end):]); ok && c == code && last.Class != 0 {
			enhanced = last
		}
		break
	}
	return code, enhanced, true
}

// isFirstOfMany reports whether a reply's text begins with a line that others
// follow: "550-".
func isFirstOfMany(text []byte) bool { return len(text) > 3 && text[3] == '-' }

// lastEnhanced returns the last enhanced code in the joined text of a reply that
// follows digits, the reply code at the start of each further line.
func lastEnhanced(text, digits []byte) (last EnhancedCode, ok bool) {
	for from := 0; ; {
		i := bytes.Index(text[from:], digits)
		if i < 0 {
			return last, ok
		}
		i += from
		from = i + len(digits)
		after := text[from:]
		if i == 0 || text[i-1] != ' ' && text[i-1] != '?' || len(after) == 0 || after[0] != ' ' && after[0] != '-' {
			continue
		}
		if e, n := ParseEnhanced(after[1:]); n > 0 {
			last, ok = e, true
		}
	}
}

// ParseEnhanced reads an enhanced code at the start of text and returns it with its
// length in bytes; the zero value and 0 where there is none.
func ParseEnhanced(text []byte) (EnhancedCode, int) {
	if len(text) < 5 || (text[0] != '2' && text[0] != '4' && text[0] != '5') || text[1] != '.' {
		return EnhancedCode{}, 0
	}
	subject, n := number3(text[2:])
	if n == 0 || len(text) <= 2+n || text[2+n] != '.' {
		return EnhancedCode{}, 0
	}
	end := 2 + n + 1
	detail, n := number3(text[end:])
	if n == 0 {
		return EnhancedCode{}, 0
	}
	end += n
	// 5.7.1 in "5.7.1.2" or "5.7.1000" is part of something else, such as an address.
	if end < len(text) && (isDigit(text[end]) || text[end] == '.' && end+1 < len(text) && isDigit(text[end+1])) {
		return EnhancedCode{}, 0
	}
	return EnhancedCode{Class: text[0] - '0', Subject: subject, Detail: detail}, end
}

// number3 reads one to three digits.
func number3(b []byte) (v uint16, n int) {
	for n < len(b) && n < 3 && isDigit(b[n]) {
		v = v*10 + uint16(b[n]-'0')
		n++
	}
	return v, n
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
