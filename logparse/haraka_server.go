package logparse

import "bytes"

// A harakaSession is what is remembered of the session with a client.
type harakaSession struct {
	dialogue
	Connected bool     // its first line was read
	Client    [46]byte // address, as logged
	ClientLen uint8
	Rejected  uint32 // recipients of whose refusal for good a line told
	Refused   harakaRefusal
}

// A harakaRefusal is a refusal of which a line told without its code. The latest
// of a session is not counted yet, since the last line of the session may show
// it with its code.
type harakaRefusal struct {
	Held    bool
	Code    Code // 0 where the source leaves more than one
	Command Command
	Words   hash // of its text; 0 where the line does not show it
}

func (s *harakaSession) valid() bool {
	return int(s.ClientLen) <= len(s.Client) && s.dialogue.valid() && s.Refused.Command < numCommands
}

func (s *harakaSession) client() []byte { return s.Client[:s.ClientLen] }

// session returns what is remembered of the line's session.
func (l *haraka) session() *harakaSession {
	return l.sessions.put(l.key(l.uuid[:min(len(l.uuid), lenUUID)]))
}

// server reads the lines of connection.js and of the plugins' results there
// (plugins.js, log_run_item).
func (l *haraka) server() {
	if rest, ok := bytes.CutPrefix(l.text, []byte(tempFail)); ok { // of version 2
		l.tempFailed(rest)
		return
	}
	if string(l.uuid) == "-" {
		return
	}
	switch text := l.text; {
	case len(text) == 0:
		if hook := l.attribute("hook"); hook != nil {
			l.hook(hook, l.attribute("retval"))
		}
	case string(text) == "connect":
		s := l.session()
		*s = harakaSession{Connected: true}
		s.ClientLen = uint8(copy(s.Client[:], l.attribute("ip")))
	case string(text) == "disconnect":
		l.disconnect()
		return
	case string(text) == "queue":
		l.queue()
	case string(text) == "message", bytes.HasPrefix(text, []byte("sender <")), bytes.HasPrefix(text, []byte("recipient <")):
		code := l.attribute("code")
		if text[0] == 'r' && string(code) == "OK" {
			l.accepted()
		}
		l.hook(text, code)
	case bytes.HasPrefix(text, []byte("deny(soft?) overridden")):
		l.session().Refused = harakaRefusal{}
	}
}

// harakaHooks are the hooks whose refusal is a reply (connection.js, the
// functions whose names end in _respond): the codes of DENY and DENYSOFT where
// the plugin gives no code of its own, and the words where it gives none. Some
// have a line of the server's own, at the level NOTICE, and go by another name
// there; the others are told of at INFO.
var harakaHooks = []struct {
	hook             string
	command          Command
	deny, soft       Code // 0 is no refusal
	words, softWords string
	own              bool // has a line of the server's own
}{
	{"sender", Mail, 550, 450, "", "", true}, // "sender <...> denied"
	{"recipient", Rcpt, 550, 450, "", "", true},
	{"message", EndOfData, 550, 450, "Message denied", "Message denied temporarily", true},
	{"queue", EndOfData, 550, 450, "", "", true}, // always with words
	{"lookup_rdns", Connect, 554, 421, "rDNS Lookup Failed", "rDNS Temporary Failure", false},
	{"connect", Connect, 554, 421, "Your mail is not welcome here", "Come back later", false},
	{"helo", Ehlo, 550, 450, "HELO denied", "HELO denied", false},
	{"ehlo", Ehlo, 550, 450, "EHLO denied", "EHLO denied", false},
	{"vrfy", Vrfy, 550, 450, "Access Denied", "Lookup Failed", false},
	{"noop", OtherCommand, 500, 0, "Stop wasting my time", "", false},
	{"data", Data, 554, 451, "Message denied", "Message denied", false},
	{"unrecognized_command", OtherCommand, 500, 500, "Unrecognized command", "Unrecognized command", false},
	{"max_data_exceeded", EndOfData, 550, 450, "Message too big!", "Message too big!", false},
}

