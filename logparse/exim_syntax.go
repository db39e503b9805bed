package logparse

import "bytes"

// eximSyntaxErrors are what Exim says of a client's command, with the code that it
// answers (smtp_in.c, calls of synprot_error()).
var eximSyntaxErrors = []struct {
	text string
	code Code
}{
	{"unrecognized command", 500},
	{"NUL character(s) present (shown as '?')", 501},
	{"sender not yet given", 503},
	{"sender already given", 503},
	{"MAIL must have an address operand", 501},
	{"RCPT must have an address operand", 501},
	{"valid RCPT command must precede DATA", 503},
	{"valid RCPT command must precede BDAT", 503},
	{"AUTH command used when not advertised", 503},
	{"already authenticated", 503},
	{"not permitted in mail transaction", 503},
	{"STARTTLS command used when not advertised", 503},
	{"BDAT command used when CHUNKING not advertised", 503},
	{"only BDAT permissible after non-LAST BDAT", 503},
	{"only RSET accepted now", 503},
	{"missing size for BDAT command", 501},
	{"zero size for BDAT command", 504},
	{"ETRN is not permitted inside a transaction", 503},
}

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
		ok = ok && eximSyntaxCode(text, false) != 0 && !h.ident && !bytes.Contains(b[first:i], []byte(" U="))
	}
	if !ok || !blank || h.restatedBefore(text, func([]byte) bool { return true }) {
		l.notUnderstood(shapeEximSyntax)
		return
	}
	if string(text) == "SMTP synchronization error" { // has a line of its own
		return
	}
	code := eximSyntaxCode(text, syntax)
	if code == 0 {
		l.notUnderstood(shapeEximSyntax)
		return
	}
	command := commandOf(b[1:i])
	*l.errors.put(l.errorKey(h, command)) = uint16(code)
	l.answer(h, command, code)
}

// eximSyntaxCode returns the code of an error that is logged with this text; 0 for
// one that is not known.
func eximSyntaxCode(text []byte, syntax bool) Code {
	for i := range eximSyntaxErrors {
		if string(text) == eximSyntaxErrors[i].text {
			return eximSyntaxErrors[i].code
		}
	}
	switch {
	case bytes.HasSuffix(text, []byte(" authentication mechanism not supported")):
		return 504
	case syntax && !bytes.HasPrefix([]byte(eximSyntaxErrors[0].text), text):
		return 501 // an address or a parameter, in the words of parse.c
	}
	return 0
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
		l.answer(h, Connect, 554)
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
	l.answer(h, command, 554)
}

func isEximNextInput(b []byte) bool { return bytes.HasPrefix(b, []byte(` next input="`)) }

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
		e.Code = 554
	case "unrecognized commands (last was":
		e.Code = 500
		e.Repeat = e.Repeat || logged != nil
	case "syntax or protocol errors (last command was":
		switch {
		case logged != nil:
			e.Code, e.Repeat = Code(*logged), true
		case l.repeated:
			return
		default:
			e.Kind, e.Implied = Refusal, false
		}
	default:
		l.notUnderstood(shapeEximClosed)
		return
	}
	l.emit(e)
}
