package logparse

import "bytes"

// An eximAnswer is a line about a client that Exim answers with one code only. The
// host stands between two texts (host_and_ident(); LOG_MAIN lines of smtp_in.c,
// receive.c and daemon.c):
//
//	BEFORE[...BETWEEN]HOST AFTER
//
// If before ends with "<", the client's address follows, and then between; else
// between may follow anything.
type eximAnswer struct {
	before, between, after string
	command                Command
	reply                  []byte
}

// Replies that several lines imply, without the name of the host that Exim adds.
var (
	eximTooManyCalls   = []byte("421 Too many concurrent SMTP connections; please try again later")
	eximTooMuchLoad    = []byte("421 Too much load; please try again later")
	eximTimeout        = []byte("421 SMTP command timeout - closing connection")
	eximClosing        = []byte("421 Service not available - closing connection")
	eximLocalProblem   = []byte("451 Temporary local problem - please try later")
	eximNoDomain       = []byte("501 recipient address must contain a domain")
	eximNoHELO         = []byte("503 HELO or EHLO required")
	eximNoHELOYet      = []byte("503 no HELO/EHLO given")
	eximInTransaction  = []byte("503 mail transaction in progress")
	eximNotDeliverable = []byte("550 <> is not deliverable") // without the address
	eximTooBig         = []byte("552 Message size exceeds maximum permitted")
	eximUnsynchronized = []byte("554 SMTP synchronization error")
	eximOtherHELO      = []byte("550 HELO argument does not match calling host")
	eximOtherHELONow   = []byte("451 HELO argument does not match calling host")
	eximNotPermitted   = []byte("554 not permitted")
	// eximUnavailable goes on with "SMTP service not available" where a list of this
	// host does not want the client, which is no fault.
	eximUnavailable = []byte("554")
)

var eximAnswers = []eximAnswer{
	{"Connection from ", "", " refused: too many connections", Connect, eximTooManyCalls},
	{"Connection from ", "", " refused: load average = ", Connect, eximTooMuchLoad},
	{"connection from ", "", " refused (IP options)", Connect, eximUnavailable},
	{"refused connection from ", "", " (host_reject_connection)", Connect, eximUnavailable},
	{"refused connection from ", "", " (tcp wrappers)", Connect, eximUnavailable},
	{"temporarily refused connection from ", "", " (tcp wrappers errno=", Connect, eximLocalProblem},
	{"temporarily refused connection from ", "", ": not in reserve list:", Connect, eximTooManyCalls},
	{"temporarily refused connection from ", "", ": not in reserve list and load average = ", Connect, eximTooMuchLoad},
	{"SMTP command timeout on connection from ", "", "", NoCommand, eximTimeout},
	{"SMTP command timeout on TLS connection from ", "", "", NoCommand, eximTimeout},
	{"SMTP data timeout (message abandoned) on connection from ", "", " F=<", EndOfData, []byte("421 SMTP incoming data timeout - closing connection")},
	{"rejected MAIL from ", "", ": no HELO/EHLO given", Mail, eximNoHELO},
	{"rejected XCLIENT from ", "", ": no HELO/EHLO given", OtherCommand, eximNoHELOYet},
	{"rejected XCLIENT from ", "", ": mail transaction in progress", OtherCommand, eximInTransaction},
	{"rejected HELO from ", "", ": syntactically invalid argument(s): ", Ehlo, []byte("501 Syntactically invalid HELO argument(s)")},
	{"rejected EHLO from ", "", ": syntactically invalid argument(s): ", Ehlo, []byte("501 Syntactically invalid EHLO argument(s)")},
	{"rejected MAIL command H=", "", ": too many messages in one connection", Mail, []byte("421 too many messages in this connection")},
	{"Message abandoned: Spool write error (", ") while receiving message from ", "", EndOfData, []byte("451 Error while writing spool file")},
	{"Message abandoned: Input read error (", ") while receiving message from ", "", EndOfData, []byte("451 Error while reading input data")},
	{"rejected MAIL FROM:<", " H=", ": message too big: ", Mail, eximTooBig},
	{"rejected from <", " H=", ": message too big: ", EndOfData, eximTooBig},
	{"rejected from <", " H=", ": Non-CRLF-terminated header", EndOfData, []byte("552 Message header not CRLF terminated")},
	{"rejected from <", "H=", `: Too many "Received" headers`, EndOfData, []byte(`550 Too many "Received" headers - suspected mail loop`)},
	{"unqualified sender rejected: <", " H=", "", Mail, []byte("501 sender address must contain a domain")},
	{"unqualified recipient rejected: <", " H=", "", Rcpt, eximNoDomain},
	{"unqualified verify rejected: <", " H=", "", Vrfy, eximNoDomain},
	{"too many recipients: message rejected: sender=<", " H=", "", Rcpt, []byte("552 too many recipients")},
	{"too many recipients: excess temporarily rejected: sender=<", " H=", "", Rcpt, []byte("452 too many recipients")},
}

