package logparse

import (
	"bytes"
	"slices"
)

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
	Logged bool
	Last   Code // the last reply's
	// Open is the code of the reply whose last line is still to come, and
	// Answers the command that it answers.
	Open    Code
	Answers Command
	Waiting commandQueue
	// Recipients are those accepted for the message: LMTP answers each of them
	// at end of data.
	Recipients uint16
	Peer       hash // of the server whose dialogue is logged, in the client's role
}

// A commandQueue holds the commands without a reply, of which pipelining
// (RFC 2920) sends many. What does not fit is forgotten.
type commandQueue struct {
	Commands [64]Command
	Head, N  uint8
}

func (t *transcript) valid() bool {
	q := &t.Waiting
	return t.Answers < numCommands && int(q.Head) < len(q.Commands) && int(q.N) <= len(q.Commands) &&
		!slices.ContainsFunc(q.Commands[:], func(c Command) bool { return c >= numCommands })
}

func (q *commandQueue) push(c Command) {
	if int(q.N) == len(q.Commands) {
		*q = commandQueue{}
	}
	q.Commands[(int(q.Head)+int(q.N))%len(q.Commands)] = c
	q.N++
}

func (q *commandQueue) peek() Command {
	if q.N == 0 {
		return NoCommand
	}
	return q.Commands[q.Head]
}

func (q *commandQueue) pop() {
	if q.N > 0 {
		q.Head = (q.Head + 1) % uint8(len(q.Commands))
		q.N--
	}
}

// command notes what was asked.
func (t *transcript) command(line []byte) {
	c := commandOf(line)
	if c == OtherCommand && t.Last == 334 {
		c = Auth // the answer to a challenge
	}
	if c == Mail {
		t.Recipients = 0
	}
	t.Waiting.push(c)
}

// reply reads one line of a reply and returns its event.
func (t *transcript) reply(text []byte, lmtp bool) (e Event, ok bool) {
	e = Event{Text: text}
	if e.Code, e.Enhanced, ok = ParseReply(text); !ok {
		return e, false
	}
	t.Logged = true
	more := len(text) > 3 && text[3] == '-'
	if t.Open == e.Code {
		e.Repeat, e.Command = true, t.Answers
	} else {
		e.Command = t.answered(e.Code)
		t.Answers = e.Command
	}
	e.Dialogue = e.Code.Class() < 4 && (e.Command != EndOfData || e.Code.Class() == 3)
	if more {
		t.Open = e.Code
		return e, true
	}
	t.Open, t.Last = 0, e.Code
	if e.Command == Rcpt && e.Code.Class() == 2 {
		t.Recipients++
	}
	if lmtp && e.Command == EndOfData && t.Recipients > 1 {
		t.Recipients--
		return e, true
	}
	t.Waiting.pop()
	return e, true
}

// answered returns the command that a reply of this code answers.
func (t *transcript) answered(code Code) Command {
	c := t.Waiting.peek()
	switch {
	case code == 220 && c != StartTLS && c != OtherCommand, c == Quit && code != 221:
		// A greeting: smtp(8) does not read the answer to QUIT.
		t.Waiting = commandQueue{}
		t.Last = 0
		return Connect
	case c != NoCommand:
		return c
	case t.Last == 354:
		return EndOfData
	case t.Last == 0:
		return Connect
	case code == 421 && t.Last.Class() > 3:
		return t.Answers // "too many errors", behind the reply to the last one
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
func (l *postfix) clientTranscript(message []byte) {
	name, addr, _, text, ok := cutPeer(message)
	if !ok || len(name) == 0 {
		return
	}
	s := l.session()
	if peer := l.seed.add(name).add(addr); s.Peer != peer {
		s.transcript = transcript{Peer: peer}
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
func (l *postfix) clientVerbose(message []byte) {
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
	if e, _, ok := postfixQuotedReply(text); ok && (e.Command == Connect || e.Command == Auth) {
		e.Repeat = true
		l.emit(e)
	}
}

// shownByTranscript tells whether the dialogue with a server is logged.
func (l *postfix) shownByTranscript(name, addr []byte) bool {
	s := l.session()
	return s.Logged && s.Peer == l.seed.add(name).add(addr)
}

// shown tells whether the dialogue with the client is logged.
func (s *postfixSession) shown() bool { return s.Logged }

// announce tells, of a line that implies a reply, whether the dialogue will
// show that reply. Where the greeting would be the first of it one cannot know:
// then the line counts, and the transcript repeats it.
func (s *postfixSession) announce() bool {
	s.Announced = !s.Logged
	return s.Logged
}

// serverTranscript reads the dialogue of smtpd(8) with its client, and with a
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
				s.Proxy.Waiting = commandQueue{}
			}
			s.Proxy.command(text)
		} else if e, ok := s.Proxy.reply(text, false); ok {
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
	e, ok := s.reply(text, false)
	if !ok {
		return
	}
	s.Authenticated = s.Authenticated || e.Code == 235
	e.Direction, e.Remote, e.Addr, e.Authenticated = Sent, name, addr, s.Authenticated
	e.Repeat = e.Repeat || s.Announced
	if s.Open == 0 {
		s.Announced = false
	}
	l.emit(e)
}

// postscreenTranscript reads the dialogue of postscreen(8). It logs a reply of
// several lines as one, with "??" for the line ends, but for the first line of
// the greeting ("220-"), after which it waits.
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
	e, ok := s.reply(text, false)
	if !ok {
		return
	}
	if s.Open != 220 && s.Open != 0 {
		s.Open, s.Last = 0, e.Code
		s.Waiting.pop()
	}
	e.Direction, e.Addr = Sent, addr
	e.Repeat = e.Repeat || s.Announced
	s.Announced = false
	l.emit(e)
}
