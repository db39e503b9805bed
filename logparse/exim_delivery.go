package logparse

import "bytes"

// An eximDelivery is the line of a recipient (deliver.c, delivery_log(),
// deferral_log() and failure_log()):
//
//	RECIPIENT[ F=<>][ Q=][ P=<>][ R=][ T=][ S=][ H=HOST ...]
type eximDelivery struct {
	eximHost
	recipient []byte // with its parents
	transport []byte
}

// cutEximDelivery reads the fields up to the host and returns what follows them.
func cutEximDelivery(b []byte) (d eximDelivery, rest []byte, ok bool) {
	d.recipient, rest, ok = cutEximRecipient(b)
	for ok && len(rest) > 2 && rest[0] == ' ' {
		field := rest[1:]
		switch {
		case bytes.HasPrefix(field, []byte("F=<")), bytes.HasPrefix(field, []byte("P=<")):
			rest, ok = skipEximAddress(field[len("F=<"):])
		case bytes.HasPrefix(field, []byte("H=")):
			h, after, ok := cutEximHost(field[len("H="):])
			if !ok {
				// A local delivery with a host list names only the first one.
				_, after, _ = bytes.Cut(field, []byte(" "))
				return d, after, true
			}
			d.eximHost = h
			return d, after, true
		case field[1] == '=' && bytes.IndexByte([]byte("QRTS"), field[0]) >= 0:
			value, _, more := bytes.Cut(field, []byte(" "))
			if more {
				value = bytes.TrimSuffix(value, []byte(":"))
			}
			if field[0] == 'T' {
				d.transport = value[len("T="):]
			}
			rest = field[len(value):]
		default:
			return d, rest, true
		}
	}
	return d, rest, ok
}

// recipient reads the line of a recipient after its mark.
func (l *exim) recipient(mark, b []byte) {
	d, rest, ok := cutEximDelivery(b)
	if ok {
		switch string(mark) {
		case "==":
			ok = l.deferral(d, rest)
		case "**":
			ok = l.failure(d, rest)
		default:
			ok = l.delivered(d, rest, mark[0] == '=')
		}
	}
	if !ok {
		l.notUnderstood(shapeEximDelivery)
	}
}

// delivered reads what follows the fields after "=>", "->" or ">>"; first is true
// for the first recipient of an end of data. ok is false for a line that is not
// understood.
func (l *exim) delivered(d eximDelivery, rest []byte, first bool) (ok bool) {
	l.setProgram(d.transport)
	fields, confirmation, confirmed := bytes.Cut(rest, []byte(` C="`))
	if d.addr == nil && !confirmed {
		l.emit(Event{Kind: Delivery, Direction: Received, QueueID: l.id, Deliveries: 1, Cause: CauseLocal})
		return true
	}
	e := Event{
		Direction: Received, Command: EndOfData, QueueID: l.id, Deliveries: 1, Remote: d.name, Addr: d.addr,
	}
	if confirmed {
		e.Text = eximQuoted(confirmation)
	}
	e.Code, e.Enhanced, ok = parseReplyLines(e.Text, `\n`)
	if len(e.Text) == 0 {
		e.Code, e.Implied = 250, true // transports/smtp.c: only a 2xx is a delivery
	} else if !ok || e.Code.Class() != 2 {
		return false
	}
	a := l.next(d.recipient, true)
	if d.addr != nil { // the lmtp transport has a reply for each
		own := first || bytes.Contains(fields, []byte(" PRDR"))
		e.Repeat = l.remember(a, d.eximHost, e.Text) && !own
	}
	l.emit(e)
	return true
}

// eximQuoted returns what stands before the closing quote.
func eximQuoted(b []byte) []byte {
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return b[:i]
		}
	}
	return b
}

// deferral reads what follows the fields after "==":
//
//	[ routing] defer (ERRNO)[: STRERROR][ H=HOST ...][ DT=0.1s][: TEXT]
//
// ok is false for a line that is not understood.
func (l *exim) deferral(d eximDelivery, rest []byte) (ok bool) {
	rest = bytes.TrimPrefix(rest, []byte(" routing"))
	rest, found := bytes.CutPrefix(rest, []byte(" defer ("))
	number, rest, closed := bytes.Cut(rest, []byte(")"))
	if !found || !closed || len(number) == 0 {
		return false
	}
	cause := eximErrnoCause(number)
	if isDigit(number[0]) && string(number) != "0" {
		var reason []byte
		reason, rest = cutEximReason(bytes.TrimPrefix(rest, []byte(": ")))
		cause = causeOf(eximCauses, reason)
	}
	if server, found := bytes.CutPrefix(rest, []byte(" H=")); found {
		d.eximHost, rest, ok = cutEximHost(server)
		if !ok {
			return false
		}
	}
	if bytes.HasPrefix(rest, []byte(" DT=")) {
		i := bytes.Index(rest, []byte(": "))
		if i < 0 {
			i = len(rest)
		}
		rest = rest[i:]
	}
	return l.undelivered(d, bytes.TrimPrefix(rest, []byte(": ")), cause, eximErrnoCommand(number), true)
}

