package logparse

import "bytes"

// cutBracketedTime reads a time in brackets, and the seconds since the host started:
//
//	[2026-11-23T14:16:23+00:00]
//	[Nov 23 14:16:23]
//	[12345.678901]               journalctl -o short-monotonic
//	[12345.678901 <    0.000123 >]   journalctl -o short-delta
func cutBracketedTime(b []byte) (Timestamp, []byte, bool) {
	if len(b) == 0 || b[0] != '[' {
		return Timestamp{}, b, false
	}
	end := bytes.IndexByte(b, ']')
	if end < 0 || end+1 >= len(b) || b[end+1] != ' ' {
		return Timestamp{}, b, false
	}
	inner, rest := b[1:end], b[end+1:]
	if at, left, ok := cutTime(inner); ok && len(left) == 0 {
		return at, rest, true
	}
	uptime, left := cutDigits(bytes.TrimLeft(inner, " "))
	if uptime != nil && len(left) > 0 && left[0] == '.' && len(bytes.Trim(left, "0123456789. <>")) == 0 {
		return Timestamp{}, rest, true
	}
	return Timestamp{}, b, false
}

// cutYearFirst reads "2026 Nov 23 14:16:23".
func cutYearFirst(b []byte) (Timestamp, []byte, bool) {
	if isYear(b) {
		if at, rest, ok := cutRFC3164(b[len("2026 "):]); ok {
			return Timestamp{timeSyslog, b[:len("2026 ")+len(at.text)]}, rest, true
		}
	}
	return Timestamp{}, b, false
}

// cutSlashed reads "2026/11/23 14:16:23", with or without a fraction and a zone.
func cutSlashed(b []byte) (Timestamp, []byte, bool) {
	if len(b) < 19 || b[4] != '/' || b[7] != '/' || !isDigit(b[0]) {
		return Timestamp{}, b, false
	}
	return cutISO(b)
}

// cutWeekday reads a time behind the name of a weekday, in any language:
//
//	Mon 2026-11-23 14:16:23 UTC
//	Mon Nov 23 14:16:23 2026
func cutWeekday(b []byte) (Timestamp, []byte, bool) {
	n := bytes.IndexByte(b[:min(len(b), 16)], ' ')
	if n < 2 {
		return Timestamp{}, b, false
	}
	for i, c := range b[:n] {
		if c < 0x80 && (!isAlphanumeric(c) || isDigit(c)) && (i < 2 || c != '.' && c != ',') {
			return Timestamp{}, b, false
		}
	}
	return cutTime(b[n+1:])
}

// cutEpoch reads the seconds, milliseconds, microseconds or nanoseconds since 1970, with
// or without a fraction.
func cutEpoch(b []byte) (Timestamp, []byte, bool) {
	digits, rest := cutDigits(b)
	switch len(digits) {
	case 10, 13, 16, 19:
	default:
		return Timestamp{}, b, false
	}
	if len(rest) > 0 && rest[0] == '.' {
		_, rest = cutDigits(rest[1:])
	}
	if len(rest) == 0 || rest[0] != ' ' {
		return Timestamp{}, b, false
	}
	return Timestamp{timeSeconds, b[:len(b)-len(rest)]}, rest, true
}

// cutNumberedMonth reads "11月 23 14:16:23", as the C library writes it in Chinese and
// Japanese, and with 월 in Korean.
func cutNumberedMonth(b []byte) (Timestamp, []byte, bool) {
	month, rest := cutDigits(b)
	if len(month) != 1 && len(month) != 2 {
		return Timestamp{}, b, false
	}
	for _, sign := range [...]string{"月", "월"} {
		if bytes.HasPrefix(rest, []byte(sign)) {
			at, left, ok := cutRFC3164(rest) // which takes the sign for a month
			return Timestamp{timeSyslog, b[:len(month)+len(at.text)]}, left, ok
		}
	}
	return Timestamp{}, b, false
}

// cutZone reads the name or offset of a time zone that follows a time.
func cutZone(at Timestamp, b []byte) (Timestamp, []byte) {
	zone, rest, ok := bytes.Cut(bytes.TrimPrefix(b, []byte(" ")), []byte(" "))
	if !ok || !isZoneName(zone) && !isOffset(zone) {
		return at, b
	}
	if end := len(at.text) + 1 + len(zone); len(b) > 0 && at.kind != timeNone && end <= cap(at.text) && bytes.Equal(at.text[:end][end-len(zone):], zone) {
		at.text = at.text[:end]
	}
	return at, b[len(b)-len(rest)-1:]
}

// isOffset reports whether a word is +01, +0100 or +01:00.
func isOffset(word []byte) bool {
	if len(word) < 3 || len(word) > 6 || word[0] != '+' && word[0] != '-' {
		return false
	}
	for i, c := range word[1:] {
		if !isDigit(c) && (i != 2 || c != ':') {
			return false
		}
	}
	return true
}

// isZoneName reports whether a word is the name of a time zone. Other words in capitals
// may be a host, or the beginning of what an MTA logs.
func isZoneName(word []byte) bool {
	switch string(word) {
	case "UTC", "GMT", "Z", "WET", "WEST", "CET", "CEST", "MET", "MEST", "EET", "EEST", "BST", "IST", "MSK", "TRT",
		"EST", "EDT", "CST", "CDT", "MST", "MDT", "PST", "PDT", "AKST", "AKDT", "HST", "NST", "NDT", "AST", "ADT",
		"JST", "KST", "HKT", "SGT", "PKT", "WIB", "SAST", "EAT", "CAT", "WAT",
		"AEST", "AEDT", "ACST", "ACDT", "AWST", "NZST", "NZDT":
		return true
	}
	return false
}
