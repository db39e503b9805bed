package logparse

import (
	"bytes"
	"unicode/utf8"
)

// unwrapJSON reads an object of Docker's json-file driver, or of `journalctl -o json`:
//
//	{"log":"Nov 23 14:20:06 mx1 postfix/smtp[699]: ...\n","stream":"stdout","time":"2026-11-23T14:20:06.001575881Z"}
//	{"MESSAGE":"...","SYSLOG_IDENTIFIER":"postfix/smtp","SYSLOG_PID":"699","__REALTIME_TIMESTAMP":"1795443606001575"}
func (u *unwrapper) unwrapJSON() (Envelope, bool) {
	o := &u.json
	if log := o.field[fieldLog]; log != nil {
		at, _, _ := cutRFC3339(o.field[fieldTime])
		stream := 0
		if string(o.field[fieldStream]) == "stderr" {
			stream = 1
		}
		// Docker splits at 16 KiB; only the last part has the line end.
		message, final := bytes.CutSuffix(log, []byte("\n"))
		return u.unwrapPart(at, stream, final, bytes.TrimSuffix(message, []byte("\r")))
	}
	pid := o.field[fieldSyslogPID]
	if pid == nil {
		pid = o.field[fieldPID]
	}
	return Envelope{
		Time:    Timestamp{timeEpoch, o.field[fieldRealtime]},
		Host:    o.field[fieldHostname],
		Program: o.field[fieldIdentifier],
		PID:     pid,
		Message: o.field[fieldMessage],
	}, true
}

// The fields that are read; all others are skipped.
const (
	fieldLog = iota
	fieldStream
	fieldTime
	fieldMessage
	fieldIdentifier
	fieldSyslogPID
	fieldPID
	fieldHostname
	fieldRealtime
	numFields
)

func fieldOf(name []byte) int {
	switch string(name) {
	case "log":
		return fieldLog
	case "stream":
		return fieldStream
	case "time":
		return fieldTime
	case "MESSAGE":
		return fieldMessage
	case "SYSLOG_IDENTIFIER":
		return fieldIdentifier
	case "SYSLOG_PID":
		return fieldSyslogPID
	case "_PID":
		return fieldPID
	case "_HOSTNAME":
		return fieldHostname
	case "__REALTIME_TIMESTAMP":
		return fieldRealtime
	}
	return -1
}

// A jsonObject holds the known fields of a flat JSON object. It exists beside
// encoding/json because that allocates for each value.
type jsonObject struct {
	field   [numFields][]byte // nil where missing
	scratch []byte            // values with escapes, decoded
	b       []byte            // what is still to be read
}

// parse reads a whole object and tells whether it is one.
func (o *jsonObject) parse(b []byte) bool {
	clear(o.field[:])
	o.scratch = o.scratch[:0]
	// Decoded values are never longer than they were: the buffer must not move.
	if cap(o.scratch) < len(b) {
		o.scratch = make([]byte, 0, 2*len(b))
	}
	o.b = b
	if !o.token('{') {
		return false
	}
	if o.token('}') {
		return o.end()
	}
	for {
		name, ok := o.text()
		if !ok || !o.token(':') {
			return false
		}
		i := fieldOf(name)
		if o.peek() == '"' {
			value, ok := o.text()
			if !ok {
				return false
			}
			if i >= 0 {
				o.field[i] = value
			}
		} else if i == fieldMessage && o.peek() == '[' {
			if o.field[i], ok = o.bytes(); !ok {
				return false
			}
		} else if !o.skip() {
			return false
		}
		if o.token('}') {
			return o.end()
		}
		if !o.token(',') {
			return false
		}
	}
}

func (o *jsonObject) peek() byte {
	o.b = bytes.TrimLeft(o.b, " \t")
	if len(o.b) == 0 {
		return 0
	}
	return o.b[0]
}

func (o *jsonObject) token(c byte) bool {
	if o.peek() != c {
		return false
	}
	o.b = o.b[1:]
	return true
}

func (o *jsonObject) end() bool { return o.peek() == 0 }

// text reads a string; the value is never nil.
func (o *jsonObject) text() ([]byte, bool) {
	if !o.token('"') {
		return nil, false
	}
	start := len(o.scratch)
	for i, c := range o.b {
		switch c {
		case '"':
			value := o.b[:i]
			o.b = o.b[i+1:]
			return value, true
		case '\\':
			o.scratch = append(o.scratch, o.b[:i]...)
			o.b = o.b[i:]
			return o.escaped(start)
		}
	}
	return nil, false
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

// bytes reads a list of numbers, as journalctl writes a message that is not UTF-8.
func (o *jsonObject) bytes() ([]byte, bool) {
	start := len(o.scratch)
	if !o.token('[') {
		return nil, false
	}
	for !o.token(']') {
		o.peek()
		n, rest := cutNumber(o.b)
		if n < 0 || n > 255 {
			return nil, false
		}
		o.scratch = append(o.scratch, byte(n))
		o.b = rest
		if !o.token(',') && o.peek() != ']' {
			return nil, false
		}
	}
	return o.scratch[start:len(o.scratch):len(o.scratch)], true
}

// skip passes over a number, literal, list or object.
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
