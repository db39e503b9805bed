package logparse

import "bytes"

// impliedByExim are the lines that tell of a client whom Exim answers with one code
// only: where the host stands between before and after (host_and_ident(); LOG_MAIN
// lines of smtp_in.c, receive.c and daemon.c).
var impliedByExim = []struct {
	before, after string
	command       Command
	code          Code
}{
	{"Connection from ", " refused: too many connections", Connect, 421},
	{"Connection from ", " refused: load average = ", Connect, 421},
	{"connection from ", " refused (IP options)", Connect, 554},
	{"refused connection from ", " (host_reject_connection)", Connect, 554},
	{"refused connection from ", " (tcp wrappers)", Connect, 554},
	{"temporarily refused connection from ", " (tcp wrappers errno=", Connect, 451},
	{"temporarily refused connection from ", ": not in reserve list", Connect, 421},
	{"SMTP command timeout on connection from ", "", NoCommand, 421},
	{"SMTP command timeout on TLS connection from ", "", NoCommand, 421},
	{"SMTP data timeout (message abandoned) on connection from ", " F=<", EndOfData, 421},
	{"rejected MAIL from ", ": no HELO/EHLO given", Mail, 503},
	{"rejected HELO from ", ": syntactically invalid argument(s): ", Ehlo, 501},
	{"rejected EHLO from ", ": syntactically invalid argument(s): ", Ehlo, 501},
	{"rejected MAIL command H=", ": too many messages in one connection", Mail, 421},
	{"Message abandoned: Spool write error (", "", EndOfData, 451},
	{"Message abandoned: Input read error (", "", EndOfData, 451},
}

// impliedToSender are such lines with an address of the client's before the host.
var impliedToSender = []struct {
	before, between, after string
	command                Command
	code                   Code
}{
	{"rejected MAIL FROM:<", " H=", ": message too big: ", Mail, 552},
	{"rejected from <", " H=", ": message too big: ", EndOfData, 552},
	{"rejected from <", " H=", ": Non-CRLF-terminated header", EndOfData, 552},
	{"rejected from <", "H=", `: Too many "Received" headers`, EndOfData, 550},
	{"unqualified sender rejected: <", " H=", "", Mail, 501},
	{"unqualified recipient rejected: <", " H=", "", Rcpt, 501},
	{"unqualified verify rejected: <", " H=", "", Vrfy, 501},
	{"too many recipients: message rejected: sender=<", " H=", "", Rcpt, 552},
	{"too many recipients: excess temporarily rejected: sender=<", " H=", "", Rcpt, 452},
}

// implied reads the lines that begin neither with a host nor with an address.
func (l *exim) implied(b []byte) {
	for i := range impliedByExim {
		r := &impliedByExim[i]
		rest, ok := bytes.CutPrefix(b, []byte(r.before))
		if !ok {
			continue
		}
		if r.before[0] == 'M' {
			_, rest, ok = bytes.Cut(rest, []byte(") while receiving message from "))
		}
		h, rest, isHost := cutEximHost(rest)
		if ok && isHost && bytes.HasPrefix(rest, []byte(r.after)) {
			l.answer(h, r.command, r.code)
			if r.command == Ehlo {
				*l.errors.put(l.errorKey(h, Ehlo)) = uint16(r.code)
			}
			return
		}
	}
	for i := range impliedToSender {
		r := &impliedToSender[i]
		rest, ok := bytes.CutPrefix(b, []byte(r.before))
		if !ok {
			continue
		}
		rest, ok = skipEximAddress(rest)
		rest, found := bytes.CutPrefix(rest, []byte(r.between))
		h, rest, isHost := cutEximHost(rest)
		if ok && found && isHost && bytes.HasPrefix(rest, []byte(r.after)) {
			l.answer(h, r.command, r.code)
			return
		}
	}
	l.otherAnswer(b)
}

func (l *exim) otherAnswer(b []byte) {
	switch {
	case bytes.HasPrefix(b, []byte("SMTP syntax error in ")):
		l.syntaxError(b[len("SMTP syntax error in "):], true)
		return
	case bytes.HasPrefix(b, []byte("SMTP protocol error in ")):
		l.syntaxError(b[len("SMTP protocol error in "):], false)
		return
	case bytes.HasPrefix(b, []byte("SMTP protocol synchronization error (")),
		bytes.HasPrefix(b, []byte("SMTP protocol violation: synchronization error (")):
		l.unsynchronized(b)
		return
	case bytes.HasPrefix(b, []byte("SMTP connection from ")):
		l.closed(b[len("SMTP connection from "):])
		return
	case bytes.HasPrefix(b, []byte("SMTP call from ")):
		l.dropped(b[len("SMTP call from "):])
		return
	case bytes.HasPrefix(b, []byte(`rejected "`)):
		l.helo(b[len(`rejected "`):], 550)
		return
	case bytes.HasPrefix(b, []byte(`temporarily rejected "`)):
		l.helo(b[len(`temporarily rejected "`):], 451)
		return
	case bytes.HasPrefix(b, []byte("PRDR R=<")) && l.id != nil:
		l.prdr(b[len("PRDR R=<"):])
		return
	case bytes.HasPrefix(b, []byte("VRFY failed for ")):
		l.verified(b)
		return
	case bytes.HasPrefix(b, []byte("F=")):
		l.localScan(b[len("F="):])
		return
	case bytes.HasPrefix(b, []byte("Connection from [")):
		l.notUnderstood(shapeEximClosed)
		return
	case bytes.HasPrefix(b, []byte("ETRN ")): // and what the client wrote
		return
	}
	if _, rest, ok := bytes.Cut(b, []byte(" ")); ok {
		if rest, ok := bytes.CutPrefix(rest, []byte("authenticator failed ")); ok {
			l.authentication(rest)
			return
		}
	}
	if l.id != nil {
		l.localScan(b)
		return // before 4.30 without "F="
	}
}

