package logparse

import "bytes"

// A harakaSession is what is remembered of the session with a client.
type harakaSession struct {
	dialogue
	Connected bool // its first line was read
	Client    address
	Rejected  uint32 // recipients that have a line of their permanent refusal
	Refused   harakaRefusal
}

// A harakaRefusal is a refusal that a line shows without its code. The latest of a
// session is not counted yet, since the last line of the session may show it with
// its code.
type harakaRefusal struct {
	Held    bool
	Code    Code // 0 if the source leaves more than one
	Command Command
	Words   hash // of its text; 0 if the line does not show it
}

func (s *harakaSession) valid() bool {
	return s.Client.valid() && s.dialogue.valid() && s.Refused.valid()
}

func (r *harakaRefusal) valid() bool { return r.Command < numCommands }

func (s *harakaSession) client() []byte { return s.Client.bytes() }

// session returns what is remembered of the line's session.
func (l *haraka) session() *harakaSession {
	return l.sessions.put(l.key(l.uuid[:min(len(l.uuid), lenHarakaUUID)]))
}

// server reads the lines of connection.js and of the plugins' results there
// (plugins.js, log_run_item).
func (l *haraka) server() {
	if rest, ok := bytes.CutPrefix(l.text, []byte(harakaTempFail)); ok { // of version 2
		l.tempFailed(rest)
		return
	}
	if string(l.uuid) == "-" {
		return
	}
	if !l.readRaw() {
		l.notRead()
		return
	}
	text := l.text
	switch {
	case len(text) == 0:
		if hook := l.attribute("hook"); hook != nil {
			l.hook(hook, l.attribute("retval"))
		}
	case string(text) == "connect":
		s := l.session()
		*s = harakaSession{Connected: true}
		s.Client.set(l.attribute("ip"))
	case string(text) == "disconnect":
		l.disconnect()
	case string(text) == "queue":
		l.queue()
	case string(text) == "message", bytes.HasPrefix(text, []byte("sender <")), bytes.HasPrefix(text, []byte("recipient <")):
		code := l.attribute("code")
		if text[0] == 'r' && string(code) == "OK" {
			l.accepted()
		}
		l.hook(text, code)
	case bytes.HasPrefix(text, []byte("deny(soft?) overrid")): // some versions go on with "en"
		l.session().Refused = harakaRefusal{}
	}
}

// words returns the hash of a reply's text. Its lines are joined with line ends, or a
// list's with commas; the end of the session joins them with blanks and leaves out
// the empty ones (connection.js, respond).
func (l *haraka) words(text []byte) hash {
	start := len(l.decoded)
	for _, c := range text {
		switch c {
		case ' ', ',', '\r', '\n':
			c = ' '
			if len(l.decoded) == start || l.decoded[len(l.decoded)-1] == c {
				continue
			}
		}
		l.decoded = append(l.decoded, c)
	}
	return l.seed.add(bytes.TrimSuffix(l.decoded[start:], []byte(" ")))
}

// refuse holds a refusal and counts the one held until now. That one's text is known
// only if the new one's is the same.
func (l *haraka) refuse(r harakaRefusal, words []byte) {
	s := l.session()
	if s.Logged {
		return // the dialogue shows it
	}
	if held := s.Refused; held.Held {
		e := held.event()
		e.Addr, e.QueueID = s.client(), l.uuid[:lenHarakaUUID]
		if held.Words == r.Words {
			e.Text = words
		}
		l.emit(e)
	}
	r.Held = true
	s.Refused = r
}

// event returns the event of a refusal whose code no line shows.
func (r *harakaRefusal) event() Event {
	e := Event{Kind: Refusal, Direction: Sent, Command: r.Command}
	if r.Code != 0 {
		e.Kind, e.Code, e.Implied = Reply, r.Code, true
	}
	return e
}

// forgotten counts the refusal held of a session that finds no room any more. It came
// once, however often the present line came.
func (l *haraka) forgotten(session hash, s *harakaSession) {
	if !s.Refused.Held {
		return
	}
	*l.counted.put(session) = s.Refused
	e := s.Refused.event()
	e.Addr, e.Count = l.copied(s.client()), 1
	l.events = append(l.events, e)
}

// copied returns a copy for an event of what is about to be forgotten.
func (l *haraka) copied(b []byte) []byte {
	start := len(l.decoded)
	l.decoded = append(l.decoded, b...)
	return l.decoded[start:len(l.decoded):len(l.decoded)]
}

// queue reads the end of a message's reception (queue_respond,
// queue_outbound_respond, queue_ok_respond):
//
//	queue code=OK msg="Message Queued (UUID.1)"
//	queue code=DENY msg="no room (UUID.1)"
//	queue code=CONT msg=" (UUID.1)"
func (l *haraka) queue() {
	code := l.attribute("code")
	if string(code) != "OK" {
		l.hook(l.text, code)
		// No plugin took the message: the words are only the id. They would be
		// "Message Queued (UUID.1)" if the server itself sent it on.
		if words := l.attribute("msg"); string(code) == "CONT" && bytes.HasPrefix(words, []byte(" (")) {
			l.refuse(harakaRefusal{Code: 451, Command: EndOfData, Words: l.words(words)}, words)
		}
		return
	}
	s := l.session()
	l.emit(Event{
		Direction: Sent, Code: 250, Command: EndOfData, Implied: true, Repeat: s.Logged,
		Addr: s.client(), Authenticated: s.Authenticated, QueueID: l.uuid,
	})
}

