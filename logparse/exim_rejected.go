package logparse

import "bytes"

// refused reads what follows "H=HOST" in the line of a client (smtp_in.c,
// smtp_handle_acl_fail()):
//
//	[X=CIPHER ...][F=<ADDR>[ A=AUTH[:ID]] ][SPF[=RESULT] ][DMARC[=STATUS] ][temporarily ]rejected WHAT[: TEXT]
//	sender verify fail for <ADDR>[: TEXT]
//	ADDR F=<ADDR> rejected after DATA: R=... T=... H=HOST ... C="REPLY"
func (l *exim) refused(h eximHost, b []byte) {
	rest, ok := skipEximTLS(b, isEximClientLine)
	if !ok {
		l.notUnderstood(shapeEximRejected)
		return
	}
	b = bytes.TrimPrefix(skipEximVerdicts(rest), []byte(" "))
	if rest, ok := bytes.CutPrefix(b, []byte("sender verify ")); ok {
		l.senderVerify(h, rest)
		return
	}
	e := Event{
		Direction: Sent, QueueID: l.id, Remote: h.name, Addr: h.addr, Repeat: l.repeated,
	}
	if isEximRefusal(b) {
		l.aclRefusal(e, h, b)
		return
	}
	sender, ok := bytes.CutPrefix(b, []byte("F=<"))
	if !ok {
		l.cutThrough(e, h, b)
		return
	}
	b, ok = skipEximAddress(sender)
	if !ok {
		l.notUnderstood(shapeEximRejected)
		return
	}
	b = bytes.TrimPrefix(skipEximVerdicts(b), []byte(" "))
	if user, ok := bytes.CutPrefix(b, []byte("A=")); ok {
		_, b, _ = bytes.Cut(user, []byte(" "))
		e.Authenticated = true
		for !isEximRefusal(b) && len(b) > 0 { // the name of a user who has logged in
			_, b, _ = bytes.Cut(b, []byte(" "))
		}
	}
	if isEximRefusal(b) {
		l.aclRefusal(e, h, b)
	}
}

// skipEximVerdicts passes over the results that an ACL found for SPF and DMARC since
// 4.100 (receive.c, add_spf_info_for_log() and add_dmarc_info_for_log()), of which a
// stranger chooses no word.
//
//	[ SPF[=RESULT]][ DMARC[=STATUS]]
func skipEximVerdicts(b []byte) []byte {
	for _, name := range []string{" SPF", " DMARC"} {
		if rest, ok := bytes.CutPrefix(b, []byte(name)); ok && len(rest) > 0 && (rest[0] == ' ' || rest[0] == '=') {
			b = rest[len(rest)-len(bytes.TrimLeft(rest, "=abcdefghijklmnopqrstuvwxyz")):]
		}
	}
	return b
}

func isEximRefusal(b []byte) bool {
	return bytes.HasPrefix(b, []byte("rejected ")) || bytes.HasPrefix(b, []byte("temporarily rejected "))
}

// An eximACL is an ACL by what it did not let a client do: the words in the line, the
// command, and the code that Exim sends if the ACL gives none (globals.c,
// acl_wherenames and acl_wherecodes).
type eximACL struct {
	what    string
	command Command
	code    Code
}

var eximACLs = []eximACL{
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
	{"ATRN ", OtherCommand, 450},      // since 4.99
	{"WELLKNOWN ", OtherCommand, 550}, // since 4.98
}

// cutEximACL reads "[temporarily ]rejected WHAT"; acl is nil if WHAT is no ACL's.
func cutEximACL(b []byte) (acl *eximACL, rest []byte) {
	b = bytes.TrimPrefix(b, []byte("temporarily "))
	b = bytes.TrimPrefix(b, []byte("rejected "))
	for i := range eximACLs {
		if rest, ok := bytes.CutPrefix(b, []byte(eximACLs[i].what)); ok {
			return &eximACLs[i], rest
		}
	}
	return nil, b
}

// aclRefusal reads "[temporarily ]rejected WHAT[: TEXT]"; e is what the line shows
// before it.
func (l *exim) aclRefusal(e Event, h eximHost, b []byte) {
	temporarily := b[0] == 't'
	acl, rest := cutEximACL(b)
	if acl == nil {
		l.localScanRefusal(e, rest, temporarily)
		return
	}
	e.Command = acl.command
	code := acl.code
	if temporarily {
		code = 451
	}
	rest, sure, ok := skipEximOperand(acl.command, h, rest)
	text, found := bytes.CutPrefix(rest, []byte(": "))
	switch {
	case !ok, !found && len(rest) > 0 && rest[0] != ':', h.restated(rest):
		l.notUnderstood(shapeEximRejected)
	case !sure:
		l.refusal(e, code)
	case found && isEximLocalProblem(text):
		if bytes.HasPrefix(text, []byte(eximDNSDeferred)) {
			e.Said = eximSaidDNS
		}
		if !temporarily { // the words of an ACL's own
			l.aclText(e, text, code)
			return
		}
		e.Code, e.Implied, e.Text = 451, true, eximLocalProblem
		l.emit(e)
	case found:
		l.aclText(e, text, code)
	default:
		e.Code, e.Implied, e.Dialogue = code, true, code.Class() < 4
		l.emit(e)
	}
}

