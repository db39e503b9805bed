package logparse

import "bytes"

// refused reads what a line says of a client after "H=HOST" (smtp_in.c,
// smtp_handle_acl_fail()):
//
//	[X=CIPHER ...][F=<ADDR>[ A=AUTH[:ID]] ][temporarily ]rejected WHAT[: TEXT]
//	sender verify fail for <ADDR>[: TEXT]
//	ADDR F=<ADDR> rejected after DATA: R=... T=... H=HOST ... C="REPLY"
func (l *exim) refused(h eximHost, b []byte) {
	tls := b
	b = skipTLS(b)
	h.subject = bytes.Contains(tls[:len(tls)-len(b)], []byte(` DN="`))
	b = bytes.TrimPrefix(b, []byte(" "))
	if rest, ok := bytes.CutPrefix(b, []byte("sender verify ")); ok {
		l.senderVerify(h, rest)
		return
	}
	e := Event{
		Direction: Sent, QueueID: l.id, Remote: h.name, Addr: h.addr, Repeat: l.repeated,
	}
	if !isRefusal(b) {
		sender, ok := bytes.CutPrefix(b, []byte("F=<"))
		if !ok {
			l.cutThrough(e, h, b)
			return
		}
		if b, ok = skipEximAddress(sender); !ok {
			l.notUnderstood(shapeEximRejected)
			return
		}
		b = bytes.TrimPrefix(b, []byte(" "))
		if user, ok := bytes.CutPrefix(b, []byte("A=")); ok {
			_, b, _ = bytes.Cut(user, []byte(" "))
			e.Authenticated = true
			for !isRefusal(b) && len(b) > 0 { // the name of a user who has logged in
				_, b, _ = bytes.Cut(b, []byte(" "))
			}
		}
		if !isRefusal(b) {
			return
		}
	}
	l.aclRefusal(e, h, b)
}

func isRefusal(b []byte) bool {
	return bytes.HasPrefix(b, []byte("rejected ")) || bytes.HasPrefix(b, []byte("temporarily rejected "))
}

// An aclWhere is what an ACL did not let a client do: how the line calls it, the
// command, and the code that Exim sends if the ACL gives none (globals.c,
// acl_wherenames and acl_wherecodes).
type aclWhere struct {
	what    string
	command Command
	code    Code
}

var aclWheres = []aclWhere{
	{"RCPT ", Rcpt, 550},
	{"MAIL ", Mail, 550},
	{"after DATA PRDR", EndOfData, 550},
	{"after DATA", EndOfData, 550},
	{"DATA", Data, 550},
	{"during MIME ACL checks", EndOfData, 550},
	{"DKIM ", EndOfData, 550},
	{"EHLO or HELO ", Ehlo, 550},
	{`connection in "connect" ACL`, Connect, 550},
	{"AUTH ", Auth, 503},
	{"STARTTLS ", StartTLS, 550},
	{"VRFY ", Vrfy, 252},
	{"EXPN ", OtherCommand, 550},
	{"ETRN ", Etrn, 458},
}

// aclRefusalOf reads "[temporarily ]rejected WHAT"; nil where WHAT is no ACL's.
func aclRefusalOf(b []byte) (where *aclWhere, rest []byte) {
	b = bytes.TrimPrefix(b, []byte("temporarily "))
	b = bytes.TrimPrefix(b, []byte("rejected "))
	for i := range aclWheres {
		if rest, ok := bytes.CutPrefix(b, []byte(aclWheres[i].what)); ok {
			return &aclWheres[i], rest
		}
	}
	return nil, b
}

