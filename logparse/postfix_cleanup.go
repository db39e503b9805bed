package logparse

import "bytes"

// postfixContentVerdicts begin the lines of header_checks, body_checks and their
// like that reject a message.
var postfixContentVerdicts = []string{
	"reject: header ", "reject: body ", "reject: content ", "milter-header-reject: ", "milter-body-reject: ",
}

// postfixMIMEErrors are what is wrong with messages that cleanup(8) rejects for their
// form (mime_state.c, mime_err_detail; cleanup_message.c, cleanup_mime_error_callback()).
// What the client wrote stands behind them.
var postfixMIMEErrors = []postfixImplied{
	{"MIME nesting exceeds safety limit: ", []byte("550 5.6.0 MIME nesting exceeds safety limit"), EndOfData, false},
	{"improper use of 8-bit data in message header: ", []byte("550 5.6.0 improper use of 8-bit data in message header"), EndOfData, false},
	{"improper use of 8-bit data in message body: ", []byte("550 5.6.0 improper use of 8-bit data in message body"), EndOfData, false},
	{"invalid message/* or multipart/* encoding domain: ", []byte("550 5.6.0 invalid message/* or multipart/* encoding domain"), EndOfData, false},
	{"primary header was terminated with non-empty line: ", []byte("550 5.6.0 primary header was terminated with non-empty line"), EndOfData, false},
}

// cleanup reads the lines of cleanup(8), which checks messages after smtpd has
// taken their content. They do not show the code that smtpd then answers. Nobody
// is answered for a message that did not come by SMTP.
func (l *postfix) cleanup(message []byte) {
	if warning, ok := bytes.CutPrefix(message, []byte("warning: ")); ok {
		l.cleanupWarning(warning)
		return
	}
	id, rest := cutPostfixQueueID(message)
	if id == nil {
		return
	}
	if bytes.HasPrefix(rest, []byte("message-id=")) {
		l.contentRead(id)
		return
	}
	if verdict, ok := bytes.CutPrefix(rest, []byte("milter-reject: ")); ok {
		l.milterRejected(id, verdict)
		return
	}
	if fault, ok := bytes.CutPrefix(rest, []byte("reject: mime-error ")); ok {
		l.malformed(id, fault)
		return
	}
	for _, prefix := range postfixContentVerdicts {
		if bytes.HasPrefix(rest, []byte(prefix)) {
			l.contentRejected(id, rest)
			return
		}
	}
}

// cleanupWarning reads a fault at writing the queue file.
func (l *postfix) cleanupWarning(warning []byte) {
	id, fault := cutPostfixQueueID(warning)
	if id == nil {
		return
	}
	for i := range postfixImpliedOfMessage {
		r := &postfixImpliedOfMessage[i]
		if r.command == EndOfData && bytes.HasPrefix(fault, []byte(r.prefix)) {
			l.emitEndOfData(id, r.event())
		}
	}
}

// malformed reads a verdict on the form of a message:
//
//	QID: reject: mime-error WHAT: CONTENT from NAME[IP]; from=<...> to=<...>
//
// cleanup(8) reads on, and may log more verdicts on the message. One answer is sent.
func (l *postfix) malformed(id, fault []byte) {
	key := l.messageKey(id)
	if l.messages.get(key) == nil {
		return // it did not come by SMTP, or the answer is known
	}
	for i := range postfixMIMEErrors {
		if r := &postfixMIMEErrors[i]; bytes.HasPrefix(fault, []byte(r.prefix)) {
			l.emitEndOfData(id, r.event())
			l.messages.remove(key)
			return
		}
	}
	l.notUnderstood(shapePostfixContent)
}

// milterRejected reads a milter's verdict on a whole message
// (cleanup_milter.c, cleanup_milter_apply()):
//
//	QID: milter-reject: END-OF-MESSAGE from NAME[IP]: 5.7.1 Command rejected; from=<...> ...
func (l *postfix) milterRejected(id, verdict []byte) {
	_, name, addr, rest, ok := cutPostfixClient(verdict)
	text, found := bytes.CutPrefix(rest, []byte(": "))
	if !ok || !found {
		l.notUnderstood(shapePostfixReject)
		return
	}
	e := Event{Remote: name, Addr: addr}
	if _, ok = l.refusal(&e, text); !ok {
		e.Enhanced, _ = ParseEnhanced(e.Text)
		switch string(e.Text) {
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
//
// What a client wrote can look like the end of the context, but stands before it.
func (l *postfix) contentRejected(id, verdict []byte) {
	if l.messages.get(l.messageKey(id)) == nil {
		return // it did not come by SMTP
	}
	if l.mayBeCut() {
		l.notUnderstood(shapePostfixContent)
		return
	}
	before := verdict
	for {
		i := bytes.LastIndex(before, []byte(": "))
		if i < 0 {
			l.notUnderstood(shapePostfixContent)
			return
		}
		before = before[:i]
		text := verdict[i+len(": "):]
		enhanced, n := ParseEnhanced(text)
		if n == 0 || !endsPostfixContext(before) {
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

// endsPostfixContext reports whether b ends with the last field of a context: helo, or
// proto of a client that did not say its name.
func endsPostfixContext(b []byte) bool {
	if bytes.HasSuffix(b, []byte(" proto=SMTP")) || bytes.HasSuffix(b, []byte(" proto=ESMTP")) {
		return true
	}
	helo := b[bytes.LastIndexByte(b, '<')+1:]
	before := b[:len(b)-len(helo)]
	return bytes.HasSuffix(before, []byte(" helo=<")) && len(helo) > 0 && bytes.IndexAny(helo, `>"`) == len(helo)-1 &&
		helo[len(helo)-1] == '>'
}

// emitEndOfData adds smtpd's answer to the content of a message, if the message
// came by SMTP.
func (l *postfix) emitEndOfData(id []byte, e Event) {
	process := l.messages.get(l.messageKey(id))
	if process == nil {
		return
	}
	s := l.sessions.put(*process)
	l.noteRefused(s, EndOfData)
	e.Direction = Sent
	e.Command = EndOfData
	e.QueueID = id
	e.Repeat = s.announce()
	e.Authenticated = s.Authenticated
	if e.Addr == nil {
		e.Addr = s.Client.bytes()
	}
	if e.Kind != Refusal || !e.Repeat {
		l.emit(e)
	}
}
