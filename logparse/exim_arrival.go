package logparse

import "bytes"

// arrival reads what follows "<=", or "(=" after fakereject (receive.c,
// receive_msg() and add_host_info_for_log()):
//
//	SENDER[ R=ID][ DS][ H=HOST ...][ U=IDENT] P=PROTOCOL ...
func (l *exim) arrival(b []byte, code Code) {
	rest, ok := bytes.CutPrefix(b, []byte("<>"))
	if !ok {
		_, rest, ok = cutEximAddress(b)
	}
	if !ok || len(rest) > 0 && rest[0] != ' ' {
		l.notUnderstood(shapeEximArrival)
		return
	}
	if bytes.HasPrefix(rest, []byte(" R=")) {
		rest = rest[1+len(eximField(rest[1:])):]
	}
	client, ok := bytes.CutPrefix(bytes.TrimPrefix(rest, []byte(" DS")), []byte(" H="))
	if !ok {
		return // came from this host
	}
	h, rest, ok := cutEximHost(client)
	if !ok || h.ident && !isEximProtocol(rest) {
		l.notUnderstood(shapeEximArrival)
		return
	}
	rest, found := bytes.CutPrefix(rest, []byte(" P="))
	protocol, _, _ := bytes.Cut(rest, []byte(" "))
	if !found || !isEximSMTP(protocol) {
		return
	}
	fields := rest[len(protocol):]
	if h.restatedBefore(fields, isEximProtocol) && !areEximArrivalFields(fields) {
		l.notUnderstood(shapeEximArrival)
		return
	}
	l.emit(Event{
		Direction: Sent, Code: code, Command: EndOfData, Implied: true, QueueID: l.id, Remote: h.name, Addr: h.addr,
		Authenticated: bytes.HasSuffix(protocol, []byte("a")),
	})
}

func isEximProtocol(b []byte) bool { return bytes.HasPrefix(b, []byte(" P=")) }

// isEximSMTP reports whether a message with this protocol came over a network.
func isEximSMTP(protocol []byte) bool {
	return bytes.Contains(protocol, []byte("smtp")) && !bytes.HasSuffix(protocol, []byte("bsmtp")) &&
		!bytes.HasPrefix(protocol, []byte("local"))
}

// eximArrivalFields are what can follow the protocol, but for what holds blanks.
var eximArrivalFields = []string{
	"L", "X=", "CV=", "SNI=", "A=", "PRDR", "PRX=", "K", "S=", "M8S=", "DKIM=", "ARC", "SPF", "DMARC", "RT=", "Q=",
}

// areEximArrivalFields reports whether b is whole fields. A HELO name or an answer to
// RFC 1413 could end with the start of one, but not with its end: a subject's quotes
// are escaped.
func areEximArrivalFields(b []byte) bool {
	for len(b) > 0 {
		field, ok := bytes.CutPrefix(b, []byte(" "))
		switch {
		case !ok:
			return false
		case bytes.HasPrefix(field, []byte(`T="`)):
			quoted := eximQuoted(field[len(`T="`):])
			_, b, ok = bytes.Cut(field[len(`T="`)+len(quoted):], []byte(`"`))
		case bytes.HasPrefix(field, []byte(`DN="`)), bytes.HasPrefix(field, []byte(`SNI="`)):
			_, field, _ = bytes.Cut(field, []byte(`"`))
			var name []byte
			name, b, ok = bytes.Cut(field, []byte(`"`))
			ok = ok && !bytes.Contains(name, []byte(" P="))
		case bytes.HasPrefix(field, []byte("id=")):
			_, b, ok = cutEximAddress(field[len("id="):])
		case bytes.HasPrefix(field, []byte("from <")):
			b, ok = skipEximAddress(field[len("from <"):])
		case bytes.HasPrefix(field, []byte("for ")):
			for b = field[len("for"):]; ok && len(b) > 0; {
				_, b, ok = cutEximAddress(b[1:])
				ok = ok && (len(b) == 0 || b[0] == ' ')
			}
		default:
			value, _, _ := bytes.Cut(field, []byte(" "))
			ok = eximStartsWith(value, eximArrivalFields) && bytes.IndexByte(value, '"') < 0
			b = field[len(value):]
		}
		if !ok {
			return false
		}
	}
	return true
}
