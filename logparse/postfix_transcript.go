package logparse

import "bytes"

// With -v in master.cf or a match in debug_peer_list, Postfix logs the whole
// dialogue (smtp_chat.c, smtpd_chat.c, smtpd_proxy.c, postscreen_send.c). Each
// reply of it is counted from there, and what other lines tell of it repeats it.
//
//	smtp[1]: > mx.example[192.0.2.1]:25: RCPT TO:<a@example.org>
//	smtp[1]: < mx.example[192.0.2.1]:25: 250 2.1.5 Ok
//	smtpd[2]: < client.example[192.0.2.9]: DATA
//	smtpd[2]: > client.example[192.0.2.9]: 354 End data with <CR><LF>.<CR><LF>
//	smtpd[2]: < 127.0.0.1:10026: 250 ok                    a before-queue filter's
//	postscreen[3]: > [192.0.2.9]:4711: 220-mx.example ESMTP

// A transcript is what is remembered of one side's dialogue.
type transcript struct {
	logged bool
	last   Code // the last reply's
	// open is the code of the reply whose last line is still to come, and
	// answers the command that it answers.
	open    Code
	answers Command
	waiting commandQueue
	// recipients are those accepted for the message: LMTP answers each of them
	// at end of data.
	recipients uint16
	peer       hash // of the server whose dialogue is logged, in the client's role
}

// A commandQueue holds the commands without a reply, of which pipelining
// (RFC 2920) sends many. What does not fit is forgotten.
type commandQueue struct {
	commands [64]Command
	head, n  uint8
}

func (q *commandQueue) push(c Command) {
	if int(q.n) == len(q.commands) {
		*q = commandQueue{}
	}
	q.commands[(int(q.head)+int(q.n))%len(q.commands)] = c
	q.n++
}

func (q *commandQueue) peek() Command {
	if q.n == 0 {
		return NoCommand
	}
	return q.commands[q.head]
}

func (q *commandQueue) pop() {
	if q.n > 0 {
		q.head = (q.head + 1) % uint8(len(q.commands))
		q.n--
	}
}

// command notes what was asked.
func (t *transcript) command(line []byte) {
	c := commandOf(line)
	if c == OtherCommand && t.last == 334 {
		c = Auth // the answer to a challenge
	}
	if c == Mail {
		t.recipients = 0
	}
	t.waiting.push(c)
}

// reply reads one line of a reply and returns its event.
func (t *transcript) reply(text []byte, lmtp bool) (e Event, ok bool) {
	e = Event{Count: 1, Text: text}
	if e.Code, e.Enhanced, ok = ParseReply(text); !ok {
		return e, false
	}
	t.logged = true
	more := len(text) > 3 && text[3] == '-'
	if t.open == e.Code {
		e.Repeat, e.Command = true, t.answers
	} else {
		e.Command = t.answered(e.Code)
		t.answers = e.Command
	}
	e.Dialogue = e.Code.Class() < 4 && (e.Command != EndOfData || e.Code.Class() == 3)
	if more {
		t.open = e.Code
		return e, true
	}
	t.open, t.last = 0, e.Code
	if e.Command == Rcpt && e.Code.Class() == 2 {
		t.recipients++
	}
	if lmtp && e.Command == EndOfData && t.recipients > 1 {
		t.recipients--
		return e, true
	}
	t.waiting.pop()
	return e, true
}

// answered returns the command that a reply of this code answers.
func (t *transcript) answered(code Code) Command {
	c := t.waiting.peek()
	switch {
	case code == 220 && c != StartTLS && c != OtherCommand, c == Quit && code != 221:
		// A greeting: smtp(8) does not read the answer to QUIT.
		t.waiting = commandQueue{}
		t.last = 0
		return Connect
	case c != NoCommand:
		return c
	case t.last == 354:
		return EndOfData
	case t.last == 0:
		return Connect
	}
	return NoCommand
}

