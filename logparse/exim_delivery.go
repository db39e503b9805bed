package logparse

import "bytes"

// An attempt is what the lines of a message's deliveries tell of the present one.
// Lines are counted by message.
type attempt struct {
	Lines uint32
	Last  uint32 // the last line of a recipient
	Start uint32 // the first line that can be of this attempt
}

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
	if d.recipient, rest, ok = cutEximRecipient(b); !ok {
		return d, nil, false
	}
	for len(rest) > 2 && rest[0] == ' ' {
		field := rest[1:]
		switch {
		case bytes.HasPrefix(field, []byte("F=<")), bytes.HasPrefix(field, []byte("P=<")):
			if rest, ok = skipEximAddress(field[len("F=<"):]); !ok {
				return d, nil, false
			}
		case bytes.HasPrefix(field, []byte("H=")):
			h, after, ok := cutEximHost(field[len("H="):])
			if !ok {
				// A local delivery with a host list names only the first one.
				_, after, _ = bytes.Cut(field, []byte(" "))
				return d, field[len(field)-len(after):], true
			}
			d.eximHost = h
			return d, after, true
		case field[1] == '=' && bytes.IndexByte([]byte("QRTS"), field[0]) >= 0:
			end := bytes.IndexByte(field, ' ')
			if colon := bytes.Index(field, []byte(": ")); colon >= 0 && (end < 0 || colon < end) {
				end = colon
			}
			if end < 0 {
				end = len(field)
			}
			if field[0] == 'T' {
				d.transport = field[2:end]
			}
			rest = field[end:]
		default:
			return d, rest, true
		}
	}
	return d, rest, true
}

// delivered reads what follows "=>", "->" or ">>".
func (l *exim) delivered(mark byte, b []byte) {
	e := Event{
		Kind: Delivery, Direction: Received, QueueID: l.id, Deliveries: 1, Cause: CauseLocal,
	}
	d, rest, ok := cutEximDelivery(b)
	if !ok {
		l.notUnderstood(shapeEximDelivery)
		return
	}
	l.setProgram(d.transport)
	var text []byte
	i := bytes.Index(rest, []byte(` C="`))
	if i >= 0 {
		text = quotedConfirmation(rest[i+len(` C="`):])
		rest = rest[:i]
	}
	if d.addr == nil && text == nil {
		l.emit(e)
		return
	}
	e.Kind, e.Cause, e.Command, e.Remote, e.Addr, e.Text = Reply, NoCause, EndOfData, d.name, d.addr, text
	switch e.Code, e.Enhanced, ok = parseReplyLines(text, `\n`); {
	case !ok && len(text) == 0:
		e.Code, e.Implied = 250, true // transports/smtp.c: only a 2xx is a delivery
	case !ok || e.Code.Class() != 2:
		l.notUnderstood(shapeEximDelivery)
		return
	}
	a := l.next(d.recipient, true)
	if d.addr != nil { // the lmtp transport has a reply for each
		own := mark == '=' || bytes.Contains(rest, []byte(" PRDR"))
		e.Repeat = l.shownIn(a, d.eximHost, text) && !own
	}
	l.emit(e)
}

