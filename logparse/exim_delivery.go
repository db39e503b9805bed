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
// delivered is true of a line that ends with the other host's reply in quotes.
func cutEximDelivery(b []byte, delivered bool) (d eximDelivery, rest []byte, ok bool) {
	d.recipient, rest, ok = cutEximRecipient(b, delivered)
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
	d, rest, ok := cutEximDelivery(b, mark[1] == '>')
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
	fields, confirmation, ok := cutEximConfirmation(rest)
	if !ok {
		return false
	}
	if d.addr == nil && confirmation == nil {
		l.emit(Event{Kind: Delivery, Direction: Received, QueueID: l.id, Deliveries: 1, Cause: CauseLocal})
		return true
	}
	e := Event{
		Direction: Received, Command: EndOfData, QueueID: l.id, Deliveries: 1, Remote: d.name, Addr: d.addr,
		Text: confirmation,
	}
	e.Code, e.Enhanced, ok = parseReplyLines(e.Text, `\n`)
	if len(e.Text) == 0 {
		e.Code, e.Implied = 250, true // transports/smtp.c: only a 2xx is a delivery
	} else if !ok || e.Code.Class() != 2 {
		return false
	}
	a := l.next(d.recipient, true)
	if d.addr == nil {
		e.Addr = eximSocket
	} else { // the lmtp transport has a reply for each
		own := first || hasEximPRDR(fields)
		e.Repeat = l.remember(a, d.eximHost, e.Text) && !own
	}
	l.emit(e)
	return true
}

// cutEximConfirmation reads C="REPLY", behind which no more than the times that a
// delivery took stand; reply is nil where there is none. No reply can hold such a
// field whole, since its quotes are escaped, but what stands before it can. ok is false
// if none is whole, or two are.
func cutEximConfirmation(b []byte) (fields, reply []byte, ok bool) {
	const start = ` C="`
	fields = b
	for i := 0; ; i++ {
		n := bytes.Index(b[i:], []byte(start))
		if n < 0 {
			return fields, reply, i == 0 || reply != nil
		}
		i += n
		quoted := eximQuoted(b[i+len(start):])
		after := b[i+len(start)+len(quoted):]
		switch {
		case len(after) > 0 && !areEximTimes(after[1:]):
			continue
		case len(after) == 0 && reply != nil: // the end of a reply such as "250 Ok C="
			continue
		case reply != nil:
			return nil, nil, false
		}
		fields, reply = b[:i], quoted
	}
}

// areEximTimes reports whether b is QT=0.379s and DT=0.212s, or one of them, or none.
func areEximTimes(b []byte) bool {
	for _, name := range []string{" QT=", " DT="} {
		if value, ok := bytes.CutPrefix(b, []byte(name)); ok {
			end := bytes.IndexByte(value, ' ')
			if end < 0 {
				end = len(value)
			}
			if bytes.IndexByte(value[:end], '"') >= 0 {
				return false
			}
			b = value[end:]
		}
	}
	return len(b) == 0
}