// client reads the host of a line. found is false for a line that is another one, ok
// for one that has two readings.
func (a *eximAnswer) client(b []byte) (h eximHost, found, ok bool) {
	rest, found := bytes.CutPrefix(b, []byte(a.before))
	if !found {
		return h, false, false
	}
	if a.before[len(a.before)-1] == '<' {
		rest, _ = skipEximAddress(rest)
		rest, found = bytes.CutPrefix(rest, []byte(a.between))
	} else if a.between != "" {
		_, rest, found = bytes.Cut(rest, []byte(a.between))
	}
	if !found {
		return h, false, false
	}
	h, rest, found = cutEximHost(rest)
	if !found || !bytes.HasPrefix(rest, []byte(a.after)) {
		return h, false, false
	}
	sender, named := bytes.CutPrefix(rest, []byte(" F=<"))
	if after, whole := skipEximAddress(sender); named && whole && (len(after) == 0 || isEximDuration(after)) {
		return h, true, true
	}
	if a.after == "" { // the host's address is all that counts, and stands before an answer to RFC 1413
		h.ident = false
		return h, true, !h.restatedBefore(rest, func([]byte) bool { return true })
	}
	return h, true, !h.restatedBefore(rest, isEximAnswerEnd)
}

// isEximDuration reports whether b is the duration at the end of a line, such as " D=8s".
func isEximDuration(b []byte) bool {
	duration, ok := bytes.CutPrefix(b, []byte(" D="))
	return ok && bytes.IndexByte(duration, ' ') < 0
}

// isEximAnswerEnd reports whether b begins with what can follow the host.
func isEximAnswerEnd(b []byte) bool {
	for i := range eximAnswers {
		if after := eximAnswers[i].after; after != "" && bytes.HasPrefix(b, []byte(after)) {
			return true
		}
	}
	return false
}

// implied reads the lines that begin neither with a host nor with an address.
func (l *exim) implied(b []byte) {
	for i := range eximAnswers {
		a := &eximAnswers[i]
		h, found, ok := a.client(b)
		if !found {
			continue
		}
		if !ok {
			l.notUnderstood(shapeEximClosed)
			return
		}
		l.answerWith(h, a.command, a.reply)
		if a.command == Ehlo {
			*l.errors.put(l.errorKey(h, Ehlo)) = uint16(l.events[len(l.events)-1].Code)
		}
		return
	}
	for i := range eximReaders {
		r := &eximReaders[i]
		if rest, ok := bytes.CutPrefix(b, []byte(r.start)); ok {
			r.read(l, rest)
			return
		}
	}
	if rest, ok := cutEximAuthenticator(b); ok {
		l.authentication(rest)
	} else if l.id != nil {
		l.localScan(b) // before 4.30 without "F="
	}
}

// eximReaders read what follows the beginnings of other lines.
var eximReaders = []struct {
	start string
	read  func(l *exim, rest []byte)
}{
	{"SMTP syntax error in ", func(l *exim, b []byte) { l.syntaxError(b, true) }},
	{"SMTP protocol error in ", func(l *exim, b []byte) { l.syntaxError(b, false) }},
	{"SMTP protocol synchronization error (", (*exim).unsynchronized},
	{"SMTP protocol violation: synchronization error (", (*exim).unsynchronized},
	{"SMTP connection from ", (*exim).closed},
	{"SMTP call from ", (*exim).dropped},
	{`rejected "WELLKNOWN`, func(l *exim, _ []byte) { l.answerWith(eximHost{}, OtherCommand, eximNotPermitted) }},
	{`rejected "`, func(l *exim, b []byte) { l.helo(b, eximOtherHELO) }},
	{`temporarily rejected "`, func(l *exim, b []byte) { l.helo(b, eximOtherHELONow) }},
	{"PRDR R=<", (*exim).prdr},
	{"VRFY failed for", (*exim).verified},
	{"F=", (*exim).localScan},
	{"Connection from [", func(l *exim, _ []byte) { l.notUnderstood(shapeEximClosed) }},
	{"ETRN ", func(*exim, []byte) {}}, // no reply, and the client wrote the rest
}

// answer adds an implied reply to a client. text is nil where Exim's source leaves more
// than one.
func (l *exim) answer(h eximHost, c Command, code Code, text []byte) {
	l.emit(Event{
		Direction: Sent, Code: code, Command: c, Implied: true, Repeat: l.repeated,
		QueueID: l.id, Remote: h.name, Addr: h.addr, Text: text,
	})
}

// answerWith is answer for a reply of eximAnswers or its like.
func (l *exim) answerWith(h eximHost, c Command, reply []byte) {
	code, _, _ := ParseReply(reply)
	if len(reply) == len("554") {
		reply = nil
	}
	l.answer(h, c, code, reply)
}