// quotedConfirmation returns what stands before the closing quote.
func quotedConfirmation(b []byte) []byte {
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

// deferral reads what follows "==" after the fields:
//
//	[ routing] defer (ERRNO)[: STRERROR][ H=HOST ...][ DT=0.1s][: TEXT]
func (l *exim) deferral(b []byte) {
	d, rest, ok := cutEximDelivery(b)
	rest = bytes.TrimPrefix(rest, []byte(" routing"))
	rest, found := bytes.CutPrefix(rest, []byte(" defer ("))
	if !ok || !found {
		l.notUnderstood(shapeEximDelivery)
		return
	}
	number, rest, ok := bytes.Cut(rest, []byte(")"))
	if !ok || len(number) == 0 {
		l.notUnderstood(shapeEximDelivery)
		return
	}
	cause := causeOfErrno(number)
	if isDigit(number[0]) && string(number) != "0" {
		reason := bytes.TrimPrefix(rest, []byte(": "))
		end := len(reason)
		for _, after := range []string{" H=", " DT=", ": "} {
			if i := bytes.Index(reason[:end], []byte(after)); i >= 0 {
				end = i
			}
		}
		cause, rest = causeOf(eximCauses, reason[:end]), reason[end:]
	}
	if host, ok := bytes.CutPrefix(rest, []byte(" H=")); ok {
		if d.eximHost, rest, ok = cutEximHost(host); !ok {
			l.notUnderstood(shapeEximDelivery)
			return
		}
	}
	if bytes.HasPrefix(rest, []byte(" DT=")) {
		i := bytes.Index(rest, []byte(": "))
		if i < 0 {
			i = len(rest)
		}
		rest = rest[i:]
	}
	l.undelivered(d, bytes.TrimPrefix(rest, []byte(": ")), cause, commandOfErrno(number), true)
}

// failure reads what follows "**" after the fields:
//
//	[ X=CIPHER][ CV=no][ DN="..."][: STRERROR][: TEXT][ DT=0.1s]
func (l *exim) failure(b []byte) {
	d, rest, ok := cutEximDelivery(b)
	if !ok {
		l.notUnderstood(shapeEximDelivery)
		return
	}
	rest = skipTLS(rest)
	text, ok := bytes.CutPrefix(rest, []byte(": "))
	if !ok && len(rest) > 0 && !bytes.HasPrefix(rest, []byte(" ")) {
		l.notUnderstood(shapeEximDelivery)
		return
	}
	text = cutDeliverTime(text)
	l.undelivered(d, text, NoCause, NoCommand, false)
}

// cutDeliverTime drops " DT=0.150s" (log_selector = +deliver_time).
func cutDeliverTime(b []byte) []byte {
	if i := bytes.LastIndex(b, []byte(" DT=")); i >= 0 && bytes.HasSuffix(b, []byte("s")) && bytes.IndexByte(b[i+1:], ' ') < 0 {
		return b[:i]
	}
	return b
}

// skipTLS passes over what Exim says of a TLS session (deliver.c, d_tlslog();
// smtp_in.c, s_tlslog()): X=, CV=, DN="..." and SNI=, none of which but DN holds blanks.
func skipTLS(b []byte) []byte {
	for {
		field, ok := bytes.CutPrefix(b, []byte(" "))
		switch {
		case !ok:
			return b
		case bytes.HasPrefix(field, []byte(`DN="`)):
			i := bytes.IndexByte(field[len(`DN="`):], '"')
			if i < 0 {
				return b
			}
			b = field[len(`DN="`)+i+1:]
		case bytes.HasPrefix(field, []byte("X=")), bytes.HasPrefix(field, []byte("CV=")), bytes.HasPrefix(field, []byte("SNI=")),
			bytes.HasPrefix(field, []byte("A=")):
			end := 0
			for end < len(field) && field[end] != ' ' && (field[end] != ':' || end+1 < len(field) && field[end+1] != ' ') {
				end++
			}
			b = field[end:]
		default:
			return b
		}
	}
}

// undelivered adds the end of an attempt that failed or that comes again; command
// is what its number says.
func (l *exim) undelivered(d eximDelivery, text []byte, cause Cause, command Command, again bool) {
	l.setProgram(d.transport)
	a := l.next(d.recipient, !again)
	r, said, ok := remoteError(text, d.addr != nil)
	if !said || d.transport == nil { // what a router says is of this host
		e := Event{
			Kind: Delivery, Direction: Received, QueueID: l.id, Deliveries: 1, Cause: cause,
			Remote: d.name, Addr: d.addr, Text: text,
		}
		if e.Cause == NoCause {
			e.Cause = causeOf(eximCauses, text)
		}
		if e.Cause == CauseOther && d.transport != nil && d.addr == nil {
			e.Cause = CauseLocal
		}
		l.emit(e)
		return
	}
	if !ok {
		l.notUnderstood(shapeEximDelivery)
		return
	}
	if r.addr == nil {
		r.eximHost = d.eximHost
	}
	if r.command == NoCommand {
		r.command = command
	}
	e := r.event(l.id)
	e.Deliveries = 1
	key := l.shownKey(r.eximHost, r.text)
	s := l.shown.get(key)
	e.Repeat = s != nil && *s >= a.Start
	switch {
	case r.own && e.Repeat:
		l.shown.remove(key)
	case !r.own:
		*l.shown.put(key) = a.Lines
	}
	l.emit(e)
}

// hostError reads the reply of a host after which another one may be tried
// (transports/smtp.c, write_logs()).
func (l *exim) hostError(h eximHost, text []byte) {
	r, _, ok := remoteError(text, true)
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

// messageKey is the key of the message id: the process is no part of it.
func (l *exim) messageKey() hash { return l.seed.add(l.env.Host).add(l.id) }

// next counts the line of a recipient and begins a new attempt where this one has
// told of the recipient already.
func (l *exim) next(recipient []byte, final bool) *attempt {
	message := l.messageKey()
	a := l.attempts.put(message)
	a.Lines++
	key := message.add(recipient)
	if last := l.deferred.get(key); last != nil && *last >= max(a.Start, 1) {
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

// shownIn notes a reply and tells whether a line of the attempt has shown it.
func (l *exim) shownIn(a *attempt, h eximHost, text []byte) bool {
	s := l.shown.get(l.shownKey(h, text))
	again := s != nil && *s >= max(a.Start, 1)
	*l.shown.put(l.shownKey(h, text)) = a.Lines
	return again
}

// setProgram names the transport.
func (l *exim) setProgram(transport []byte) {
	if len(transport) > 0 {
		l.program = transport
	}
}

// arrival reads what follows "<=", or "(=" after fakereject (receive.c):
//
//	SENDER[ R=ID][ DS][ H=HOST ...][ U=IDENT] P=PROTOCOL ...
func (l *exim) arrival(b []byte, code Code) {
	if len(b) > 0 && b[0] == '"' {
		for b = b[1:]; len(b) > 0 && b[0] != '"'; b = b[1:] {
			if b[0] == '\\' && len(b) > 1 {
				b = b[1:]
			}
		}
	}
	_, b, _ = bytes.Cut(b, []byte(" "))
	if bytes.HasPrefix(b, []byte("R=")) {
		_, b, _ = bytes.Cut(b, []byte(" "))
	}
	b = bytes.TrimPrefix(b, []byte("DS "))
	host, ok := bytes.CutPrefix(b, []byte("H="))
	if !ok {
		return // came from this host
	}
	h, rest, ok := cutEximHost(host)
	rest, smtp := bytes.CutPrefix(rest, []byte(" P="))
	protocol, _, _ := bytes.Cut(rest, []byte(" "))
	if !ok || !smtp || !bytes.Contains(protocol, []byte("smtp")) || bytes.HasSuffix(protocol, []byte("bsmtp")) ||
		bytes.HasPrefix(protocol, []byte("local")) {
		return
	}
	l.emit(Event{
		Direction: Sent, Code: code, Command: EndOfData, Implied: true, QueueID: l.id, Remote: h.name, Addr: h.addr,
		Authenticated: bytes.HasSuffix(protocol, []byte("a")),
	})
}
