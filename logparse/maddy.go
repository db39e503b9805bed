package logparse

import "bytes"

// maddy logs to its standard error, with or without times, to a file, or to
// syslog. What is known here was read in the source of maddy 0.8.1 and of the
// go-smtp that it is built with; the files named in comments are there.
//
// The log shows no positive replies but by their words, neither the commands
// that go-smtp refuses itself nor an endpoint's further refusals of recipients
// after max_logged_rcpt_errors, and no code where an error has none. A reply 552
// 5.x.y of another server is a 452 4.x.y here (4.0.0 if it had no enhanced code),
// since maddy rewrites it before it logs it (smtpconn.wrapClientErr); the line
// that says so names the message that opened the connection, not the one that was
// refused. With io_debug, clients write into the log.
//
// Repeats: "queue: delivery attempt failed" of a domain none of whose hosts could
// be used, after "remote: cannot use MX" has shown the reply; and that of a
// further recipient with the same message, attempt, server and words where the
// error has no "target", which it lacks in answer to MAIL, DATA and the end of
// data, not to RCPT (remote.AddRcpt). MAIL is answered anew for each recipient
// then, which the log can't tell from the others. "queue: delivered" repeats that
// of another recipient in the same domain, message and attempt, since a domain
// has one connection. Through target.smtp a message has one for all domains, and
// a refused connection is logged like a RCPT to each recipient: the log does not
// name the target of a delivery, and each is counted.
//
// Implied codes:
//
//	smtp: RCPT ok                     250        go-smtp, conn.handleRcpt
//	smtp: accepted                    250        go-smtp, conn.dataErrorToStatus
//	smtp: ... error, by a deadline    451 4.4.5  endpoint/smtp, wrapErr
//	smtp: DATA error, by size         554 5.0.0  wrapErr does not find the wrapped 552
//	smtp/sasl: authentication failed  454 4.7.0  auth.CreateSASL; go-smtp, conn.handleAuth
//	queue: delivered                  250        go-smtp, dataCloser.Close takes no other

const shapeMaddyFields = "event_fields" // an error's JSON is not whole

var maddyMTA = mtaSpec{
	name:        "maddy",
	program:     maddyProgram,
	ownsProgram: func(program []byte) bool { return string(program) == "maddy" },
	formHasTag:  true, // MODULE: WORDS
	ownsForm:    ownsMaddy,
	shapes:      []string{shapeMaddyFields},
	new:         newMaddy,
}

var maddyProgram = []byte("maddy")

// The members of maddy's events that are read.
const (
	maddyMsgID = iota
	maddyRcpt
	maddyReason
	maddyServer
	maddyCode
	maddyEnhanced
	maddyMessage
	maddyDomain
	maddyTarget
	maddyAttempt
	maddySource
	maddyUser
)

// maddy is a line of maddy, and what is remembered between its lines.
type maddy struct {
	*line
	fields   jsonObject
	module   []byte
	text     []byte // of the line's replies
	messages table[maddyMail]
	told     table[maddyReply] // by message, attempt and what was told
}

func newMaddy(l *line) grammar {
	return &maddy{
		line: l,
		fields: newJSONObject("msg_id", "rcpt", "reason", "remote_server", "smtp_code", "smtp_enchcode",
			"smtp_msg", "domain", "target", "attempt", "src_ip", "username"),
		messages: newTable[maddyMail](8192),
		told:     newTable[maddyReply](8192),
	}
}

func (l *maddy) tables() []remembered { return []remembered{&l.messages, &l.told} }

// A maddyMail is a message. Its fields are exported for encoding/binary.
type maddyMail struct {
	Client        [46]byte // address, as logged
	ClientLen     uint8
	Authenticated bool
	Recipients    uint32 // accepted from the client
	Attempt       uint32 // how often the queue has put it off
}

func (m *maddyMail) valid() bool { return int(m.ClientLen) <= len(m.Client) }

// A maddyReply is what a further line about a reply has to know of it.
type maddyReply struct {
	Class           uint8
	Subject, Detail uint16
}

func (r *maddyReply) valid() bool {
	e := EnhancedCode(*r)
	return e == EnhancedCode{} || (e.Class == 2 || e.Class == 4 || e.Class == 5) && e.Subject < 1000 && e.Detail < 1000
}

// ownsMaddy tells whether a line without a tag of syslog is maddy's, as
// framework/log writes it:
//
//	[2026-11-23T14:36:07.215Z ][[debug] ]MODULE: WORDS<TAB>[{"name":"value",...}]
//
// After a time, the envelope takes the module for a program, and [debug] for a host.
func ownsMaddy(env *Envelope) bool {
	if env.PID != nil || env.Host != nil && string(env.Host) != "[debug]" {
		return false
	}
	m := env.Message
	if env.Program == nil {
		var ok bool
		if _, m, ok = cutMaddyModule(bytes.TrimPrefix(m, []byte("[debug] "))); !ok {
			return false
		}
	} else if !isMaddyModule(env.Program) {
		return false
	}
	_, fields, ok := cutTab(m)
	return ok && (len(fields) == 0 || bytes.HasPrefix(fields, []byte(`{"`)) && bytes.HasSuffix(fields, []byte("}")))
}

