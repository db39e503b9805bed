package logparse

import "bytes"

// An eximRejection is the last line of a process if it goes to the reject log too.
type eximRejection struct{ Line hash }

// Lines that go to the reject log too: those in the source that have LOG_REJECT.
var (
	// eximPeers can go on with a rejection.
	eximPeers = []string{"H=", "U=", "DSH=", "F="}
	// eximRejections are rejections.
	eximRejections = []string{
		"SMTP protocol synchronization error", "SMTP protocol violation: ", "SMTP call from ",
		"refused connection from ", "rejected ", "temporarily rejected ", "temporarily refused connection from ",
		"too many recipients: ", "unqualified ", "connection from ",
	}
)

func isEximRejection(b []byte) bool {
	if eximStartsWith(b, eximPeers) {
		return bytes.Contains(b, []byte("rejected ")) || bytes.Contains(b, []byte(" sender verify "))
	}
	if eximStartsWith(b, eximRejections) {
		return true
	}
	rest, failed := cutEximAuthenticator(b)
	return failed && bytes.HasPrefix(rest, []byte("for "))
}

// duplicate reports whether a line with text b is the reject log's copy of the one
// that its process logged before; record is the hash of the line. If the logger says
// that the line came several times, every second one is a copy.
func (l *exim) duplicate(b []byte, record hash) bool {
	process := l.process()
	if !isEximRejection(b) {
		l.rejections.remove(process)
		return false
	}
	last := l.rejections.put(process)
	lines := l.count
	if last.Line == record {
		lines++
	}
	last.Line = 0
	if lines%2 == 1 {
		last.Line = record
	}
	copies := lines / 2
	if copies == l.count {
		return true
	}
	l.count -= copies
	return false
}