// disconnect reads the end of a session (disconnect_respond); lr is the last
// negative reply:
//
//	disconnect ip=192.0.2.7 rdns=mail.src.example helo=... relay=N ... rcpts=1/0/2 msgs=1/0/0 bytes=9 lr="550 no" time=0.1
func (l *haraka) disconnect() {
	session := l.key(l.uuid[:lenHarakaUUID])
	s := l.sessions.get(session)
	if s == nil {
		l.unknown = harakaSession{}
		s = &l.unknown // it needs no room any more
	}
	counted := l.counted.get(session)
	defer l.sessions.remove(session)
	defer l.counted.remove(session)
	rdns := l.attribute("rdns")
	text := l.attribute("lr")
	if text == nil {
		l.cutShort(s)
		return
	}
	switch string(rdns) {
	case "NXDOMAIN", "DNSERROR", "Unknown":
		rdns = nil
	}
	e := Event{
		Direction: Sent, Repeat: s.Logged, Authenticated: s.Authenticated,
		Remote: rdns, Addr: l.attribute("ip"), QueueID: l.uuid, Text: text,
	}
	if len(text) > 0 {
		var ok bool
		e.Code, e.Enhanced, ok = ParseReply(text)
		if !ok || e.Code.Class() < 4 || len(text) < 4 {
			l.cutShort(s)
			return
		}
		if r := &s.Refused; r.Held && l.isLastRefusal(r, e.Code, text[4:]) {
			e.Command = r.Command
			*r = harakaRefusal{}
		} else if counted != nil && l.isLastRefusal(counted, e.Code, text[4:]) {
			e.Command, e.Repeat = counted.Command, true
		} else {
			e.Command = harakaCommand(text[4:])
		}
		// The client's words follow.
		e.Said = untilWords(text, "Invalid MAIL FROM address ", "Invalid RCPT TO address ")
		l.emit(e)
	}
	l.refusedBefore(s, text, Event{Kind: Refusal, Direction: Sent, Remote: rdns, Addr: e.Addr, QueueID: l.uuid})
}

// cutShort counts the refusal held of a session whose last negative reply is not
// understood.
func (l *haraka) cutShort(s *harakaSession) {
	l.notUnderstood(shapeHarakaDisconnect)
	if s.Refused.Held {
		e := s.Refused.event()
		e.Addr, e.QueueID = l.copied(s.client()), l.uuid[:lenHarakaUUID]
		l.emit(e)
	}
}

// isLastRefusal reports whether the last negative reply of a session is the refusal
// that is held.
func (l *haraka) isLastRefusal(r *harakaRefusal, code Code, words []byte) bool {
	if r.Words == harakaObject {
		_, n := ParseEnhanced(words)
		return n > 0
	}
	if r.Words == l.words(words) {
		return true
	}
	return r.Words == 0 && (r.Code == code || r.Code == 0 && code == 535)
}

// refusedBefore adds the refusals of a session that its last negative reply is not.
func (l *haraka) refusedBefore(s *harakaSession, last []byte, e Event) {
	if s.Refused.Held {
		// Another reply overtook it, or it is the last one in other words: its code
		// is no longer certain.
		e.Command = s.Refused.Command
		l.emit(e)
	}
	// A recipient that no plugin has accepted is logged as if it were accepted.
	_, rejected, ok := cutHarakaCounts(l.attribute("rcpts"))
	if !ok || !s.Connected || s.Logged {
		return
	}
	if bytes.HasPrefix(last, []byte("550 "+harakaCannotDeliver)) {
		rejected--
	}
	if n := rejected - int(s.Rejected); n > 0 {
		e.Command = Rcpt
		l.emitTimes(n, e)
	}
}

// cutHarakaCounts reads the first and the last of three numbers: "2/0/1".
func cutHarakaCounts(b []byte) (first, last int, ok bool) {
	first, b = cutNumber(b)
	for range 2 {
		if len(b) == 0 || b[0] != '/' {
			return 0, 0, false
		}
		last, b = cutNumber(b[1:])
		ok = last >= 0
	}
	return first, last, ok && first >= 0 && len(b) == 0
}

const harakaCannotDeliver = "I cannot deliver mail for "

// harakaCommand returns the command that a refusal in Haraka's own words answers.
func harakaCommand(words []byte) Command {
	for i := range harakaWords {
		if bytes.HasPrefix(words, []byte(harakaWords[i].words)) {
			return harakaWords[i].command
		}
	}
	return NoCommand
}

// harakaWords are those of connection.js and auth_base.js that answer one command
// only.
var harakaWords = []struct {
	words   string
	command Command
}{
	{"EHLO requires domain/address", Ehlo},
	{"HELO requires domain/address", Ehlo},
	{"EHLO syntax error", Ehlo},
	{"HELO syntax error", Ehlo},
	{"Use EHLO/HELO before MAIL", Mail},
	{"Authentication required", Mail},
	{"Invalid MAIL FROM address ", Mail},
	{"Use MAIL before RCPT", Rcpt},
	{"Invalid RCPT TO address ", Rcpt},
	{harakaCannotDeliver, Rcpt},
	{"MAIL required first", Data},
	{"RCPT required first", Data},
	{"No valid recipients", Data},
	{"Too many received headers", EndOfData},
	{"Bare line-feed", EndOfData},
	{"Transaction failed due to too many MIME parts", EndOfData},
	{"5.7.8 Authentication failed", Auth},
	{"Invalid AUTH string", Auth},
}
