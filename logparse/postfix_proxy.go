package logparse

import "bytes"

// proxyAnswer reads the answer of a before-queue filter to a whole message, which
// smtpd passes on to the client (smtpd.c, common_post_message_handling()):
//
//	proxy-accept: END-OF-MESSAGE: REPLY; from=<...> to=<...> proto=ESMTP helo=<...>
func (l *postfix) proxyAnswer(rest []byte) {
	verdict, rest, _ := bytes.Cut(rest, []byte(": "))
	where, text, ok := bytes.Cut(rest, []byte(": "))
	if !ok {
		l.notUnderstood(shapePostfixProxy)
		return
	}
	s := l.session()
	e := Event{Direction: Sent, Command: postfixCommandAt(where), Addr: s.Client.bytes()}
	context, ok := l.refusal(&e, text)
	if !ok {
		l.notUnderstood(shapePostfixProxy)
		return
	}
	e.Authenticated = s.Authenticated || context.user
	e.Repeat = s.shown() // the transcript came first
	switch {
	case string(verdict) == "accept":
		s.Accepted += uint32(l.count)
	case e.Code.Class() < 4:
		// The filter's answer to an earlier command: Postfix itself refused the
		// message, in a line of its own.
		return
	default:
		l.noteRefused(s, EndOfData)
	}
	l.emit(e)
}

// proxyRejected reads a reply of a before-queue filter to one command
// (smtpd_proxy.c):
//
//	warning: proxy 127.0.0.1:10026 rejected "MAIL FROM:<...>": "451 4.3.2 Scanner restarting"
func (l *postfix) proxyRejected(rest []byte) {
	proxy, quotes, ok := bytes.Cut(rest, []byte(` rejected "`))
	if !ok {
		return
	}
	command, text, ok := cutPostfixQuotes(quotes)
	e := Event{Direction: Received, Command: commandOf(command), Text: text, Implied: true}
	e.Remote, e.Addr = postfixProxyAddress(proxy)
	var isReply bool
	e.Code, e.Enhanced, isReply = ParseReply(text)
	if !ok || !isReply || e.Code.Class() < 4 || bytes.IndexByte(proxy, ' ') >= 0 || l.mayBeCut() {
		l.notUnderstood(shapePostfixProxy)
		return
	}
	e.Repeat = l.session().Proxy.Logged
	l.emit(e)
}

// cutPostfixQuotes reads `COMMAND": "REPLY"`. The client may have written what
// stands between the quotes, so ok is false where the reply could begin at more
// than one place.
func cutPostfixQuotes(b []byte) (command, reply []byte, ok bool) {
	const between = `": "`
	start := 0
	if i := bytes.IndexByte(b, '<'); i >= 0 && i < bytes.Index(b, []byte(between)) {
		after, ok := skipAddress(b[i+1:])
		if !ok {
			return nil, nil, false
		}
		start = len(b) - len(after)
	}
	i := bytes.Index(b[start:], []byte(between))
	if i < 0 {
		return nil, nil, false
	}
	end := start + i
	reply, whole := bytes.CutSuffix(b[end+len(between):], []byte(`"`))
	return b[:end], reply, whole && !bytes.Contains(reply, []byte(between))
}

// postfixProxyAddress reads smtpd_proxy_filter: host:port, inet:host:port, unix:path.
func postfixProxyAddress(b []byte) (name, addr []byte) {
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