// cutMaddyModule reads "MODULE: ".
func cutMaddyModule(b []byte) (module, rest []byte, ok bool) {
	i := bytes.IndexByte(b, ':')
	if i < 0 || i+1 >= len(b) || b[i+1] != ' ' || !isMaddyModule(b[:i]) {
		return nil, b, false
	}
	return b[:i], b[i+2:], true
}

// isMaddyModule tells whether b can name a module: "smtp", "smtp/pipeline", "target.smtp".
func isMaddyModule(b []byte) bool {
	for _, c := range b {
		if (c < 'a' || c > 'z') && !isDigit(c) && c != '_' && c != '.' && c != '/' {
			return false
		}
	}
	return len(b) > 0
}

// cutTab cuts at the first tab, or at what rsyslog writes for one.
func cutTab(b []byte) (before, after []byte, ok bool) {
	if i := bytes.IndexByte(b, '\t'); i >= 0 {
		return b[:i], b[i+1:], true
	}
	return bytes.Cut(b, []byte("#011"))
}

func (l *maddy) parse() {
	m := l.message
	debug := false
	if string(l.env.Program) == "maddy" || l.env.PID != nil {
		if _, rest, ok := cutRFC3339(m); ok {
			m = bytes.TrimPrefix(rest, []byte(" "))
		}
		l.module = nil
	} else {
		debug = l.env.Host != nil
		l.module = l.env.Program
		l.program, l.env.Host = maddyProgram, nil
	}
	if l.module == nil {
		m, debug = bytes.CutPrefix(m, []byte("[debug] "))
		var ok bool
		if l.module, m, ok = cutMaddyModule(m); !ok {
			return
		}
	}
	words, fields, _ := cutTab(m)
	read := l.reader(words, debug)
	if read == nil {
		return
	}
	if !l.fields.parse(bytes.TrimRight(fields, " ")) {
		l.notUnderstood(shapeMaddyFields)
		return
	}
	l.text = l.text[:0]
	read(l)
}

// reader returns what reads the fields of an event; nil where it tells nothing.
func (l *maddy) reader(words []byte, debug bool) func(*maddy) {
	switch string(l.module) {
	case "smtp", "submission", "lmtp":
		if debug { // may be a client's own words (io_debug)
			return nil
		}
		switch string(words) {
		case "incoming message":
			return (*maddy).incoming
		case "RCPT ok":
			return (*maddy).recipient
		case "accepted":
			return (*maddy).accepted
		case "MAIL FROM error":
			return (*maddy).refusedMail
		case "RCPT error", "MAIL FROM error (deferred)":
			return (*maddy).refusedRcpt
		case "DATA error":
			return (*maddy).refusedData
		case "authentication failed": // until 0.5, by 454 or 535
			return (*maddy).refusedLogin
		}
	case "smtp/sasl", "submission/sasl", "lmtp/sasl":
		if string(words) == "authentication failed" {
			return (*maddy).refusedSASL
		}
	case "remote", "target.smtp", "target.lmtp", "smtp_downstream", "lmtp_downstream":
		switch string(words) {
		case "cannot use MX":
			return (*maddy).unusable
		case "TLS error, trying plaintext":
			return (*maddy).refusedTLS
		case "QUIT error":
			return (*maddy).refusedQuit
		}
	case "queue":
		switch string(words) {
		case "delivery attempt failed":
			return (*maddy).failed
		case "delivered":
			return (*maddy).delivered
		case "will retry":
			return (*maddy).putOff
		}
	}
	return nil
}

func (l *maddy) field(i int) []byte { return l.fields.values[i] }

// messageID returns the id that a message was accepted with; the queue appends
// one more part for each attempt.
func (l *maddy) messageID() []byte {
	id, _, _ := bytes.Cut(l.field(maddyMsgID), []byte("-"))
	return id
}

// mail returns what is remembered of the line's message.
func (l *maddy) mail() *maddyMail {
	return l.messages.put(l.seed.add(l.env.Host).add(l.messageID()))
}

// enhanced returns the enhanced code of an event; none for 0.0.0.
func (l *maddy) enhanced() EnhancedCode {
	text := l.field(maddyEnhanced)
	if e, n := ParseEnhanced(text); n > 0 && n == len(text) {
		return e
	}
	return EnhancedCode{}
}

// setText gives the event its text, put together as it stood on the wire but in
// one line.
func (l *maddy) setText(e *Event, words []byte) {
	start := len(l.text)
	l.text = append(l.text, byte('0'+e.Code/100), byte('0'+e.Code/10%10), byte('0'+e.Code%10))
	if e.Enhanced.Class != 0 {
		l.text = e.Enhanced.Append(append(l.text, ' '))
	}
	if len(words) > 0 {
		l.text = append(l.text, ' ')
	}
	for _, c := range words {
		if c == '\n' {
			c = ' '
		}
		l.text = append(l.text, c)
	}
	e.Text = l.text[start:]
}