// closed reads what follows "SMTP connection from "; most such lines show no reply:
//
//	HOST[ D=1s] closed after SIGTERM
func (l *exim) closed(b []byte) {
	h, rest, ok := cutEximHost(b)
	if duration, found := bytes.CutPrefix(rest, []byte(" D=")); found { // since 4.97
		_, rest, _ = bytes.Cut(duration, []byte("s"))
	}
	if ok && (string(rest) == " closed after SIGTERM" || string(rest) == " closed after SIGINT") {
		l.answerWith(h, NoCommand, eximClosing)
	}
}

// helo reads a name that is not the client's (helo_verify_hosts):
//
//	rejected "EHLO NAME" from HOST
func (l *exim) helo(b, reply []byte) {
	const between = `" from `
	for rest := b; ; {
		_, client, found := bytes.Cut(rest, []byte(between))
		if !found {
			break
		}
		// A name can hold what is between, and then the host shows the name once more.
		if h, after, ok := cutEximHost(client); ok && len(after) == 0 {
			l.answerWith(h, Ehlo, reply)
			return
		}
		rest = client
	}
	l.notUnderstood(shapeEximRejected)
}

// prdr reads the answer to one recipient of a message (receive.c): PRDR R=<ADDR> refusal
func (l *exim) prdr(b []byte) {
	verdict, ok := skipEximAddress(b)
	if !ok || l.id == nil {
		return
	}
	switch string(verdict) {
	case " acceptance":
		l.answer(eximHost{}, EndOfData, 250, nil)
	case " temporary refusal":
		l.answer(eximHost{}, EndOfData, 450, nil)
	case " refusal":
		l.answer(eximHost{}, EndOfData, 550, nil)
	}
}

// verified reads "VRFY failed for ARGUMENT H=HOST"; the client wrote the argument.
func (l *exim) verified(b []byte) {
	i := bytes.LastIndex(b, []byte(" H="))
	if i < 0 {
		return
	}
	h, rest, ok := cutEximHost(b[i+len(" H="):])
	if !ok || len(rest) > 0 || bytes.Contains(b[:i], []byte(" U=")) && bytes.Contains(b[:i], []byte(" H=")) {
		l.notUnderstood(shapeEximRejected) // the argument, or an answer to RFC 1413
		return
	}
	l.answerWith(h, Vrfy, eximNotDeliverable)
}

// localScan reads "SENDER H=HOST P=PROTOCOL [temporarily ]rejected by local_scan(): TEXT".
func (l *exim) localScan(b []byte) {
	rest, ok := bytes.CutPrefix(b, []byte("<>"))
	if !ok {
		_, rest, _ = cutEximAddress(b)
	}
	client, ok := bytes.CutPrefix(rest, []byte(" H="))
	h, rest, isHost := cutEximHost(client)
	protocol, text, found := bytes.Cut(rest, []byte("rejected by local_scan(): "))
	if !ok || !isHost || !found || !isEximProtocol(rest) {
		return
	}
	if h.restatedBefore(text, isEximProtocol) {
		l.notUnderstood(shapeEximRejected)
		return
	}
	code := Code(550)
	if bytes.HasSuffix(protocol, []byte(" temporarily ")) {
		code = 451
	}
	l.answer(h, EndOfData, code, text)
}

// authentication reads what follows "NAME authenticator failed ":
//
//	for HOST: 535 Incorrect authentication data (set_id=USER)     a client's; H=HOST since 4.99
//	H=HOST [IP] 535 5.7.8 REPLY                                   this server's own
func (l *exim) authentication(b []byte) {
	e := Event{Command: Auth, QueueID: l.id}
	var separator string
	host, ok := bytes.CutPrefix(b, []byte("for "))
	if ok {
		host = bytes.TrimPrefix(host, []byte("H="))
		e.Direction, e.Repeat = Sent, l.repeated
		separator = ": "
	} else {
		host, ok = bytes.CutPrefix(b, []byte("H="))
		if !ok {
			return
		}
		e.Direction = Received
		separator = " "
	}
	h, rest, ok := cutEximHost(host)
	rest, found := bytes.CutPrefix(rest, []byte(separator))
	e.Remote, e.Addr, e.Text = h.name, h.addr, rest
	if e.Direction == Sent {
		// The user's name, which follows, is the client's word.
		e.Said = untilWords(rest, "Incorrect authentication data (set_id=", "Unable to authenticate at present (set_id=")
	}
	var parsed bool
	e.Code, e.Enhanced, parsed = parseReplyLines(rest, `\n`)
	if !ok || !found || !parsed || e.Code.Class() < 4 || e.Direction == Sent && !isEximAuthRefusal(e.Code) {
		l.notUnderstood(shapeEximAuth)
		return
	}
	e.Implied = e.Code == 435 && e.Direction == Sent // whose log has words of its own (smtp_in_auth())
	l.emit(e)
}

// isEximAuthRefusal reports whether smtp_in_auth() answers with this code. A client's
// HELO name may hold another one, where helo_accept_junk_hosts allows any.
func isEximAuthRefusal(c Code) bool { return c == 435 || c == 501 || c == 535 || c == 553 }
