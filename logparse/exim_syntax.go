package logparse

import "bytes"

// eximSyntaxErrors are what Exim answers a bad command, and says of it behind the code
// (smtp_in.c, calls of synprot_error()).
var eximSyntaxErrors = [][]byte{
	[]byte("500 unrecognized command"),
	[]byte("501 NUL character(s) present (shown as '?')"),
	[]byte("503 sender not yet given"),
	[]byte("503 sender already given"),
	[]byte("501 MAIL must have an address operand"),
	[]byte("501 RCPT must have an address operand"),
	[]byte("503 valid RCPT command must precede DATA"),
	[]byte("503 valid RCPT command must precede BDAT"),
	[]byte("503 AUTH command used when not advertised"),
	[]byte("503 already authenticated"),
	[]byte("503 not permitted in mail transaction"),
	[]byte("503 STARTTLS command used when not advertised"),
	[]byte("503 BDAT command used when CHUNKING not advertised"),
	[]byte("503 only BDAT permissible after non-LAST BDAT"),
	[]byte("503 only RSET accepted now"),
	[]byte("501 missing size for BDAT command"),
	[]byte("504 zero size for BDAT command"),
	[]byte("503 ETRN is not permitted inside a transaction"),
	eximNoHELO,
	[]byte("502 ATRN command used when not advertised"), // atrn.c
	[]byte("530 ATRN is not permitted without authentication"),
	[]byte("503 ATRN is not permitted inside a transaction"),
}

var (
	// eximBadMechanism follows the name of a mechanism.
	eximBadMechanism = []byte("504 authentication mechanism not supported")
	// eximBadSyntax stands for the words of parse.c, which repeat the client's.
	eximBadSyntax = []byte("501 syntax error")
)

// syntaxError reads (synprot_error(), log_selector = +smtp_syntax_error,
// +smtp_protocol_error):
//
//	SMTP syntax error in "COMMAND" H=HOST TEXT
//
// The client wrote the command, and Exim escapes no quote in it before 4.99. Its own
// words do not hold what is between, so that the last one counts. A client's command
// that they repeat can, and an answer to RFC 1413.
func (l *exim) syntaxError(b []byte, syntax bool) {
	const between = `" H=`
	i := bytes.LastIndex(b, []byte(between))
	if i < 0 || b[0] != '"' {
		return
	}
	h, text, ok := cutEximHost(b[i+len(between):])
	text, blank := bytes.CutPrefix(text, []byte(" "))
	if first := bytes.Index(b, []byte(between)); first < i {
		ok = ok && eximSyntaxReply(text, false) != nil && !h.ident && !bytes.Contains(b[first:i], []byte(" U="))
	}
	if !ok || !blank || h.restatedBefore(text, func([]byte) bool { return true }) {
		l.notUnderstood(shapeEximSyntax)
		return
	}
	if string(text) == "SMTP synchronization error" { // has a line of its own
		return
	}
	reply := eximSyntaxReply(text, syntax)
	if reply == nil {
		l.notUnderstood(shapeEximSyntax)
		return
	}
	command := commandOf(b[1:i])
	l.answerWith(h, command, reply)
	e := &l.events[len(l.events)-1]
	*l.errors.put(l.errorKey(h, command)) = uint16(e.Code)
	e.Repeat = e.Repeat || &reply[0] == &eximNoHELO[0] // since 4.98, see "no HELO/EHLO given"
}

// eximSyntaxReply returns the answer to an error that is logged with this text; nil for
// one that is not known.
func eximSyntaxReply(text []byte, syntax bool) []byte {
	for _, reply := range eximSyntaxErrors {
		if bytes.Equal(text, reply[len("500 "):]) {
			return reply
		}
	}
	switch {
	case bytes.HasSuffix(text, eximBadMechanism[len("504"):]):
		return eximBadMechanism
	case syntax && !bytes.HasPrefix(eximSyntaxErrors[0][len("500 "):], text):
		return eximBadSyntax
	}
	return nil
}

// errorKey is the key of a client's error. Exim drops a client with the answer to
// the error that was one too many, and logs a line for each of the two.
func (l *exim) errorKey(h eximHost, c Command) hash {
	return l.seed.add(l.env.Host).add(h.name).add(h.addr).add([]byte{byte(c)})
}

