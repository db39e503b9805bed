package logparse

import "bytes"

// impliedByPostscreen are lines of postscreen(8) without a code
// (postscreen.c, postscreen_smtpd.c).
var impliedByPostscreen = []struct {
	impliedReply
	after string // the rest of the line; "" where it differs
}{
	{impliedReply{"NOQUEUE: reject: CONNECT from ", []byte("421 4.7.0 Error: too many connections"), Connect, true}, ": too many connections"},
	{impliedReply{"NOQUEUE: reject: CONNECT from ", []byte("421 4.3.2 All server ports are busy"), Connect, true}, ": all server ports busy"},
	{impliedReply{"reject: connect from ", []byte("421 4.3.2 All screening ports are busy"), Connect, true}, ": all screening ports busy"},
	{impliedReply{"NOQUEUE: reject: CONNECT from ", []byte("421 4.3.2 All screening ports are busy"), Connect, true}, ": all screening ports busy"},
	{impliedReply{"COMMAND TIME LIMIT from ", []byte("421 4.4.2 Error: timeout exceeded"), NoCommand, true}, ""},
	{impliedReply{"COMMAND LENGTH LIMIT from ", []byte("421 Service unavailable - try again later"), NoCommand, true}, ""},
	{impliedReply{"COMMAND COUNT LIMIT from ", []byte("421 Service unavailable - try again later"), NoCommand, true}, ""},
	// As long as postscreen_non_smtp_command_action is drop, the default.
	{impliedReply{"NON-SMTP COMMAND from ", []byte("521 5.7.0 Error: I can break rules, too. Goodbye."), OtherCommand, true}, ""},
}

// postscreen reads the lines of postscreen(8), one process that talks to many
// clients at a time.
func (l *postfix) postscreen(message []byte) {
	if len(message) > 2 && message[1] == ' ' && (message[0] == '<' || message[0] == '>') {
		l.postscreenTranscript(message)
		return
	}
	if rest, ok := bytes.CutPrefix(message, []byte("CONNECT from ")); ok {
		if _, addr, rest, ok := cutHost(rest); ok {
			*l.screened(addr, rest) = session{}
		}
		return
	}
	if rest, ok := bytes.CutPrefix(message, []byte("DISCONNECT ")); ok {
		if _, addr, rest, ok := cutHost(rest); ok {
			l.sessions.remove(l.screenedKey(addr, rest))
		}
		return
	}
	for i := range impliedByPostscreen {
		r := &impliedByPostscreen[i]
		rest, ok := bytes.CutPrefix(message, []byte(r.prefix))
		if !ok {
			continue
		}
		_, addr, rest, ok := cutHost(rest)
		if !ok {
			l.notUnderstood(shapePostscreen)
			return
		}
		s := l.screened(addr, rest)
		rest = cutPort(rest)
		if r.after != "" && string(rest) != r.after {
			continue
		}
		e := r.event()
		e.Command, e.Addr, e.Repeat = r.command, addr, s.shownNext()
		l.emit(e)
		return
	}
	rest, ok := bytes.CutPrefix(message, []byte("NOQUEUE: reject: RCPT from "))
	if !ok {
		return
	}
	// NOQUEUE: reject: RCPT from [IP]:PORT: REPLY; from=<...>, to=<...>, proto=ESMTP, helo=<...>
	_, addr, rest, ok := cutHost(rest)
	text, found := bytes.CutPrefix(cutPort(rest), []byte(": "))
	if !ok || !found {
		l.notUnderstood(shapePostscreen)
		return
	}
	s := l.screened(addr, rest)
	text, _ = cutContext(text)
	e := Event{Direction: Sent, Command: Rcpt, Addr: addr, Text: text}
	if e.Code, e.Enhanced, ok = ParseReply(text); !ok {
		l.notUnderstood(shapePostscreen)
		return
	}
	s.Told = true
	l.emit(e)
}

// screened returns the session of one client of postscreen; rest begins with
// its port.
func (l *postfix) screened(addr, rest []byte) *session {
	return l.sessions.put(l.screenedKey(addr, rest))
}

func (l *postfix) screenedKey(addr, rest []byte) hash {
	return l.process.add(addr).add(rest[:len(rest)-len(cutPort(rest))])
}
