package logparse

import "bytes"

// maxRepeated is the limit on the counts that loggers claim, so that a forged or
// damaged line cannot overflow a counter.
const maxRepeated = 1 << 20

// maxRepeatedLen is how much of a message rsyslog repeats (ratelimit.c, "%.800s", where
// the message may begin with a blank).
const maxRepeatedLen = 799

// cutRepeated takes the message out of the line if the logger says that it came several
// times in a row. rsyslog logs the first one as it is, and of those after it one line; if
// there is only one, then it as well as it is:
//
//	message repeated 3 times: [ NOQUEUE: reject: ...]
//
// Others, such as the syslogd of the BSDs, do not show again what they repeat: "last
// message repeated 3 times".
func (l *line) cutRepeated() {
	rest, ok := bytes.CutPrefix(l.message, []byte("message repeated "))
	if !ok {
		return
	}
	n, rest := cutNumber(rest)
	rest, ok = bytes.CutPrefix(rest, []byte(" times: ["))
	if !ok || n < 1 || n > maxRepeated || !bytes.HasSuffix(rest, []byte("]")) {
		return
	}
	l.message, l.count, l.reported = bytes.TrimPrefix(rest[:len(rest)-1], []byte(" ")), n, true
}

// isCutRepeated reports whether the end of the message may be missing, since the logger
// repeats only its beginning.
func (l *line) isCutRepeated() bool { return l.reported && len(l.message) >= maxRepeatedLen }

// words returns the hash of as much of the message as the logger would repeat.
func (l *line) words() hash { return l.seed.add(l.message[:min(len(l.message), maxRepeatedLen)]) }

// isCutCopy reports whether the line is a copy of what counted once already, and lacks its
// end, so that it cannot be read again.
func (p *Parser) isCutCopy() bool {
	if !p.line.isCutRepeated() {
		return false
	}
	last := p.once.get(p.line.process())
	return last != nil && *last == p.line.words()
}

// isOnce reports whether an event can happen only once, so that a further line with the
// same words is a copy: a delivery to a recipient, and the acceptance of a message, each
// with an id. What a session was told, such as a refusal or the replies that a summary
// counts, can happen again in the same words.
func isOnce(e *Event) bool { return e.Deliveries > 0 || isAcceptance(e) }

// isAcceptance reports whether an event is the acceptance of a message or recipient. After
// that, there is no further attempt.
func isAcceptance(e *Event) bool {
	return e.Kind == Reply && e.Code.Class() == 2 && !e.Dialogue && len(e.QueueID) > 0
}

// countOnce makes the events of a line that can be true only once count so, however often
// the logger says that it came, and not at all if the last such line of the process was
// the same. An attempt to deliver can fail twice in the same words, but not succeed;
// therefore a failure is a copy only if the logger says so. So is a message of which only
// the beginning is known to be the same: a stranger can make two of them alike.
func (p *Parser) countOnce() {
	l := p.line
	once, final := false, false
	for i := range l.events {
		once = once || isOnce(&l.events[i])
		final = final || isAcceptance(&l.events[i])
	}
	if !once {
		return
	}
	last, words := p.once.put(l.process()), l.words()
	copied := *last == words && (l.reported || final && len(l.message) < maxRepeatedLen)
	*last = words
	if l.count == 1 && !copied {
		return
	}
	kept := l.events[:0]
	for _, e := range l.events {
		e.Count, e.Deliveries = e.Count/l.count, e.Deliveries/l.count
		if copied {
			e.Repeat, e.Deliveries = true, 0
		}
		if e.Kind == Reply || !copied {
			kept = append(kept, e)
		}
	}
	l.events = kept
}
