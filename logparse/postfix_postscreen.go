package logparse

import "bytes"

// impliedByPostscreen are lines of postscreen(8) without a code
// (postscreen.c, postscreen_smtpd.c).
var impliedByPostscreen = []struct {
	before, within string
	code           Code
	enhanced       EnhancedCode
	command        Command
}{
	{"NOQUEUE: reject: CONNECT from ", ": too many connections", 421, EnhancedCode{4, 7, 0}, Connect},
	{"NOQUEUE: reject: CONNECT from ", ": all server ports busy", 421, EnhancedCode{4, 3, 2}, Connect},
	{"NOQUEUE: reject: CONNECT from ", ": all screening ports busy", 421, EnhancedCode{4, 3, 2}, Connect},
	{"reject: connect from ", ": all screening ports busy", 421, EnhancedCode{4, 3, 2}, Connect},
	{"COMMAND TIME LIMIT from ", "", 421, EnhancedCode{4, 4, 2}, NoCommand},
	{"COMMAND LENGTH LIMIT from ", "", 421, EnhancedCode{}, NoCommand},
	{"COMMAND COUNT LIMIT from ", "", 421, EnhancedCode{}, NoCommand},
	{"NON-SMTP COMMAND from ", "", 521, EnhancedCode{5, 7, 0}, OtherCommand},
}

// postscreen reads the lines of postscreen(8), one process that talks to many
// clients at a time.
func (l *postfixLine) postscreen(message []byte) (shape string) {
	if len(message) > 2 && message[1] == ' ' && (message[0] == '<' || message[0] == '>') {
		l.postscreenTranscript(message)
		return ""
	}
	if rest, ok := bytes.CutPrefix(message, []byte("CONNECT from ")); ok {
		if _, addr, rest, ok := cutHost(rest); ok {
			*l.screened(addr, rest) = session{}
		}
		return ""
	}
	for i := range impliedByPostscreen {
		r := &impliedByPostscreen[i]
		rest, ok := bytes.CutPrefix(message, []byte(r.before))
		if !ok {
			continue
		}
		_, addr, rest, ok := cutHost(rest)
		if !ok {
			return shapePostscreen
		}
		s := l.screened(addr, rest)
		rest = cutPort(rest)
		if r.within != "" && string(rest) != r.within {
			continue
		}
		e := Event{
			Direction: Sent, Count: 1, Implied: true, Code: r.code, Enhanced: r.enhanced, Command: r.command, Addr: addr,
			Repeat: s.shownNext(),
		}
		l.emit(e)
		return ""
	}
	rest, ok := bytes.CutPrefix(message, []byte("NOQUEUE: reject: RCPT from "))
	if !ok {
		return ""
	}
	// NOQUEUE: reject: RCPT from [IP]:PORT: REPLY; from=<...>, to=<...>, proto=ESMTP, helo=<...>
	_, addr, rest, ok := cutHost(rest)
	text, found := bytes.CutPrefix(cutPort(rest), []byte(": "))
	if !ok || !found {
		return shapePostscreen
	}
	s := l.screened(addr, rest)
	text, _ = cutContext(text)
	e := Event{Direction: Sent, Count: 1, Command: Rcpt, Addr: addr, Text: text}
	if e.Code, e.Enhanced, ok = ParseReply(text); !ok {
		return shapePostscreen
	}
	s.told = true
	l.emit(e)
	return ""
}

// screened returns the session of one client of postscreen; rest begins with
// its port.
func (l *postfixLine) screened(addr, rest []byte) *session {
	port := rest[:len(rest)-len(cutPort(rest))]
	return l.sessions.put(uint64(l.process.add(addr).add(port)))
}
