package logparse

import (
	"bytes"
	"strconv"
	"strings"
	"time"
)

type timeKind uint8

const (
	timeNone    timeKind = iota
	timeZoned            // RFC 3339 and its kin
	timeSyslog           // RFC 3164: no year, no zone
	timeEpoch            // microseconds since 1970
	timeSeconds          // seconds since 1970, or smaller units, told apart by the number of digits
	timeTAI64N           // multilog's
)

// A Timestamp is a line's time as logged. It refers into the line, and is valid
// until the next call of Parse.
type Timestamp struct {
	kind timeKind
	text []byte
}

// zonedLayouts are the variants of RFC 3339 found in logs. The time package accepts
// a fraction after the seconds in each of them.
var zonedLayouts = []string{
	"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05",
	"2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05Z0700", "2006-01-02 15:04:05",
	"2006-01-02 15:04:05 Z0700", "2006-01-02 15:04:05 Z07:00", "2006-01-02 15:04:05 Z07", "2006-01-02_15:04:05",
	"2006/01/02 15:04:05Z07:00", "2006/01/02 15:04:05",
}

var syslogLayouts = []string{
	"Jan _2 15:04:05", "Jan _2 2006 15:04:05", "Jan _2 15:04:05 2006", "2006 Jan _2 15:04:05",
	"1月 _2 15:04:05", "1월 _2 15:04:05",
}

// In returns the time. It uses year and zone if the log omits them. ok is false if
// the line has no time, or names the month in a language other than English.
func (t Timestamp) In(year int, zone *time.Location) (at time.Time, ok bool) {
	text := string(t.text)
	if i := strings.LastIndexByte(text, ' '); i > 0 && isZoneName(t.text[i+1:]) {
		// Only these two names mean one zone everywhere.
		if name := text[i+1:]; name == "UTC" || name == "GMT" || name == "Z" {
			zone = time.UTC
		}
		text = text[:i]
	}
	switch t.kind {
	case timeZoned:
		for _, layout := range zonedLayouts {
			if at, err := time.ParseInLocation(layout, text, zone); err == nil {
				return at, true
			}
		}
	case timeSyslog:
		for _, layout := range syslogLayouts {
			// Parse the year with the rest, since 29 February is no date without it.
			// A year in the line comes later in the text and wins.
			if at, err := time.ParseInLocation("2006 "+layout, strconv.Itoa(year)+" "+text, zone); err == nil {
				return at, true
			}
		}
	case timeEpoch:
		if µs, err := strconv.ParseInt(text, 10, 64); err == nil {
			return time.UnixMicro(µs).In(zone), true
		}
	case timeSeconds:
		return parseEpoch(text, zone)
	case timeTAI64N:
		s, err := strconv.ParseUint(text[1:17], 16, 64)
		ns, errNano := strconv.ParseUint(text[17:], 16, 32)
		if err == nil && errNano == nil {
			return time.Unix(int64(s-tai64Epoch), int64(ns)).In(zone), true
		}
	}
	return time.Time{}, false
}

// Text returns the time as logged; "" if there is none.
func (t Timestamp) Text() string { return string(t.text) }

// parseEpoch returns the time of a number of seconds, milliseconds, microseconds or
// nanoseconds since 1970.
func parseEpoch(text string, zone *time.Location) (at time.Time, ok bool) {
	whole, fraction, _ := strings.Cut(text, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return time.Time{}, false
	}
	switch unit := len(strings.TrimPrefix(whole, "-")); {
	case unit > 17:
		return time.Unix(0, n).In(zone), true
	case unit > 14:
		return time.UnixMicro(n).In(zone), true
	case unit > 11:
		return time.UnixMilli(n).In(zone), true
	}
	ns, err := strconv.ParseInt((fraction + "000000000")[:9], 10, 64)
	return time.Unix(n, ns).In(zone), err == nil
}

// tai64Epoch is the label of 1970-01-01 for multilog and tai64nlocal, which ignore
// leap seconds (libtai; daemontools tai64nlocal.c).
const tai64Epoch = 1<<62 + 10

// separated reports whether the time has a form that only programs with their own
// log file write: multilog's, svlogd's, or one with a blank between date and time of day.
func (t Timestamp) separated() bool {
	return t.kind == timeTAI64N || t.kind == timeZoned && t.text[10] != 'T'
}

// cutTime reads the time at the start of a line.
func cutTime(b []byte) (Timestamp, []byte, bool) {
	if len(b) > 0 && isDigit(b[0]) {
		return cutRFC3339(b)
	}
	if len(b) > 0 && b[0] == '@' {
		return cutTAI64N(b)
	}
	return cutRFC3164(b)
}

