package logparse

import "bytes"

// With -v in master.cf or a match in debug_peer_list, Postfix logs the whole
// dialogue (smtp_chat.c, smtpd_chat.c, smtpd_proxy.c, postscreen_send.c). The reply
// counts there, and other lines that show it repeat it.
//
//	smtp[1]: > mx.example[192.0.2.1]:25: RCPT TO:<a@example.org>
//	smtp[1]: < mx.example[192.0.2.1]:25: 250 2.1.5 Ok
//	smtpd[2]: < client.example[192.0.2.9]: DATA
//	smtpd[2]: > client.example[192.0.2.9]: 354 End data with <CR><LF>.<CR><LF>
//	smtpd[2]: < 127.0.0.1:10026: 250 ok                    a before-queue filter's
//	postscreen[3]: > [192.0.2.9]:4711: 220-mx.example ESMTP

// reply reads a line of a reply in a dialogue. One process serves several peers in
// turn.
func (l *postfix) reply(d *dialogue, text []byte, more bool) (e Event, ok bool) {
	d.greeted(text)
	last, answered := d.Last, d.Answered
	e, ok = d.reply(text, more)
	if e.Code == 421 && e.Command == NoCommand && last.Class() > 3 {
		e.Command = answered // "too many errors", after the reply to the last command
	}
	return e, ok
}

// cutPeer reads "< NAME[ADDR]:PORT: TEXT" or "> ..." and returns its parts. port
// includes the colon.
func cutPeer(message []byte) (name, addr, port, text []byte, ok bool) {
	name, addr, rest, ok := cutHost(message[2:])
	if !ok {
		return nil, nil, nil, nil, false
	}
	after := cutPort(rest)
	text, ok = bytes.CutPrefix(after, []byte(": "))
	return name, addr, rest[:len(rest)-len(after)], text, ok
}

// clientTranscript reads the dialogue of smtp(8) and lmtp(8) with a server.
func (l *postfix) clientTranscript(message []byte) {
	name, addr, _, text, ok := cutPeer(message)
	if !ok || len(name) == 0 {
		return
	}
	s := l.session()
	if peer := l.seed.add(name).add(addr); s.Peer != peer {
		s.dialogue, s.Peer = dialogue{}, peer
	}
	s.LMTP = l.service == "lmtp"
	if message[0] == '>' {
		s.command(text)
		return
	}
	if e, ok := l.reply(&s.dialogue, text, isFirstOfMany(text)); ok {
		e.Direction, e.Remote, e.Addr = Received, name, addr
		l.emit(e)
	}
}

// clientVerbose reads other lines that smtp(8) logs under -v. If a server refused
// the whole session, smtp(8) logs the reply again when it reports the end of the
// delivery to the queue manager (deliver_request.c). An attempt to connect begins a
// dialogue.
func (l *postfix) clientVerbose(message []byte) {
	if bytes.HasPrefix(message, []byte("smtp_connect_addr: trying: ")) {
		l.session().dialogue = dialogue{}
		return
	}
	text, ok := bytes.CutPrefix(message, []byte("send attr reason = "))
	if !ok {
		if text, ok = bytes.CutPrefix(message, []byte(`deliver_request_final: send: "`)); !ok {
			return
		}
		text = bytes.TrimSuffix(text, []byte(`" -1`))
	}
	if e, _, ok := postfixQuotedReply(text, false); ok && (e.Command == Connect || e.Command == Auth) {
		e.Repeat = true
		l.emit(e)
	}
}

// shownByTranscript reports whether the log shows the dialogue with a server.
func (l *postfix) shownByTranscript(name, addr []byte) bool {
	s := l.session()
	return s.Logged && s.Peer == l.seed.add(name).add(addr)
}

// shown reports whether the log shows the dialogue with the client.
func (s *postfixSession) shown() bool { return s.Logged }

// announce is called for a line that implies a reply. It reports whether the
// dialogue will show that reply. It cannot know this if the reply would be the
// first of the dialogue, a greeting: then the line counts, and the transcript
// repeats it.
func (s *postfixSession) announce() bool {
	s.Announced = !s.Logged
	return s.Logged
}

// serverTranscript reads the dialogue of smtpd(8) with its client, and that with a
// before-queue filter, in which smtpd is the client.
func (l *postfix) serverTranscript(message []byte) {
	s := l.session()
	name, addr, _, text, ok := cutPeer(message)
	if !ok || len(name) == 0 {
		// > 127.0.0.1:10026: EHLO mx.example
		proxy, text, ok := bytes.Cut(message[2:], []byte(": "))
		if !ok || bytes.IndexByte(proxy, ' ') >= 0 {
			return
		}
		if message[0] == '>' {
			if commandOf(text) == Ehlo {
				s.Proxy.Waiting = commandRuns{}
			}
			s.Proxy.command(text)
		} else if e, ok := l.reply(&s.Proxy, text, isFirstOfMany(text)); ok {
			e.Direction = Received
			e.Remote, e.Addr = postfixProxyAddress(proxy)
			l.emit(e)
		}
		return
	}
	if message[0] == '<' {
		s.command(text)
		return
	}
	e, ok := l.reply(&s.dialogue, text, isFirstOfMany(text))
	if !ok {
		return
	}
	if e.Code.Class() > 3 {
		e.Said = beforeOddAddress(e.Text)
	}
	e.Direction, e.Remote, e.Addr, e.Authenticated = Sent, name, addr, s.Authenticated
	e.Repeat = e.Repeat || s.Announced
	if s.Open == 0 {
		s.Announced = false
	}
	l.emit(e)
}

// postscreenTranscript reads the dialogue of postscreen(8). postscreen logs a reply
// of several lines as one line, with "??" for the line ends. It logs the first line
// of the greeting ("220-") alone, since it waits after that line.
func (l *postfix) postscreenTranscript(message []byte) {
	_, addr, port, text, ok := cutPeer(message)
	if !ok {
		return
	}
	s := l.screened(addr, port)
	if message[0] == '<' {
		s.command(text)
		return
	}
	e, ok := l.reply(&s.dialogue, text, bytes.HasPrefix(text, []byte("220-")))
	if !ok {
		return
	}
	e.Direction, e.Addr = Sent, addr
	e.Repeat = e.Repeat || s.Announced
	s.Announced = false
	l.emit(e)
}