// cutPeer reads "< NAME[ADDR]:PORT: " and "> ..." and returns what was said.
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
func (l *postfixLine) clientTranscript(message []byte) {
	name, addr, _, text, ok := cutPeer(message)
	if !ok || len(name) == 0 {
		return
	}
	s := l.session()
	if peer := hashSeed.add(name).add(addr); s.peer != peer {
		s.transcript = transcript{peer: peer}
	}
	if message[0] == '>' {
		s.command(text)
		return
	}
	if e, ok := s.reply(text, l.service == "lmtp"); ok {
		e.Direction, e.Remote, e.Addr = Received, name, addr
		l.emit(e)
	}
}

// clientVerbose reads what smtp(8) logs under -v of a whole session that a
// server refused: the reply again, where it reports the end of the delivery to
// the queue manager (deliver_request.c). Attempts to connect begin a dialogue.
func (l *postfixLine) clientVerbose(message []byte) {
	if bytes.HasPrefix(message, []byte("smtp_connect_addr: trying: ")) {
		l.session().transcript = transcript{}
		return
	}
	text, ok := bytes.CutPrefix(message, []byte("send attr reason = "))
	if !ok {
		if text, ok = bytes.CutPrefix(message, []byte(`deliver_request_final: send: "`)); !ok {
			return
		}
		text = bytes.TrimSuffix(text, []byte(`" -1`))
	}
	if e, _, ok := quotedReply(text); ok && (e.Command == Connect || e.Command == Auth) {
		e.Count, e.Repeat = 1, true
		l.emit(e)
	}
}

// shownByTranscript tells whether the dialogue with a server is logged.
func (l *postfixLine) shownByTranscript(name, addr []byte) bool {
	s := l.session()
	return s.logged && s.peer == hashSeed.add(name).add(addr)
}

// shown tells whether the dialogue with the client is logged.
func (s *session) shown() bool { return s.logged }

// shownNext tells, of a line that implies a reply, whether the dialogue will
// show that reply. Where the greeting would be the first of it one cannot know:
// then the line counts, and the transcript repeats it.
func (s *session) shownNext() bool {
	s.told = !s.logged
	return s.logged
}

// serverTranscript reads the dialogue of smtpd(8) with its client, and with a
// before-queue filter, in which smtpd is the client.
func (l *postfixLine) serverTranscript(message []byte) {
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
				s.proxy.waiting = commandQueue{}
			}
			s.proxy.command(text)
		} else if e, ok := s.proxy.reply(text, false); ok {
			e.Direction = Received
			e.Remote, e.Addr = proxyAddress(proxy)
			l.emit(e)
		}
		return
	}
	if message[0] == '<' {
		s.command(text)
		return
	}
	e, ok := s.reply(text, false)
	if !ok {
		return
	}
	s.authenticated = s.authenticated || e.Code == 235
	e.Direction, e.Remote, e.Addr, e.Authenticated = Sent, name, addr, s.authenticated
	e.Repeat = e.Repeat || s.told
	if s.open == 0 {
		s.told = false
	}
	l.emit(e)
}

// postscreenTranscript reads the dialogue of postscreen(8). It logs a reply of
// several lines as one, with "??" for the line ends, but for the first line of
// the greeting ("220-"), after which it waits.
func (l *postfixLine) postscreenTranscript(message []byte) {
	_, addr, port, text, ok := cutPeer(message)
	if !ok {
		return
	}
	s := l.screened(addr, port)
	if message[0] == '<' {
		s.command(text)
		return
	}
	e, ok := s.reply(text, false)
	if !ok {
		return
	}
	if s.open != 220 && s.open != 0 {
		s.open, s.last = 0, e.Code
		s.waiting.pop()
	}
	e.Direction, e.Addr = Sent, addr
	e.Repeat = e.Repeat || s.told
	s.told = false
	l.emit(e)
}
