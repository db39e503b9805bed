package logparse

import "bytes"

// postfixImpliedByPostscreen are lines of postscreen(8) without a code
// (postscreen.c, postscreen_smtpd.c).
var postfixImpliedByPostscreen = []struct {
	postfixImplied
	after string // the rest of the line; "" where it differs
}{
	{postfixImplied{"NOQUEUE: reject: CONNECT from ", []byte("421 4.7.0 Error: too many connections"), Connect, true}, ": too many connections"},
	{postfixImplied{"NOQUEUE: reject: CONNECT from ", []byte("421 4.3.2 All server ports are busy"), Connect, true}, ": all server ports busy"},
	{postfixImplied{"reject: connect from ", []byte("421 4.3.2 All screening ports are busy"), Connect, true}, ": all screening ports busy"},
	{postfixImplied{"NOQUEUE: reject: CONNECT from ", []byte("421 4.3.2 All screening ports are busy"), Connect, true}, ": all screening ports busy"},
	{postfixImplied{"COMMAND TIME LIMIT from ", []byte("421 4.4.2 Error: timeout exceeded"), NoCommand, true}, ""},
	{postfixImplied{"COMMAND LENGTH LIMIT from ", []byte("421 Service unavailable - try again later"), NoCommand, true}, ""},
	{postfixImplied{"COMMAND COUNT LIMIT from ", []byte("421 Service unavailable - try again later"), NoCommand, true}, ""},
	// As long as postscreen_non_smtp_command_action is drop, the default.
	{postfixImplied{"NON-SMTP COMMAND from ", []byte("521 5.7.0 Error: I can break rules, too. Goodbye."), OtherCommand, true}, ""},
}

// postscreen reads the lines of postscreen(8), one process that talks to many
// clients at a time.
func (l *postfix) postscreen(message []byte) {
	if isPostfixTranscript(message) {
		l.postscreenTranscript(message)
		return
	}
	if rest, ok := bytes.CutPrefix(message, []byte("CONNECT from ")); ok {
		if _, addr, rest, ok := cutHost(rest); ok {
			*l.screened(addr, rest) = postfixSession{}
		}
		return
	}
	if rest, ok := bytes.CutPrefix(message, []byte("DISCONNECT ")); ok {
		if _, addr, rest, ok := cutHost(rest); ok {
			l.sessions.remove(l.screenedKey(addr, rest))
		}
		return
	}
	if l.impliedByPostscreen(message) {
		return
	}
	if refusal, ok := bytes.CutPrefix(message, []byte("NOQUEUE: reject: RCPT from ")); ok {
		l.recipientScreened(refusal)
	}
}

// impliedByPostscreen reads the lines of postfixImpliedByPostscreen. It reports
// whether the message is one of them.
func (l *postfix) impliedByPostscreen(message []byte) bool {
	for i := range postfixImpliedByPostscreen {
		r := &postfixImpliedByPostscreen[i]
		rest, ok := bytes.CutPrefix(message, []byte(r.prefix))
		if !ok {
			continue
		}
		_, addr, rest, ok := cutHost(rest)
		if !ok {
			l.notUnderstood(shapePostfixPostscreen)
			return true
		}
		if r.after != "" && string(cutPort(rest)) != r.after {
			continue
		}
		e := r.event()
		e.Command = r.command
		e.Addr = addr
		e.Repeat = l.screened(addr, rest).announce()
		l.emit(e)
		return true
	}
	return false
}

// recipientScreened reads the reply to a recipient:
//
//	NOQUEUE: reject: RCPT from [IP]:PORT: REPLY; from=<...>, to=<...>, proto=ESMTP, helo=<...>
func (l *postfix) recipientScreened(refusal []byte) {
	_, addr, rest, ok := cutHost(refusal)
	text, found := bytes.CutPrefix(cutPort(rest), []byte(": "))
	if !ok || !found {
		l.notUnderstood(shapePostfixPostscreen)
		return
	}
	// Neither the client nor its addresses have words in the reply.
	text, _, _ = bytes.Cut(text, []byte("; from=<"))
	e := Event{Direction: Sent, Command: Rcpt, Addr: addr, Text: text}
	e.Code, e.Enhanced, ok = ParseReply(text)
	if !ok {
		l.notUnderstood(shapePostfixPostscreen)
		return
	}
	l.screened(addr, rest).Announced = true
	l.emit(e)
}

// screened returns the session of one client of postscreen; rest begins with
// its port.
func (l *postfix) screened(addr, rest []byte) *postfixSession {
	return l.sessions.put(l.screenedKey(addr, rest))
}

func (l *postfix) screenedKey(addr, rest []byte) hash {
	return l.process.add(addr).add(rest[:len(rest)-len(cutPort(rest))])
}