// hook reads the verdict of a hook, or the server's line on it.
func (l *haraka) hook(name, verdict []byte) {
	var soft, disconnect bool
	switch string(verdict) {
	case "DENY":
	case "DENYDISCONNECT":
		disconnect = true
	case "DENYSOFT":
		soft = true
	case "DENYSOFTDISCONNECT":
		soft, disconnect = true, true
	default:
		return
	}
	word, _, _ := bytes.Cut(name, []byte(" "))
	for i := range harakaHooks {
		h := &harakaHooks[i]
		if h.hook != string(word) || h.own != (len(l.text) > 0) {
			continue
		}
		r := harakaRefusal{Code: h.deny, Command: h.command}
		fallback := h.words
		if soft {
			r.Code, fallback = h.soft, h.softWords
		}
		words := l.attribute("msg")
		if words == nil {
			if words = l.attribute("msg.reply"); words == nil {
				return // cut
			}
		}
		switch h.hook {
		case "unrecognized_command":
			r.Command = commandOf(l.attribute("params"))
			if disconnect && soft {
				r.Code = 421
			} else if disconnect {
				r.Code = 521
			}
		case "recipient":
			if !soft {
				l.session().Rejected++
			}
		}
		if r.Code == 0 {
			return
		}
		// A list of lines; of the hooks without a line of the server's own it is
		// told as an object (plugins.js, sanitize).
		if l.inJSON && l.object.texts[harakaMsg] > 1 || bytes.HasPrefix(words, []byte(`{"0":"`)) {
			l.refuse(r, nil)
			return
		}
		// A plugin sets another code by an object, whose text begins with an
		// enhanced code (haraka-dsn).
		if _, n := ParseEnhanced(words); n > 0 {
			r.Code = 0
		}
		if len(words) == 0 {
			start := len(l.decoded)
			if l.decoded = append(l.decoded, fallback...); fallback == "" {
				l.decoded = append(append(l.decoded, name...), " denied"...)
			}
			words = l.decoded[start:]
		}
		r.Words = l.words(words)
		l.refuse(r, words)
		return
	}
}

// words returns the hash of a reply's text. Lines that a line of the log joins
// with line ends, or a list's with commas, the end of the session joins with
// blanks, without the empty ones (connection.js, respond).
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

// refuse holds a refusal and counts the one held until now, of whose text no
// more is known than that it was the same.
func (l *haraka) refuse(r harakaRefusal, words []byte) {
	s := l.session()
	if s.Logged {
		return // the dialogue tells it
	}
	if held := s.Refused; held.Held {
		e := Event{Kind: Refusal, Direction: Sent, Command: held.Command, Addr: s.client(), QueueID: l.uuid[:lenUUID]}
		if held.Words == r.Words {
			e.Text = words
		}
		if held.Code != 0 {
			e.Kind, e.Code, e.Implied = Reply, held.Code, true
		}
		l.emit(e)
	}
	r.Held = true
	s.Refused = r
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
		// No plugin took the message: the words are but the id. To be sent on by
		// the server itself, it would be "Message Queued (UUID.1)".
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
	s := l.session()
	defer l.sessions.remove(l.key(l.uuid[:lenUUID]))
	ip, rdns, rcpts := l.attribute("ip"), l.attribute("rdns"), l.attribute("rcpts")
	text := l.attribute("lr")
	if text == nil {
		l.notUnderstood(shapeHarakaDisconnect)
		return
	}
	switch string(rdns) {
	case "NXDOMAIN", "DNSERROR", "Unknown":
		rdns = nil
	}
	e := Event{
		Direction: Sent, Repeat: s.Logged, Authenticated: s.Authenticated,
		Remote: rdns, Addr: ip, QueueID: l.uuid, Text: text,
	}
	if len(text) > 0 {
		var ok bool
		if e.Code, e.Enhanced, ok = ParseReply(text); !ok || e.Code.Class() < 4 || len(text) < 4 {
			l.notUnderstood(shapeHarakaDisconnect)
			return
		}
		if r := &s.Refused; r.Held && (r.Words == l.words(text[4:]) || r.Words == 0 && (r.Code == e.Code || r.Code == 0 && e.Code == 535)) {
			e.Command = r.Command
			*r = harakaRefusal{}
		} else {
			e.Command = harakaCommand(text[4:])
		}
		l.emit(e)
	}
	e = Event{Kind: Refusal, Direction: Sent, Command: s.Refused.Command, Remote: rdns, Addr: ip, QueueID: l.uuid}
	if s.Refused.Held {
		// Another reply overtook it, or it is lr in other words: its code is no
		// longer certain.
		l.emit(e)
	}
	// A recipient for whom no plugin spoke is logged as if it were accepted.
	_, rejected, ok := cutHarakaCounts(rcpts)
	if bytes.HasPrefix(text, []byte("550 "+cannotDeliver)) {
		rejected--
	}
	if n := rejected - int(s.Rejected); ok && s.Connected && !s.Logged {
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

const cannotDeliver = "I cannot deliver mail for "

// harakaCommand returns the command that a refusal in Haraka's own words answers.
func harakaCommand(words []byte) Command {
	for i := range harakaWords {
		if bytes.HasPrefix(words, []byte(harakaWords[i].words)) {
			return harakaWords[i].command
		}
	}
	return NoCommand
}

// harakaWords are those of connection.js and auth_base.js that answer but one
// command.
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
	{cannotDeliver, Rcpt},
	{"MAIL required first", Data},
	{"RCPT required first", Data},
	{"No valid recipients", Data},
	{"Too many received headers", EndOfData},
	{"Bare line-feed", EndOfData},
	{"Transaction failed due to too many MIME parts", EndOfData},
	{"5.7.8 Authentication failed", Auth},
	{"Invalid AUTH string", Auth},
}