// cutEximReason reads STRERROR.
func cutEximReason(b []byte) (reason, rest []byte) {
	end := len(b)
	for _, after := range []string{" H=", " DT=", ": "} {
		if i := bytes.Index(b[:end], []byte(after)); i >= 0 {
			end = i
		}
	}
	return b[:end], b[end:]
}

// failure reads what follows the fields after "**":
//
//	[ X=CIPHER][ CV=no][ DN="..."][: STRERROR][: TEXT][ DT=0.1s]
//
// ok is false for a line that is not understood.
func (l *exim) failure(d eximDelivery, rest []byte) (ok bool) {
	rest = skipEximTLS(rest)
	text, found := bytes.CutPrefix(rest, []byte(": "))
	if !found && len(rest) > 0 && rest[0] != ' ' {
		return false
	}
	return l.undelivered(d, trimEximDeliverTime(text), NoCause, NoCommand, false)
}

// trimEximDeliverTime drops " DT=0.150s" (log_selector = +deliver_time).
func trimEximDeliverTime(b []byte) []byte {
	if i := bytes.LastIndex(b, []byte(" DT=")); i >= 0 && bytes.HasSuffix(b, []byte("s")) && bytes.IndexByte(b[i+1:], ' ') < 0 {
		return b[:i]
	}
	return b
}

// skipEximTLS passes over the fields of a TLS session (deliver.c, d_tlslog();
// smtp_in.c, s_tlslog()): X=, CV=, DN="..." and SNI=, of which only DN holds blanks.
func skipEximTLS(b []byte) []byte {
	for {
		field, ok := bytes.CutPrefix(b, []byte(" "))
		switch {
		case !ok:
			return b
		case bytes.HasPrefix(field, []byte(`DN="`)):
			_, rest, closed := bytes.Cut(field[len(`DN="`):], []byte(`"`))
			if !closed {
				return b
			}
			b = rest
		case eximStartsWith(field, []string{"X=", "CV=", "SNI=", "A="}):
			b = field[len(eximField(field)):]
		default:
			return b
		}
	}
}

// undelivered adds the end of an attempt that failed or that comes again; command
// is the one that the error's number names. ok is false for a line that is not
// understood.
func (l *exim) undelivered(d eximDelivery, text []byte, cause Cause, command Command, again bool) (ok bool) {
	l.setProgram(d.transport)
	a := l.next(d.recipient, !again)
	r, found, ok := parseEximError(text, d.addr != nil)
	if !found || d.transport == nil { // a router's words are this host's own
		l.unanswered(d, text, cause)
		return true
	}
	if !ok {
		return false
	}
	if r.addr == nil {
		r.eximHost = d.eximHost
	}
	if r.command == NoCommand {
		r.command = command
	}
	e := r.event(l.id)
	e.Deliveries = 1
	reply := l.shownKey(r.eximHost, r.text)
	e.Repeat = l.shownIn(a, reply)
	if !r.own {
		*l.shown.put(reply) = a.Lines
	} else if e.Repeat {
		l.shown.remove(reply)
	}
	l.emit(e)
	return true
}

// unanswered adds the end of an attempt that no reply ended.
func (l *exim) unanswered(d eximDelivery, text []byte, cause Cause) {
	if cause == NoCause {
		cause = causeOf(eximCauses, text)
	}
	if cause == CauseOther && d.transport != nil && d.addr == nil {
		cause = CauseLocal
	}
	l.emit(Event{
		Kind: Delivery, Direction: Received, QueueID: l.id, Deliveries: 1, Cause: cause,
		Remote: d.name, Addr: d.addr, Text: text,
	})
}

// hostError reads the reply of a host after which another one may be tried
// (transports/smtp.c, write_logs()).
func (l *exim) hostError(h eximHost, text []byte) {
	r, _, ok := parseEximError(text, true)
	if !ok || l.id == nil {
		l.notUnderstood(shapeEximHost)
		return
	}
	if r.addr == nil {
		r.eximHost = h
	}
	a := l.attempts.put(l.messageKey())
	a.Lines++
	*l.shown.put(l.shownKey(r.eximHost, r.text)) = a.Lines
	l.emit(r.event(l.id))
}

// setProgram names the transport.
func (l *exim) setProgram(transport []byte) {
	if len(transport) > 0 {
		l.program = transport
	}
}