// unsynchronized reads what follows "SMTP protocol synchronization error (":
//
//	SMTP protocol synchronization error (input sent without waiting for greeting): rejected connection from H=HOST input="..."
//	SMTP protocol synchronization error (next input sent too soon: pipelining was not advertised): rejected "COMMAND" H=HOST next input="..."
//
// The client wrote the command and the input, and Exim escapes no quote in them before
// 4.99: what stands between the two may stand in both.
func (l *exim) unsynchronized(b []byte) {
	_, rest, _ := bytes.Cut(b, []byte("): rejected "))
	if client, connected := bytes.CutPrefix(rest, []byte("connection from H=")); connected {
		h, rest, ok := cutEximHost(client)
		if !ok || len(rest) > 0 && !bytes.HasPrefix(rest, []byte(` input="`)) {
			l.notUnderstood(shapeEximSyntax)
			return
		}
		l.answerWith(h, Connect, eximUnsynchronized)
		return
	}
	var h eximHost
	var command Command
	readings := 0
	for i := range rest {
		client, ok := bytes.CutPrefix(rest[i:], []byte(`" H=`))
		if !ok {
			continue
		}
		other, after, ok := cutEximHost(client)
		if !ok || !isEximNextInput(after) {
			continue
		}
		h, command = other, commandOf(rest[min(1, i):i])
		readings++
		if h.restatedBefore(after, isEximNextInput) || bytes.Contains(rest[:i], []byte(`" H=`)) && bytes.Contains(rest[:i], []byte(" U=")) {
			readings++
		}
	}
	if readings != 1 || rest[0] != '"' {
		l.notUnderstood(shapeEximSyntax)
		return
	}
	l.answerWith(h, command, eximUnsynchronized)
}

func isEximNextInput(b []byte) bool { return bytes.HasPrefix(b, []byte(` next input="`)) }

// What dropped reads is answered with these words.
var (
	eximTooManyNonmail = []byte("554 Too many nonmail commands")
	eximTooManyUnknown = []byte("500 Too many unrecognized commands")
	eximTooManyErrors  = []byte("Too many syntax or protocol errors") // behind the code of the last one
)

const eximDropped = " dropped: too many "

func isEximDropped(b []byte) bool { return bytes.HasPrefix(b, []byte(eximDropped)) }

// dropped reads what follows "SMTP call from ":
//
//	HOST dropped: too many nonmail commands (last was "NOOP")
//	HOST dropped: too many unrecognized commands (last was "QUX")
//	HOST dropped: too many syntax or protocol errors (last command was "DATA",  C=EHLO,...)
func (l *exim) dropped(b []byte) {
	h, rest, ok := cutEximHost(b)
	found := isEximDropped(rest)
	rest = bytes.TrimPrefix(rest, []byte(eximDropped))
	what, last, quoted := bytes.Cut(rest, []byte(` "`))
	if !ok || !found || !quoted || h.restatedBefore(rest, isEximDropped) {
		l.notUnderstood(shapeEximClosed)
		return
	}
	if i := bytes.LastIndexByte(last, '"'); i >= 0 {
		last = last[:i]
	}
	e := Event{
		Direction: Sent, Implied: true, Repeat: l.repeated, Remote: h.name, Addr: h.addr, Command: commandOf(last),
	}
	logged := l.errors.get(l.errorKey(h, e.Command)) // the code of the error, from its own line
	switch string(what) {
	case "nonmail commands (last was":
		e.Code, e.Text = 554, eximTooManyNonmail
	case "unrecognized commands (last was":
		e.Code, e.Text = 500, eximTooManyUnknown
		e.Repeat = e.Repeat || logged != nil
	case "syntax or protocol errors (last command was":
		switch {
		case logged != nil:
			e.Code, e.Repeat = Code(*logged), true
		case l.repeated:
			return
		default:
			e.Kind, e.Class, e.Implied, e.Text = Refusal, 5, false, eximTooManyErrors
		}
	default:
		l.notUnderstood(shapeEximClosed)
		return
	}
	l.emit(e)
}