// aclRefusal reads "[temporarily ]rejected WHAT[: TEXT]". TEXT is log_message or,
// if there is none, the message for the client with the code that it begins with:
// that reply is implied, since the line never shows it as such. Without a code in
// TEXT the message for the client can still have one.
func (l *exim) aclRefusal(e Event, h eximHost, b []byte) {
	temporarily := b[0] == 't'
	where, b := aclRefusalOf(b)
	if where == nil {
		if rest, ok := bytes.CutPrefix(b, []byte("by local_scan(): ")); ok { // receive.c
			e.Command, e.Code, e.Implied, e.Text = EndOfData, 550, true, rest
			if temporarily {
				e.Code = 451
			}
			l.emit(e)
			return
		}
		l.notUnderstood(shapeEximRejected)
		return
	}
	code := where.code
	e.Command = where.command
	trusted := true
	switch e.Command {
	case Rcpt, Mail:
		var ok bool
		if b, ok = skipArgument(b); !ok {
			l.notUnderstood(shapeEximRejected)
			return
		}
	case Ehlo, Auth:
		for len(b) > 0 && b[0] != ' ' && (b[0] != ':' || len(b) > 1 && b[1] != ' ') {
			b = b[1:]
		}
	case Vrfy, Etrn, OtherCommand: // as the client wrote it
		if i := bytes.IndexByte(b, ':'); i >= 0 {
			trusted, b = false, b[i:]
		} else {
			b = nil
		}
	}
	if h.restated(b) { // a refusal in both readings
		trusted = false
	}
	if temporarily {
		code = 451
	}
	text, said := bytes.CutPrefix(b, []byte(": "))
	if !said {
		if len(b) > 0 && b[0] != ':' {
			l.notUnderstood(shapeEximRejected)
			return
		}
		if !trusted {
			e.Kind = Refusal
			l.emit(e)
			return
		}
		e.Code, e.Implied = code, true
		e.Dialogue = code == 252
		l.emit(e)
		return
	}
	// A reply to a callout for the recipient is what the line tells first.
	if l.callout(text) {
		if l.shape != "" {
			return
		}
		e.Kind, e.Repeat = Refusal, false
		if !l.repeated {
			l.emit(e)
		}
		return
	}
	e.Text = text
	c, enhanced, ok := ParseReply(text)
	// smtp_message_code() takes a code only with a blank after it, and corrects one
	// of the wrong class: another one is the log_message's.
	wrong := c.Class() != code.Class() && e.Command != Vrfy
	if !ok || !trusted || len(text) < 4 || text[3] != ' ' || wrong {
		e.Kind, e.Repeat = Refusal, false
		if !l.repeated {
			l.emit(e)
		}
		return
	}
	e.Code, e.Enhanced, e.Implied = c, enhanced, true
	e.Dialogue = c.Class() < 4
	l.emit(e)
}

// maxArgument is how much of a client's argument Exim logs (smtp_handle_acl_fail()).
const maxArgument = 100

// skipArgument passes over the address that a client named, as it did: with or
// without angle brackets. Comments in it (RFC 5322 §3.2.2) could hold anything.
func skipArgument(b []byte) (rest []byte, ok bool) {
	if len(b) > maxArgument && (len(b) == maxArgument || bytes.HasPrefix(b[maxArgument:], []byte(": "))) {
		if rest, ok := skipWholeArgument(b[:maxArgument]); ok && len(rest) == 0 {
			return b[maxArgument:], true
		}
		if _, ok := skipWholeArgument(b); !ok {
			return b[maxArgument:], true
		}
	}
	return skipWholeArgument(b)
}

func skipWholeArgument(b []byte) (rest []byte, ok bool) {
	if len(b) > 0 && b[0] == '<' {
		if rest, ok = skipEximAddress(b[1:]); !ok || indexUnquoted(b[:len(b)-len(rest)], "( ") >= 0 {
			return nil, false
		}
		return rest, len(rest) == 0 || bytes.HasPrefix(rest, []byte(": "))
	}
	end := bytes.Index(b, []byte(": "))
	if end < 0 {
		end = len(b)
	}
	return b[end:], !bytes.ContainsAny(b[:end], ` "(`)
}

// senderVerify reads "fail for <ADDR>[: TEXT]" or "defer for <ADDR>[: TEXT]". The
// client's own refusal has a line of its own.
func (l *exim) senderVerify(client eximHost, b []byte) {
	_, address, ok := bytes.Cut(b, []byte(" for <"))
	if !ok {
		return
	}
	rest, ok := skipEximAddress(address)
	if !ok || client.restated(rest) {
		l.notUnderstood(shapeEximCallout)
		return
	}
	l.callout(bytes.TrimPrefix(rest, []byte(": ")))
}

