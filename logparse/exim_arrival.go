package logparse

import "bytes"

// arrival reads what follows "<=", or "(=" after fakereject (receive.c):
//
//	SENDER[ R=ID][ DS][ H=HOST ...][ U=IDENT] P=PROTOCOL ...
func (l *exim) arrival(b []byte, code Code) {
	if quoted, ok := bytes.CutPrefix(b, []byte(`"`)); ok {
		b = quoted[len(eximQuoted(quoted)):]
	}
	_, b, _ = bytes.Cut(b, []byte(" "))
	if bytes.HasPrefix(b, []byte("R=")) {
		_, b, _ = bytes.Cut(b, []byte(" "))
	}
	b = bytes.TrimPrefix(b, []byte("DS "))
	client, ok := bytes.CutPrefix(b, []byte("H="))
	if !ok {
		return // came from this host
	}
	h, rest, ok := cutEximHost(client)
	rest, found := bytes.CutPrefix(rest, []byte(" P="))
	protocol, _, _ := bytes.Cut(rest, []byte(" "))
	if !ok || !found || !isEximSMTP(protocol) {
		return
	}
	l.emit(Event{
		Direction: Sent, Code: code, Command: EndOfData, Implied: true, QueueID: l.id, Remote: h.name, Addr: h.addr,
		Authenticated: bytes.HasSuffix(protocol, []byte("a")),
	})
}

// isEximSMTP reports whether a message with this protocol came over a network.
func isEximSMTP(protocol []byte) bool {
	return bytes.Contains(protocol, []byte("smtp")) && !bytes.HasSuffix(protocol, []byte("bsmtp")) &&
		!bytes.HasPrefix(protocol, []byte("local"))
}