// hasEximPRDR reports whether the fields before the reply and the times say that each
// recipient has a reply of its own.
func hasEximPRDR(b []byte) bool {
	for _, name := range []string{" DT=", " QT=", " DKIM=", " K"} {
		if i := bytes.LastIndexByte(b, ' '); i >= 0 && bytes.HasPrefix(b[i:], []byte(name)) {
			b = b[:i]
		}
	}
	return bytes.HasSuffix(b, []byte(" PRDR"))
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
//	[ routing] defer[ (STRERROR)][ H=HOST ...][ DT=0.1s][: TEXT]            since 4.100
//	[ routing] defer (ERRNO)[: STRERROR][ H=HOST ...][ DT=0.1s][: TEXT]
//
// ok is false for a line that is not understood.
func (l *exim) deferral(d eximDelivery, rest []byte) (ok bool) {
	if !isEximDeferral(rest) {
		return false
	}
	_, rest, _ = bytes.Cut(rest, []byte(" defer"))
	cause, command, rest := cutEximErrno(rest)
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
	return l.undelivered(d, bytes.TrimPrefix(rest, []byte(": ")), cause, command, true)
}

// isEximDeferral reports whether b is what deferral reads.
func isEximDeferral(b []byte) bool {
	rest, ok := bytes.CutPrefix(bytes.TrimPrefix(b, []byte(" routing")), []byte(" defer"))
	if !ok {
		return false
	}
	if errno, found := bytes.CutPrefix(rest, []byte(" (")); found {
		return bytes.IndexByte(errno, ')') > 0
	}
	return len(rest) == 0 || eximStartsWith(rest, []string{" H=", " DT=", ": "})
}

// cutEximErrno reads what deferral finds in parentheses, and STRERROR behind it.
func cutEximErrno(b []byte) (cause Cause, command Command, rest []byte) {
	number, found := bytes.CutPrefix(b, []byte(" ("))
	if !found {
		return NoCause, NoCommand, b
	}
	number, rest, _ = bytes.Cut(number, []byte(")"))
	switch {
	case number[0] == '-', string(number) == "0":
		return eximErrnoCause(number), eximErrnoCommand(number), rest
	case isDigit(number[0]):
		number, rest = cutEximReason(bytes.TrimPrefix(rest, []byte(": ")))
	}
	return causeOf(eximCauses, number), NoCommand, rest
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

// failure reads what follows the fields after "**", which have " : " between them
// since 4.99:
//
//	[ PS=ese][ X=CIPHER][ CV=no][ DN="..."][: STRERROR][: TEXT][ DT=0.1s]
//
// ok is false for a line that is not understood.
func (l *exim) failure(d eximDelivery, rest []byte) (ok bool) {
	if bytes.HasPrefix(rest, []byte(" PS=")) { // log_selector = +protocol_detail
		rest = rest[1+len(eximField(rest[1:])):]
	}
	rest, ok = skipEximTLS(rest, isEximErrorText)
	if !ok {
		return false
	}
	text, found := cutEximColon(rest)
	if !found && len(rest) > 0 && !bytes.HasPrefix(rest, []byte(" DT=")) {
		return false
	}
	return l.undelivered(d, trimEximDeliverTime(text), NoCause, NoCommand, false)
}

// cutEximColon drops the colon before a text, and the blank before it since 4.99.
func cutEximColon(b []byte) (text []byte, ok bool) {
	if text, ok = bytes.CutPrefix(b, []byte(" : ")); !ok {
		text, ok = bytes.CutPrefix(b, []byte(": "))
	}
	return text, ok
}

// trimEximDeliverTime drops " DT=0.150s" (log_selector = +deliver_time).
func trimEximDeliverTime(b []byte) []byte {
	if i := bytes.LastIndexByte(b, ' '); i >= 0 && bytes.HasPrefix(b[i:], []byte(" DT=")) && bytes.HasSuffix(b, []byte("s")) {
		return b[:i]
	}
	return b
}

// isEximErrorText reports whether b is the text of a failure that shows a reply.
func isEximErrorText(b []byte) bool {
	text, ok := cutEximColon(b)
	return ok && announcesEximReply(text)
}

// skipEximTLS passes over the fields of a TLS session (deliver.c, d_tlslog();
// smtp_in.c, s_tlslog()): X=, CV=, DN="..." and SNI=, of which only DN holds blanks,
// and before 4.95 SNI="...". A stranger wrote the names, and Exim escapes no quote in
// them; GnuTLS does. ok is false if two quotes stand before what field says can
// follow, so that either can end a name.
func skipEximTLS(b []byte, field func(b []byte) bool) (rest []byte, ok bool) {
	for {
		switch {
		case eximStartsWith(b, []string{` DN="`, ` SNI="`}):
			name := b[bytes.IndexByte(b, '"')+1:]
			first := bytes.IndexByte(name, '"')
			if first < 0 {
				return b, true
			}
			b = name[first+1:]
			end := -1
			for i := first; i < len(name); i++ {
				if name[i] != '"' || !field(name[i+1:]) {
					continue
				}
				if end >= 0 {
					return nil, false
				}
				end = i
				b = name[i+1:]
			}
		case eximStartsWith(b, []string{" X=", " CV=", " SNI=", " A="}):
			b = b[1+len(eximField(b[1:])):]
		default:
			return b, true
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
	if r.addr == nil && bytes.HasPrefix(text, []byte("LMTP ")) {
		r.addr = eximSocket
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
	if d.addr == nil && d.transport != nil && bytes.HasPrefix(text, []byte("LMTP ")) {
		d.addr = eximSocket
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

// eximSocket is where the lmtp transport delivers: a socket or a command of this host,
// which its lines do not name.
var eximSocket = []byte("/")

// setProgram names the transport.
func (l *exim) setProgram(transport []byte) {
	if len(transport) > 0 {
		l.program = transport
	}
}