// callout reads the reply of the server that was asked about an address (verify.c);
// told is false where text tells of none.
//
//	[Could not complete sender verify callout: ]HOST [IP] : SMTP error from remote mail server after ...
//	[Could not complete ...: ]response to "RCPT TO:<ADDR>" from HOST [IP] was: REPLY     before 4.88
func (l *exim) callout(text []byte) (told bool) {
	for _, words := range []string{"Could not complete sender verify callout: ", "Could not complete recipient verify callout: "} {
		text = bytes.TrimPrefix(text, []byte(words))
	}
	var r remoteReply
	if rest, ok := bytes.CutPrefix(text, []byte(`response to "`)); ok {
		command, rest := cutQuotedCommand(rest)
		h, after, isHost := eximHost{}, rest, true
		if host, from := bytes.CutPrefix(rest, []byte(" from ")); from {
			h, after, isHost = cutEximHost(host)
		}
		reply, was := bytes.CutPrefix(after, []byte(" was: "))
		if !isHost || !was {
			return false // such as "did not include SMTPUTF8"
		}
		r = remoteReply{eximHost: h, command: command, reply: reply}
		if r.code, r.enhanced, ok = parseReplyLines(reply, `\n`); !ok {
			l.notUnderstood(shapeEximCallout)
			return true
		}
	} else {
		h, rest, ok := cutEximHost(text)
		if !ok {
			return false
		}
		rest, ok = bytes.CutPrefix(rest, []byte(" : "))
		if response, found := bytes.CutPrefix(rest, []byte(`response to "`)); ok && found {
			command, after := cutQuotedCommand(response)
			reply, was := bytes.CutPrefix(after, []byte(" was: "))
			r = remoteReply{command: command, reply: reply}
			if r.code, r.enhanced, ok = parseReplyLines(reply, `\n`); !ok || !was {
				return false
			}
		} else if !ok || !isRemoteError(rest) {
			return false
		} else if r, _, ok = remoteError(rest, true); !ok {
			l.notUnderstood(shapeEximCallout)
			return true
		}
		r.eximHost = h
	}
	e := r.event(l.id)
	e.Repeat = l.repeated
	l.emit(e)
	return true
}

// cutQuotedCommand reads a command of this server and returns what follows the
// quote after it; nil where there is none.
func cutQuotedCommand(b []byte) (c Command, rest []byte) {
	c = commandOf(b)
	if i := bytes.IndexByte(b, '<'); i >= 0 && i < len("MAIL FROM:<") {
		b, _ = skipEximAddress(b[i+1:])
	}
	_, rest, _ = bytes.Cut(b, []byte(`"`))
	return c, rest
}

// cutThrough reads the answer to a message that was passed on while it came in
// (verify.c, cutthrough_finaldot()); the client of a refused one gets it too.
func (l *exim) cutThrough(client Event, host eximHost, b []byte) {
	_, rest, ok := cutEximDelivery(b)
	if !ok {
		return
	}
	rest, temporarily := bytes.CutPrefix(rest, []byte(" tmp-reject from cutthrough after DATA: R="))
	rejected := false
	if !temporarily {
		if rest, rejected = bytes.CutPrefix(rest, []byte(" rejected after DATA: R=")); !rejected {
			if isRefusal(bytes.TrimPrefix(rest, []byte(" "))) { // an old form, without F=
				l.aclRefusal(client, host, rest[1:])
				return
			}
			return
		}
	}
	_, rest, ok = bytes.Cut(rest, []byte(" "))
	fields, _, found := bytes.Cut(rest, []byte(` C="`))
	if !ok || !found || !bytes.HasPrefix(rest, []byte("T=")) || host.restated(rest) {
		l.notUnderstood(shapeEximDelivery)
		return
	}
	transport, server, _ := bytes.Cut(rest[len("T="):], []byte(" "))
	if bytes.HasPrefix(server, []byte("S=")) {
		_, server, _ = bytes.Cut(server, []byte(" "))
	}
	server, ok = bytes.CutPrefix(server, []byte("H="))
	h, _, isHost := cutEximHost(server)
	r := remoteReply{eximHost: h, command: EndOfData, reply: quotedConfirmation(rest[len(fields)+len(` C="`):])}
	var code bool
	if r.code, r.enhanced, code = parseReplyLines(r.reply, `\n`); !ok || !isHost || !code {
		l.notUnderstood(shapeEximDelivery)
		return
	}
	a := l.next(r.reply, true)
	e := r.event(l.id)
	e.Repeat = l.shownIn(a, h, r.reply) || l.repeated
	if !l.repeated {
		e.Deliveries = 1
	}
	l.setProgram(transport)
	l.emit(e)
	if rejected && !e.Repeat {
		client.Kind, client.Command = Refusal, EndOfData
		l.emit(client)
	}
}
