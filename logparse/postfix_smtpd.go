package logparse

import "bytes"

// server reads the lines of smtpd(8).
func (l *postfix) server(message []byte) {
	if len(message) > 2 && message[1] == ' ' && (message[0] == '<' || message[0] == '>') {
		l.serverTranscript(message)
		return
	}
	if rest, ok := bytes.CutPrefix(message, []byte("connect from ")); ok {
		s := l.session()
		*s = session{}
		if _, addr, _, ok := cutHost(rest); ok {
			s.setClient(addr)
		}
		return
	}
	if rest, ok := bytes.CutPrefix(message, []byte("disconnect from ")); ok {
		l.disconnect(rest)
		return
	}
	if id, rest := cutQueueID(message); id != nil {
		l.serverMessage(id, rest)
		return
	}
	if rest, ok := bytes.CutPrefix(message, []byte("proxy-")); ok {
		l.proxyAnswer(rest)
		return
	}
	if rest, ok := bytes.CutPrefix(message, []byte("warning: proxy ")); ok {
		l.proxyRejected(rest)
		return
	}
	if l.endOfSession(message) || l.impliedReply(message) {
		return
	}
	if rest, ok := bytes.CutPrefix(message, []byte("warning: ")); ok {
		l.saslFailed(rest)
	}
}

// serverMessage reads the lines that begin with a queue id:
//
//	QID: client=NAME[IP][, sasl_method=...][, sasl_username=...]
//	QID: reject: RCPT from NAME[IP]: REPLY; from=<...> to=<...> proto=ESMTP helo=<...>
func (l *postfix) serverMessage(id, rest []byte) {
	if rest, ok := bytes.CutPrefix(rest, []byte("client=")); ok {
		if _, _, rest, ok = cutHost(rest); ok {
			*l.messages.put(l.messageKey(id)) = l.process
			l.session().Queued += uint32(l.count)
			if bytes.HasPrefix(cutPort(rest), []byte(", sasl_")) {
				l.session().Authenticated = true
			}
		}
		return
	}
	if l.implied(&tlsAborted, rest) {
		return
	}
	milter := false
	what, ok := bytes.CutPrefix(rest, []byte("reject: "))
	if !ok {
		if what, milter = bytes.CutPrefix(rest, []byte("milter-reject: ")); !milter {
			return // holds, warnings, filters: no reply
		}
	}
	where, from, ok := bytes.Cut(what, []byte(" from "))
	if !ok {
		l.notUnderstood(shapeReject)
		return
	}
	name, addr, from, ok := cutHost(from)
	if !ok {
		l.notUnderstood(shapeReject)
		return
	}
	text, ok := bytes.CutPrefix(cutPort(from), []byte(": "))
	if !ok {
		l.notUnderstood(shapeReject)
		return
	}
	text, context := cutContext(text)
	s := l.session()
	e := Event{
		Direction: Sent, QueueID: noQueue(id), Remote: name, Addr: addr, Text: text,
		Command: commandAt(where),
	}
	e.Authenticated = s.Authenticated || saslUser(context) || l.submitted(e.Command, text)
	if e.Code, e.Enhanced, ok = ParseReply(text); !ok {
		// "bare <LF> received": the code is smtpd_forbid_bare_newline_reject_code.
		e.Kind = Refusal
		l.refuse(s, e.Command)
		if !s.shown() {
			l.emit(e)
		}
		return
	}
	if milter && e.Code != 421 && (e.Command == Connect || e.Command == Ehlo) {
		if e.Command == Connect && e.Code.Class() == 5 {
			// The greeting is "554 ... ESMTP not accepting connections" then.
			e.Implied = e.Code != 554
			e.Code, e.Enhanced = 554, EnhancedCode{}
			s.Told = true
			l.explain(s, Connect)
		} else {
			// Sent later, to MAIL, and logged then (smtpd.c, helo_cmd()).
			e.Repeat, e.Command = true, Mail
		}
		l.emit(e)
		return
	}
	l.refuse(s, e.Command)
	s.Told = true
	l.emit(e)
}

// commandAt reads SMTPD_STATE.where (smtpd/smtpd.h): the command, or what it
// was followed by.
func commandAt(where []byte) Command {
	switch string(where) {
	case "CONNECT":
		return Connect
	case "END-OF-MESSAGE", "DATA content", "BDAT content", "BDAT":
		return EndOfData
	}
	return commandOf(where)
}

// cutContext splits a reply from what log_whatsup() and smtpd_whatsup() add.
// Both begin with what the client said, so the first of them counts.
func cutContext(text []byte) (reply, context []byte) {
	end := len(text)
	for _, field := range []string{"; from=<", "; to=<", "; proto="} {
		if i := bytes.Index(text[:end], []byte(field)); i >= 0 {
			end = i
		}
	}
	return bytes.TrimSuffix(text[:end], []byte(";")), text[end:]
}

// saslUser tells whether the context of a refusal ends with a user's name:
// " helo=<x> sasl_username=<y>". A HELO name cannot hold a blank or an angle
// bracket (smtpd.c, NEUTER_CHARACTERS), an address only within quotes, of which
// the last must not stand in what is taken for the name.
func saslUser(context []byte) bool {
	i := bytes.LastIndex(context, []byte(" sasl_username=<"))
	if i < 0 {
		return false
	}
	user := context[i+len(" sasl_username=<"):]
	return len(user) > 1 && bytes.IndexAny(user, `<>"`) == len(user)-1
}

