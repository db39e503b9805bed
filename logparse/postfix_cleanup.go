package logparse

import "bytes"

// cleanup reads the lines of cleanup(8), which checks messages after smtpd has
// taken their content. The code that smtpd then answers is not shown; messages
// that did not come by SMTP were answered nothing at all.
func (l *postfix) cleanup(message []byte) {
	if rest, ok := bytes.CutPrefix(message, []byte("warning: ")); ok {
		id, rest := cutQueueID(rest)
		for i := range impliedOfMessage {
			r := &impliedOfMessage[i]
			if id != nil && r.command == EndOfData && bytes.HasPrefix(rest, []byte(r.prefix)) {
				l.emitEndOfData(id, r.event())
			}
		}
		return
	}
	id, rest := cutQueueID(message)
	if id == nil {
		return
	}
	if rest, ok := bytes.CutPrefix(rest, []byte("milter-reject: ")); ok {
		l.milterRejected(id, rest)
		return
	}
	for _, prefix := range []string{
		"reject: header ", "reject: body ", "reject: content ", "milter-header-reject: ", "milter-body-reject: ",
	} {
		if bytes.HasPrefix(rest, []byte(prefix)) {
			l.contentRejected(id, rest)
			return
		}
	}
}

// milterRejected reads a milter's verdict on a whole message
// (cleanup_milter.c, cleanup_milter_apply()):
//
//	QID: milter-reject: END-OF-MESSAGE from NAME[IP]: 5.7.1 Command rejected; from=<...> ...
func (l *postfix) milterRejected(id, rest []byte) {
	_, rest, ok := bytes.Cut(rest, []byte(" from "))
	if !ok {
		l.notUnderstood(shapeReject)
		return
	}
	name, addr, rest, ok := cutHost(rest)
	if !ok {
		l.notUnderstood(shapeReject)
		return
	}
	text, ok := bytes.CutPrefix(rest, []byte(": "))
	if !ok {
		l.notUnderstood(shapeReject)
		return
	}
	text, _ = cutContext(text)
	e := Event{Remote: name, Addr: addr, Text: text}
	if e.Code, e.Enhanced, ok = ParseReply(text); !ok {
		e.Enhanced, _ = ParseEnhanced(text)
		switch string(text) {
		// What a milter's plain reject and tempfail make (milter8.c). A reply of
		// its own can have any code: rspamd's "5.7.1 Spam message rejected" is 554.
		case "5.7.1 Command rejected":
			e.Code, e.Implied = 550, true
		case "4.7.1 Service unavailable - try again later":
			e.Code, e.Implied = 451, true
		default:
			e.Kind = Refusal
		}
	}
	l.emitEndOfData(id, e)
}

// contentRejected reads a verdict of header_checks, body_checks and their like
// (cleanup_message.c, cleanup_act_log(); cleanup_milter.c, cleanup_milter_hbc_log()).
// Its text, which the administrator wrote, is last, behind all that the client did:
//
//	QID: reject: header Subject: ... from NAME[IP]; from=<...> to=<...> proto=ESMTP helo=<...>: 5.7.1 TEXT
func (l *postfix) contentRejected(id, rest []byte) {
	for i := len(rest); ; {
		if i = bytes.LastIndex(rest[:i], []byte(": ")); i < 0 {
			l.notUnderstood(shapeContent)
			return
		}
		text := rest[i+len(": "):]
		enhanced, n := ParseEnhanced(text)
		if n == 0 || i == 0 || rest[i-1] != '>' && !bytes.HasSuffix(rest[:i], []byte("SMTP")) {
			continue
		}
		e := Event{Code: 550, Enhanced: enhanced, Implied: true, Text: text}
		if enhanced.Class == 4 {
			e.Code = 451
		}
		l.emitEndOfData(id, e)
		return
	}
}

// emitEndOfData adds smtpd's answer to the content of a message, if the message
// came by SMTP.
func (l *postfix) emitEndOfData(id []byte, e Event) {
	process := l.messages.get(l.messageKey(id))
	if process == nil {
		return
	}
	s := l.sessions.put(*process)
	l.refuse(s, EndOfData)
	e.Direction, e.Command, e.QueueID = Sent, EndOfData, id
	e.Repeat = s.shownNext()
	e.Authenticated = s.Authenticated
	if e.Addr == nil {
		e.Addr = s.address()
	}
	if e.Kind == Refusal && e.Repeat {
		return
	}
	l.emit(e)
}
