package logparse

// An eximAttempt is what the lines of a message's deliveries say of the present
// attempt. Lines are counted by message.
type eximAttempt struct {
	Lines uint32
	Last  uint32 // the last line of a recipient
	Start uint32 // the first line that can be of this attempt
}

// messageKey is the key of the message id: the process is no part of it.
func (l *exim) messageKey() hash { return l.seed.add(l.env.Host).add(l.id) }

// next counts the line of a recipient and begins a new attempt if this one has
// deferred the recipient already. A final line is the recipient's last one.
func (l *exim) next(recipient []byte, final bool) *eximAttempt {
	message := l.messageKey()
	a := l.attempts.put(message)
	a.Lines++
	key := message.add(recipient)
	if last := l.deferred.get(key); last != nil && *last >= a.Start {
		a.Start = a.Last + 1
	}
	a.Last = a.Lines
	if final {
		l.deferred.remove(key)
	} else {
		*l.deferred.put(key) = a.Lines
	}
	return a
}

func (l *exim) shownKey(h eximHost, text []byte) hash {
	return l.messageKey().add(h.name).add(h.addr).add(text)
}

// shownIn reports whether a line of the attempt has shown the reply with this key.
func (l *exim) shownIn(a *eximAttempt, reply hash) bool {
	line := l.shown.get(reply)
	return line != nil && *line >= a.Start
}

// remember stores a reply and reports whether a line of the attempt has shown it.
func (l *exim) remember(a *eximAttempt, h eximHost, text []byte) bool {
	reply := l.shownKey(h, text)
	again := l.shownIn(a, reply)
	*l.shown.put(reply) = a.Lines
	return again
}