// submitted tells whether a refusal must have been to a user who had logged in.
// Postfix tells of a login only with the first message that it takes, but a
// submission service takes recipients of no one else (RFC 6409 §4.3): it refuses
// strangers as clients or with "Access denied" and "Relay access denied".
func (l *postfix) submitted(command Command, text []byte) bool {
	if command != Rcpt {
		return false
	}
	services, _ := bytes.CutSuffix(l.env.Program, []byte("/smtpd"))
	services = services[bytes.LastIndexByte(services, '/')+1:]
	switch string(services) {
	case "submission", "submissions", "smtps":
	default:
		return false
	}
	i := bytes.IndexByte(text, '<')
	if i < 0 {
		return false
	}
	rest, ok := skipAddress(text[i+1:])
	rest, recipient := bytes.CutPrefix(rest, []byte(": Recipient address rejected: "))
	return ok && recipient && !bytes.HasPrefix(rest, []byte("Access denied"))
}

func noQueue(id []byte) []byte {
	if string(id) == "NOQUEUE" {
		return nil
	}
	return id
}

// proxyAnswer reads the answer of a before-queue filter to a whole message,
// that the client got too (smtpd.c, common_post_message_handling()):
//
//	proxy-accept: END-OF-MESSAGE: REPLY; from=<...> to=<...> proto=ESMTP helo=<...>
func (l *postfix) proxyAnswer(rest []byte) {
	verdict, rest, ok := bytes.Cut(rest, []byte(": "))
	if !ok {
		l.notUnderstood(shapeProxy)
		return
	}
	where, text, ok := bytes.Cut(rest, []byte(": "))
	if !ok {
		l.notUnderstood(shapeProxy)
		return
	}
	text, context := cutContext(text)
	s := l.session()
	e := Event{Direction: Sent, Command: commandAt(where), Text: text, Addr: s.address()}
	if e.Code, e.Enhanced, ok = ParseReply(text); !ok {
		l.notUnderstood(shapeProxy)
		return
	}
	e.Authenticated = s.Authenticated || saslUser(context)
	e.Repeat = s.shown() // the transcript came first
	if string(verdict) == "accept" {
		s.Accepted += uint32(l.count)
	} else if e.Code.Class() < 4 {
		// The filter's answer to an earlier command: Postfix itself refused the
		// message, and tells so in a line of its own.
		return
	} else {
		l.refuse(s, EndOfData)
	}
	l.emit(e)
}

// proxyRejected reads a reply of a before-queue filter to one command
// (smtpd_proxy.c). The client may have written what stands between the quotes,
// so a line with more than one place where the reply could begin is left alone.
//
//	warning: proxy 127.0.0.1:10026 rejected "MAIL FROM:<...>": "451 4.3.2 Scanner restarting"
func (l *postfix) proxyRejected(rest []byte) {
	proxy, rest, ok := bytes.Cut(rest, []byte(` rejected "`))
	if !ok {
		return
	}
	const between = `": "`
	start := 0
	if i := bytes.IndexByte(rest, '<'); i >= 0 && i < bytes.Index(rest, []byte(between)) {
		after, ok := skipAddress(rest[i+1:])
		if !ok {
			l.notUnderstood(shapeProxy)
			return
		}
		start = len(rest) - len(after)
	}
	i := bytes.Index(rest[start:], []byte(between))
	if i < 0 || bytes.IndexByte(proxy, ' ') >= 0 {
		l.notUnderstood(shapeProxy)
		return
	}
	text, whole := bytes.CutSuffix(rest[start+i+len(between):], []byte(`"`))
	e := Event{Direction: Received, Command: commandOf(rest[:start+i]), Text: text, Implied: true}
	e.Remote, e.Addr = proxyAddress(proxy)
	if e.Code, e.Enhanced, ok = ParseReply(text); !ok || !whole || e.Code.Class() < 4 || bytes.Contains(text, []byte(between)) {
		l.notUnderstood(shapeProxy)
		return
	}
	e.Repeat = l.session().Proxy.Logged
	l.emit(e)
}

// proxyAddress reads smtpd_proxy_filter: host:port, inet:host:port, unix:path.
func proxyAddress(b []byte) (name, addr []byte) {
	if path, ok := bytes.CutPrefix(b, []byte("unix:")); ok {
		return nil, path
	}
	b = bytes.TrimPrefix(b, []byte("inet:"))
	if i := bytes.LastIndexByte(b, ':'); i >= 0 {
		b = b[:i]
	}
	b = bytes.TrimSuffix(bytes.TrimPrefix(b, []byte("[")), []byte("]"))
	return b, b
}

// explain notes that a line of its own told of a command that was refused.
func (l *postfix) explain(s *session, c Command) {
	if c == EndOfData {
		c = Data
	}
	s.Explained[c] += uint32(l.count)
}

// refuse explains a refused command, and for content that it had its 354.
func (l *postfix) refuse(s *session, c Command) {
	l.explain(s, c)
	if c == EndOfData {
		s.DataLost += uint32(l.count)
	}
}

func (s *session) setClient(addr []byte) {
	s.ClientLen = uint8(copy(s.Client[:], addr))
}

func (s *session) address() []byte { return s.Client[:s.ClientLen] }
