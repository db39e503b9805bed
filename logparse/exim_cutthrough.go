package logparse

import "bytes"

// cutThrough reads the answer to a message that was passed on while it came in
// (verify.c, cutthrough_finaldot()); the client of a refused one gets it too.
//
//	ADDR F=<ADDR> rejected after DATA: R=... T=... H=HOST ... C="REPLY"
func (l *exim) cutThrough(client Event, host eximHost, b []byte) {
	if eximStartsWith(b, []string{"Warning: ", "incomplete transaction ("}) {
		return // words of an ACL, or a stranger's addresses
	}
	_, rest, ok := cutEximDelivery(b, true)
	if !ok {
		if bytes.Contains(b, []byte(" after DATA: R=")) {
			l.notUnderstood(shapeEximDelivery)
		}
		return
	}
	refused, rejected := bytes.CutPrefix(rest, []byte(" rejected after DATA: R="))
	if !rejected {
		refused, ok = bytes.CutPrefix(rest, []byte(" tmp-reject from cutthrough after DATA: R="))
	}
	if !ok {
		if isEximRefusal(bytes.TrimPrefix(rest, []byte(" "))) { // an old form, without F=
			l.aclRefusal(client, host, rest[1:])
		}
		return
	}
	r, transport, ok := parseEximCutThrough(refused)
	if !ok || host.restated(refused) {
		l.notUnderstood(shapeEximDelivery)
		return
	}
	a := l.next(r.reply, true)
	e := r.event(l.id)
	e.Repeat = l.remember(a, r.eximHost, r.reply) || l.repeated
	if !l.repeated {
		e.Deliveries = 1
	}
	l.setProgram(transport)
	l.emit(e)
	if rejected && !e.Repeat {
		client.Kind, client.Command = Refusal, EndOfData
		client.Class, client.Text = 5, r.reply // the client gets it too
		l.emit(client)
	}
}

// parseEximCutThrough reads:
//
//	ROUTER T=TRANSPORT[ S=SIZE] H=HOST ... C="REPLY"
func parseEximCutThrough(b []byte) (r eximReply, transport []byte, ok bool) {
	_, b, _ = bytes.Cut(b, []byte(" "))
	b, ok = bytes.CutPrefix(b, []byte("T="))
	if !ok {
		return r, nil, false
	}
	transport, b, _ = bytes.Cut(b, []byte(" "))
	if bytes.HasPrefix(b, []byte("S=")) {
		_, b, _ = bytes.Cut(b, []byte(" "))
	}
	server, named := bytes.CutPrefix(b, []byte("H="))
	r.eximHost, b, ok = cutEximHost(server)
	if !named || !ok {
		return r, nil, false
	}
	r.command = EndOfData
	if _, r.reply, ok = cutEximConfirmation(b); !ok {
		return r, nil, false
	}
	r.code, r.enhanced, ok = parseReplyLines(r.reply, `\n`)
	return r, transport, ok
}