const eximDNSDeferred = "DNS lookup of "

// eximSaidDNS is what eximLocalProblem keeps from the client.
var eximSaidDNS = []byte("451 DNS lookup deferred")

// isEximLocalProblem reports whether the words of a temporary refusal are those of
// acl.c, which has none for the client then: a string that cannot be expanded, a lookup
// that was not answered (match.c), a file that cannot be opened. They can hold a
// client's words.
func isEximLocalProblem(text []byte) bool {
	return bytes.HasPrefix(text, []byte("failed to expand ACL string ")) ||
		string(text) == "ratelimit database not available" ||
		bytes.HasPrefix(text, []byte(eximDNSDeferred)) && bytes.HasSuffix(text, []byte(" deferred"))
}

// localScanRefusal reads "by local_scan(): TEXT" (receive.c).
func (l *exim) localScanRefusal(e Event, b []byte, temporarily bool) {
	text, ok := bytes.CutPrefix(b, []byte("by local_scan(): "))
	if !ok {
		l.notUnderstood(shapeEximRejected)
		return
	}
	e.Command, e.Text = EndOfData, text
	e.Code, e.Implied = 550, true
	if temporarily {
		e.Code = 451
	}
	l.emit(e)
}

// aclText reads the TEXT of an ACL's refusal. It is log_message or, if there is none,
// the message for the client with the code that it begins with: that reply is
// implied, since the line never shows it as such. Without a code in TEXT the message
// for the client can still have one. code is the one that Exim sends otherwise.
func (l *exim) aclText(e Event, text []byte, code Code) {
	// A reply to a callout for the recipient comes first in a line.
	if r, found, ok := parseEximCallout(text); found {
		l.calledOut(r, found, ok)
		if ok {
			e.Text = r.reply // which is passed on to the client
			l.refusal(e, code)
		}
		return
	}
	e.Text = text
	c, enhanced, ok := ParseReply(text)
	// smtp_message_code() takes a code only with a blank after it, and corrects one
	// of the wrong class: another one is the log_message's.
	wrong := c.Class() != code.Class() && e.Command != Vrfy
	if !ok || len(text) < 4 || text[3] != ' ' || wrong {
		l.refusal(e, code)
		return
	}
	e.Code, e.Enhanced, e.Implied = c, enhanced, true
	e.Dialogue = c.Class() < 4
	l.emit(e)
}

// refusal adds a client's refusal without a code, unless the line is a second copy.
// code is the one that Exim sends if the ACL gives none.
func (l *exim) refusal(e Event, code Code) {
	if l.repeated {
		return
	}
	e.Kind, e.Repeat = Refusal, false
	if e.Command != Vrfy { // which takes a code of any class from the ACL
		e.Class = code.Class()
	}
	l.emit(e)
}

// skipEximOperand passes over what follows the command in a refusal. sure is false
// where the client may have written the rest too: all that an operand without a
// grammar may hold, and before 4.95 all of AUTH. ok is false for an operand with two
// readings.
func skipEximOperand(c Command, h eximHost, b []byte) (rest []byte, sure, ok bool) {
	switch c {
	case Rcpt, Mail:
		rest, ok = skipEximArgument(b)
		return rest, true, ok
	case Ehlo: // the HELO name, which the line shows unless it is the host's
		name := h.helo
		if name == nil {
			name = eximField(b)
		}
		rest, ok = bytes.CutPrefix(b, name)
		if !ok && len(name) > maxEximArgument {
			rest, ok = bytes.CutPrefix(b, name[:maxEximArgument])
		}
		return rest, true, ok
	case Auth:
		rest = b[len(eximField(b)):]
		return rest, len(rest) == 0, true
	case Vrfy, Etrn, OtherCommand:
		if i := bytes.Index(b, []byte(": ")); i >= 0 {
			return b[i:], false, true
		}
		return nil, !bytes.HasSuffix(b, []byte(":")), true
	}
	return b, true, true
}

// maxEximArgument is how much of a client's argument Exim logs (smtp_handle_acl_fail()).
const maxEximArgument = 100

// skipEximArgument passes over the address that a client named, as the client wrote
// it. No whole address goes on with a colon.
func skipEximArgument(b []byte) (rest []byte, ok bool) {
	rest, ok = skipEximMailbox(b)
	ok = ok && (len(rest) == 0 || bytes.HasPrefix(rest, []byte(": ")))
	if ok && len(b)-len(rest) <= maxEximArgument {
		return rest, true
	}
	if len(b) < maxEximArgument || !ok && len(b) == maxEximArgument {
		return nil, ok
	}
	shortened := bytes.HasPrefix(b[maxEximArgument:], []byte(": "))
	if ok { // before 4.95 all of it is logged
		return rest, !shortened
	}
	return b[maxEximArgument:], shortened
}
