package logparse

import "bytes"

// NewerThanJudged reports whether a version, as Result.Version has it, is newer than the
// newest version of the MTA that real logs judged, and returns the latter. It reports
// false for an MTA whose versions are not known, and for a version without a number.
func NewerThanJudged(mta string, version []byte) (judged string, newer bool) {
	m := mtaNamed(mta)
	if m < 0 || mtas[m].judged == "" {
		return "", false
	}
	judged = mtas[m].judged
	rest, known := version, []byte(judged)
	for {
		var n, k int
		n, rest = cutNumber(rest)
		k, known = cutNumber(known)
		if n < 0 || n != k {
			return judged, n > max(k, 0)
		}
		if !bytes.HasPrefix(rest, []byte(".")) {
			return judged, false
		}
		rest, known = rest[1:], bytes.TrimPrefix(known, []byte("."))
	}
}

// cutVersion reads a version, which begins with a digit, at the start of b.
func cutVersion(b []byte) (version, rest []byte, ok bool) {
	n := 0
	for n < len(b) && n < maxVersion && (isAlphanumeric(b[n]) || b[n] == '.' || b[n] == '-' || b[n] == '_' || b[n] == '+') {
		n++
	}
	return b[:n], b[n:], n > 0 && isDigit(b[0])
}

const maxVersion = 40 // bytes