// cutTAI64N reads "@4000000067421f3f1a2b3c4d", 24 hexadecimal digits.
func cutTAI64N(b []byte) (Timestamp, []byte, bool) {
	const end = len("@4000000067421f3f1a2b3c4d")
	if len(b) <= end || b[end] != ' ' {
		return Timestamp{}, b, false
	}
	for _, c := range b[1:end] {
		if !isDigit(c) && (c < 'a' || 'f' < c) {
			return Timestamp{}, b, false
		}
	}
	return Timestamp{timeTAI64N, b[:end]}, b[end:], true
}

// cutRFC3339 reads RFC 3339 times. It also accepts a blank for the T, a comma before
// the fraction, a zone without a colon, and no zone; and svlogd's "_" for the T.
func cutRFC3339(b []byte) (Timestamp, []byte, bool) {
	if len(b) < 19 || b[4] != '-' || b[7] != '-' || !isDigit(b[0]) {
		return Timestamp{}, b, false
	}
	return cutISO(b)
}

// cutISO reads what cutRFC3339 does, with any separators in the date.
func cutISO(b []byte) (Timestamp, []byte, bool) {
	if b[10] != 'T' && b[10] != ' ' && b[10] != '_' || !isClock(b[11:]) {
		return Timestamp{}, b, false
	}
	end := 19
	if end < len(b) && (b[end] == '.' || b[end] == ',') {
		end++
		for end < len(b) && isDigit(b[end]) {
			end++
		}
	}
	if end < len(b) {
		switch b[end] {
		case 'Z':
			end++
		case '+', '-':
			end++
			for end < len(b) && (isDigit(b[end]) || b[end] == ':') {
				end++
			}
		}
	}
	if end < len(b) && b[end] != ' ' {
		return Timestamp{}, b, false
	}
	if b[10] == ' ' && isZone(b[end:]) { // Exim's log_timezone
		end += len(" +0100")
	}
	return Timestamp{timeZoned, b[:end]}, b[end:], true
}

// isZone reports whether b begins with a blank, +hhmm and another blank.
func isZone(b []byte) bool {
	return len(b) > 6 && (b[1] == '+' || b[1] == '-') && isDigit(b[2]) && isDigit(b[3]) && isDigit(b[4]) && isDigit(b[5]) && b[6] == ' '
}

// cutRFC3164 reads "Nov  3 14:16:23". It also accepts a month in another language, a
// fraction, and a year before or after the clock.
func cutRFC3164(b []byte) (Timestamp, []byte, bool) {
	space := bytes.IndexByte(b[:min(len(b), 12)], ' ')
	if space < 3 {
		return Timestamp{}, b, false
	}
	for _, c := range b[:space] {
		if c < 0x80 && c != '.' && (!isAlphanumeric(c) || isDigit(c)) {
			return Timestamp{}, b, false
		}
	}
	i := space + 1
	for i < len(b) && b[i] == ' ' {
		i++
	}
	day := i
	for i < len(b) && isDigit(b[i]) {
		i++
	}
	if i == day || i > day+2 {
		return Timestamp{}, b, false
	}
	if i < len(b) && b[i] == '.' {
		i++
	}
	if i+5 < len(b) && b[i] == ' ' && isYear(b[i+1:]) {
		i += 5
	}
	if i >= len(b) || b[i] != ' ' || !isClock(b[i+1:]) {
		return Timestamp{}, b, false
	}
	i += 9
	if i < len(b) && b[i] == '.' {
		for i++; i < len(b) && isDigit(b[i]); i++ {
		}
	}
	if i+5 < len(b) && b[i] == ' ' && isYear(b[i+1:]) {
		i += 5
	}
	if i < len(b) && b[i] != ' ' {
		return Timestamp{}, b, false
	}
	return Timestamp{timeSyslog, b[:i]}, b[i:], true
}

// isClock reports whether b begins with hh:mm:ss.
func isClock(b []byte) bool {
	return len(b) >= 8 && isDigit(b[0]) && isDigit(b[1]) && b[2] == ':' &&
		isDigit(b[3]) && isDigit(b[4]) && b[5] == ':' && isDigit(b[6]) && isDigit(b[7])
}

// isYear reports whether b begins with a year and a blank.
func isYear(b []byte) bool {
	return len(b) >= 5 && (b[0] == '1' && b[1] == '9' || b[0] == '2' && b[1] == '0') &&
		isDigit(b[2]) && isDigit(b[3]) && b[4] == ' '
}
