package logparse

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// The named groups that a Header's expression may have.
const (
	headerMessage = iota // required
	headerHost
	headerProgram
	headerPID
	headerTime
	numHeaderGroups
)

var headerGroups = [numHeaderGroups]string{"message", "host", "program", "pid", "time"}

// A Header reads, with a regular expression, the envelope of lines in a form that this
// package does not know. Unlike the built-in forms, it allocates for each line. It does not
// change, so parsers may share it.
type Header struct {
	expression *regexp.Regexp
	group      [numHeaderGroups]int // index of the expression's own; 0 if it has none
}

// NewHeader returns a Header for an expression in RE2 syntax, which matches from the start
// of a line. Its group message matches what the MTA logged; the groups host, program, pid
// and time are optional. Without program, message may begin with a header in a built-in
// form. NewHeader returns an error if the expression does not compile, has an unknown
// group or one twice, or lacks message.
func NewHeader(expression string) (*Header, error) {
	if _, err := regexp.Compile(expression); err != nil {
		return nil, err
	}
	// The words of a stranger, further on in the line, must not look like a header.
	re, err := regexp.Compile(`^(?:` + expression + `)`)
	if err != nil {
		return nil, err
	}
	h := &Header{expression: re}
	for i, name := range re.SubexpNames() {
		if name == "" {
			continue
		}
		known := slices.Index(headerGroups[:], name)
		switch {
		case known < 0:
			return nil, fmt.Errorf("group %q is not one of %s", name, strings.Join(headerGroups[:], ", "))
		case h.group[known] > 0:
			return nil, fmt.Errorf("group %q occurs twice", name)
		}
		h.group[known] = i
	}
	switch {
	case h.group[headerMessage] == 0:
		return nil, errors.New("no group (?P<message>...) for what the MTA logged")
	case h.group[headerPID] > 0 && h.group[headerProgram] == 0:
		return nil, errors.New("a group pid without a group program; add (?P<program>...)")
	}
	return h, nil
}

// Matches reports whether the Header reads a line.
func (h *Header) Matches(line []byte) bool { return h.expression.Match(line) }

// SetHeader makes the Parser read the header of each line with h first, and only of those
// that h does not match with the built-in forms. Envelopes that the caller takes off stay
// as they are. Call it before the first line.
func (p *Parser) SetHeader(h *Header) { p.header = h }

// unwrap sets env to the envelope of a line. ok is false if the Header does not match it.
// whole is that of the unwrapper.
func (h *Header) unwrap(u *unwrapper, line []byte, env *Envelope) (whole, ok bool) {
	line = bytes.TrimSuffix(line, []byte("\r"))
	match := h.expression.FindSubmatchIndex(line)
	if match == nil {
		return false, false
	}
	group := func(known int) []byte {
		i := 2 * h.group[known]
		if i == 0 || match[i] < 0 {
			return nil
		}
		return line[match[i]:match[i+1]]
	}
	if program := group(headerProgram); len(program) > 0 {
		u.reset(nil)
		*env = Envelope{Program: program, PID: group(headerPID), Message: group(headerMessage)}
		whole = true
	} else {
		whole = u.unwrap(group(headerMessage), env)
	}
	if host := group(headerHost); len(host) > 0 {
		env.Host = host
	}
	if text := group(headerTime); len(text) > 0 {
		env.Time = timestampOf(text)
	}
	return whole, true
}

// timestampOf returns the time in a text that holds nothing else; none if its form is not
// known.
func timestampOf(text []byte) Timestamp {
	seconds, rest := cutDigits(text)
	if len(rest) > 0 && rest[0] == '.' {
		_, rest = cutDigits(rest[1:])
	}
	if len(seconds) == 10 && len(rest) == 0 {
		return Timestamp{timeSeconds, seconds}
	}
	if at, rest, ok := cutTime(text); ok && len(rest) == 0 {
		return at
	}
	return Timestamp{}
}