// answer adds an implied reply to a client.
func (l *exim) answer(h eximHost, c Command, code Code) {
	l.emit(Event{
		Direction: Sent, Code: code, Command: c, Implied: true, Repeat: l.repeated,
		QueueID: l.id, Remote: h.name, Addr: h.addr,
	})
}

// errorKey is the key of a client's error. Exim drops a client with the answer to
// the error that was one too many, and tells of both.
func (l *exim) errorKey(h eximHost, c Command) hash {
	return l.seed.add(l.env.Host).add(h.name).add(h.addr).add([]byte{byte(c)})
}

// syntaxErrors are what Exim says of a client's command, with the code that it
// answers (smtp_in.c, calls of synprot_error()).
var syntaxErrors = []struct {
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
// The client wrote the command, and Exim escapes no quote in it.
func (l *exim) syntaxError(b []byte, syntax bool) {
	const between = `" H=`
	i := bytes.Index(b, []byte(between))
	if i < 0 || b[0] != '"' {
		return
	}
	h, text, ok := cutEximHost(b[i+len(between):])
	text, blank := bytes.CutPrefix(text, []byte(" "))
	if !ok || !blank || bytes.Contains(text, []byte(between)) {
		l.notUnderstood(shapeEximSyntax)
		return
	}
	command := commandOf(b[1:i])
	code := Code(0)
	for j := range syntaxErrors {
		if string(text) == syntaxErrors[j].text {
			code = syntaxErrors[j].code
		}
	}
	switch {
	case code != 0:
	case string(text) == "SMTP synchronization error": // told in a line of its own
		return
	case bytes.HasSuffix(text, []byte(" authentication mechanism not supported")):
		code = 504
	case syntax && !bytes.HasPrefix([]byte(syntaxErrors[0].text), text):
		code = 501 // an address or a parameter, in the words of parse.c
	default:
		l.notUnderstood(shapeEximSyntax)
		return
	}
	*l.errors.put(l.errorKey(h, command)) = uint16(code)
	l.answer(h, command, code)
}

// unsynchronized reads:
//
//	SMTP protocol synchronization error (input sent without waiting for greeting): rejected connection from H=HOST input="..."
//	SMTP protocol synchronization error (next input sent too soon: pipelining was not advertised): rejected "COMMAND" H=HOST next input="..."
func (l *exim) unsynchronized(b []byte) {
	_, rest, ok := bytes.Cut(b, []byte("): rejected "))
	if !ok {
		l.notUnderstood(shapeEximSyntax)
		return
	}
	command := Connect
	host, ok := bytes.CutPrefix(rest, []byte("connection from H="))
	if !ok {
		i := bytes.Index(rest, []byte(`" H=`))
		if i < 1 {
			l.notUnderstood(shapeEximSyntax)
			return
		}
		command, host = commandOf(rest[1:i]), rest[i+len(`" H=`):]
	}
	h, _, ok := cutEximHost(host)
	if !ok {
		l.notUnderstood(shapeEximSyntax)
		return
	}
	l.answer(h, command, 554)
}

// closed reads what follows "SMTP connection from ", of which most tells no reply:
//
//	HOST[ D=1s] closed after SIGTERM
func (l *exim) closed(b []byte) {
	h, rest, ok := cutEximHost(b)
	if duration, found := bytes.CutPrefix(rest, []byte(" D=")); found { // since 4.97
		_, rest, _ = bytes.Cut(duration, []byte("s"))
	}
	if ok && (string(rest) == " closed after SIGTERM" || string(rest) == " closed after SIGINT") {
		l.answer(h, NoCommand, 421)
	}
}

// dropped reads what follows "SMTP call from ":
//
//	HOST dropped: too many nonmail commands (last was "NOOP")
//	HOST dropped: too many unrecognized commands (last was "QUX")
//	HOST dropped: too many syntax or protocol errors (last command was "DATA",  C=EHLO,...)
func (l *exim) dropped(b []byte) {
	h, rest, ok := cutEximHost(b)
	rest, found := bytes.CutPrefix(rest, []byte(" dropped: too many "))
	what, last, quoted := bytes.Cut(rest, []byte(` "`))
	if !ok || !found || !quoted {
		l.notUnderstood(shapeEximClosed)
		return
	}
	if i := bytes.LastIndexByte(last, '"'); i >= 0 {
		last = last[:i]
	}
	e := Event{
		Direction: Sent, Implied: true, Repeat: l.repeated, Remote: h.name, Addr: h.addr, Command: commandOf(last),
	}
	told := l.errors.get(l.errorKey(h, e.Command))
	switch string(what) {
	case "nonmail commands (last was":
		e.Code = 554
	case "unrecognized commands (last was":
		e.Code = 500
		e.Repeat = e.Repeat || told != nil
	case "syntax or protocol errors (last command was":
		if told != nil {
			e.Code, e.Repeat = Code(*told), true
		}
	default:
		l.notUnderstood(shapeEximClosed)
		return
	}
	if e.Code == 0 {
		if e.Kind, e.Implied = Refusal, false; e.Repeat {
			return
		}
	}
	l.emit(e)
}

// helo reads a name that is not the client's (helo_verify_hosts):
//
//	rejected "EHLO NAME" from HOST
func (l *exim) helo(b []byte, code Code) {
	_, host, ok := bytes.Cut(b, []byte(`" from `))
	h, _, isHost := cutEximHost(host)
	if !ok || !isHost {
		l.notUnderstood(shapeEximRejected)
		return
	}
	l.answer(h, Ehlo, code)
}

// prdr reads the answer to one recipient of a message (receive.c): PRDR R=<ADDR> refusal
func (l *exim) prdr(b []byte) {
	verdict, ok := skipEximAddress(b)
	if !ok {
		return
	}
	switch string(verdict) {
	case " acceptance":
		l.answer(eximHost{}, EndOfData, 250)
	case " temporary refusal":
		l.answer(eximHost{}, EndOfData, 450)
	case " refusal":
		l.answer(eximHost{}, EndOfData, 550)
	}
}

// verified reads "VRFY failed for ARGUMENT H=HOST"; the client wrote the argument.
func (l *exim) verified(b []byte) {
	if i := bytes.LastIndex(b, []byte(" H=")); i >= 0 {
		if h, rest, ok := cutEximHost(b[i+len(" H="):]); ok && len(rest) == 0 {
			l.answer(h, Vrfy, 550)
		}
	}
}

// localScan reads "SENDER H=HOST P=PROTOCOL [temporarily ]rejected by local_scan(): TEXT".
func (l *exim) localScan(b []byte) {
	sender, host, ok := bytes.Cut(b, []byte(" H="))
	h, rest, isHost := cutEximHost(host)
	if !ok || !isHost || bytes.IndexByte(sender, ' ') >= 0 {
		return
	}
	i := bytes.Index(rest, []byte("rejected by local_scan(): "))
	if i < 0 || !bytes.HasPrefix(rest, []byte(" P=")) {
		return
	}
	code := Code(550)
	if bytes.HasSuffix(rest[:i], []byte(" temporarily ")) {
		code = 451
	}
	l.answer(h, EndOfData, code)
}

// authentication reads what follows "NAME authenticator failed ":
//
//	for HOST: 535 Incorrect authentication data (set_id=USER)     a client's
//	H=HOST [IP] 535 5.7.8 REPLY                                   this server's own
func (l *exim) authentication(b []byte) {
	e := Event{Direction: Sent, Command: Auth, Repeat: l.repeated, QueueID: l.id}
	separator := ": "
	host, ok := bytes.CutPrefix(b, []byte("for "))
	if !ok {
		if host, ok = bytes.CutPrefix(b, []byte("H=")); !ok {
			return
		}
		e.Direction, e.Repeat, separator = Received, false, " "
	}
	h, rest, ok := cutEximHost(host)
	rest, found := bytes.CutPrefix(rest, []byte(separator))
	if !ok || !found {
		l.notUnderstood(shapeEximAuth)
		return
	}
	e.Remote, e.Addr, e.Text = h.name, h.addr, rest
	e.Code, e.Enhanced, ok = parseReplyLines(rest, `\n`)
	if !ok || e.Code.Class() < 4 || e.Direction == Sent && !isAuthRefusal(e.Code) {
		l.notUnderstood(shapeEximAuth)
		return
	}
	e.Implied = e.Code == 435 && e.Direction == Sent // whose log has words of its own (smtp_in_auth())
	l.emit(e)
}

// isAuthRefusal knows the codes of smtp_in_auth(). A client's HELO name may hold
// another one, where helo_accept_junk_hosts allows any.
func isAuthRefusal(c Code) bool { return c == 435 || c == 501 || c == 535 || c == 553 }
