package logparse

import "bytes"

// senderVerify reads "fail for <ADDR>[: TEXT]" or "defer for <ADDR>[: TEXT]". The
// client's own refusal has a line of its own.
func (l *exim) senderVerify(client eximHost, b []byte) {
	_, address, ok := bytes.Cut(b, []byte(" for <"))
	if !ok {
		return
	}
	rest, ok := skipEximAddress(address)
	text := bytes.TrimPrefix(rest, []byte(": "))
	r, found, parsed := parseEximCallout(text)
	if found {
		text = r.reply
	}
	if !ok || client.restated(text) {
		l.notUnderstood(shapeEximCallout)
		return
	}
	l.calledOut(r, found, parsed)
}

// calledOut adds what parseEximCallout returned.
func (l *exim) calledOut(r eximReply, found, ok bool) {
	switch {
	case found && !ok:
		l.notUnderstood(shapeEximCallout)
	case found:
		e := r.event(l.id)
		e.Repeat = l.repeated
		l.emit(e)
	}
}

// parseEximCallout reads the reply of the server that was asked about an address
// (verify.c). found is true where one is announced; ok is false for one that is not
// understood.
//
//	[Could not complete sender verify callout: ]HOST [IP] : SMTP error from remote mail server after ...
//	[Could not complete ...: ]response to "RCPT TO:<ADDR>" from HOST [IP] was: REPLY     before 4.88
func parseEximCallout(text []byte) (r eximReply, found, ok bool) {
	for _, words := range []string{"Could not complete sender verify callout: ", "Could not complete recipient verify callout: "} {
		text = bytes.TrimPrefix(text, []byte(words))
	}
	if response, ok := bytes.CutPrefix(text, []byte(`response to "`)); ok {
		return parseEximResponse(response)
	}
	h, rest, isHost := cutEximHost(text)
	rest, colon := bytes.CutPrefix(rest, []byte(" : "))
	if !isHost || !colon || h.client() {
		return r, false, false
	}
	if response, quoted := bytes.CutPrefix(rest, []byte(`response to "`)); quoted {
		r, _, ok = parseEximResponse(response)
		found = ok
	} else {
		r, found, ok = parseEximError(rest, true)
	}
	r.eximHost = h
	return r, found, ok
}

// cutEximQuotedCommand reads a command of this server and returns what follows the
// quote after it; nil where there is none.
func cutEximQuotedCommand(b []byte) (c Command, rest []byte) {
	c = commandOf(b)
	if i := bytes.IndexByte(b, '<'); i >= 0 && i < len("MAIL FROM:<") {
		b, _ = skipEximAddress(b[i+1:])
	}
	_, rest, _ = bytes.Cut(b, []byte(`"`))
	return c, rest
}

// parseEximResponse reads what follows `response to "`; found is true where a reply is
// announced, and not such as "did not include SMTPUTF8".
//
//	COMMAND"[ from HOST [IP]] was: REPLY
func parseEximResponse(b []byte) (r eximReply, found, ok bool) {
	r.command, b = cutEximQuotedCommand(b)
	if server, named := bytes.CutPrefix(b, []byte(" from ")); named {
		r.eximHost, b, ok = cutEximHost(server)
		if !ok {
			return r, false, false
		}
	}
	r.reply, found = bytes.CutPrefix(b, []byte(" was: "))
	if !found {
		return r, false, false
	}
	r.code, r.enhanced, ok = parseReplyLines(r.reply, `\n`)
	return r, true, ok
}
