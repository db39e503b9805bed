package logparse

import "bytes"

// maddy logs to its standard error, with or without times, to a file, or to
// syslog. What is known here was read in the source of maddy 0.1.0 to 0.9.4 and of the
// go-smtp that each is built with; the files named in comments are there.
//
// What the queue, the targets, the checks and the pipeline say about a message begins
// with their module, "queue: " and "remote: ", until 0.9.3. In 0.9.4 their logger has
// no name, and the line begins with the words (internal/target/delivery.go,
// DeliveryLogger). Other loggers have the module's whole name there, "target.queue: ",
// which these would have, too.
//
// The log shows no positive reply but by its words, no command that go-smtp refuses
// itself, no further refusals of recipients after an endpoint's
// max_logged_rcpt_errors, and no code if an error has none. A reply 552 5.x.y of
// another server is a 452 4.x.y here (4.0.0 if it had no enhanced code), since maddy
// rewrites it before it logs it (smtpconn.wrapClientErr); the line that says so names
// the message that opened the connection, not the one that was refused. Until 0.7.0,
// the refusal of STARTTLS has no code. With io_debug, clients write into the log.
//
// Three kinds of lines repeat a reply:
//
//   - "delivery attempt failed" of a domain none of whose hosts could be used:
//     "cannot use MX" has shown the reply.
//   - "delivery attempt failed" of a further recipient with the same message,
//     attempt, server and words, if the error has no "target". It lacks one in answer
//     to MAIL, DATA and the end of data, not to RCPT (remote.AddRcpt). MAIL is
//     answered anew for each recipient then, which looks the same in the log.
//   - "delivered" of a further recipient in the same domain, message and
//     attempt, since a domain has one connection. Through target.smtp a message has
//     one for all domains, and a refused connection is logged like a RCPT to each
//     recipient: the log does not name the target of a delivery, and each is counted.
//
// Implied codes:
//
//	smtp: RCPT ok                     250        go-smtp, conn.handleRcpt
//	smtp: accepted                    250        go-smtp, conn.dataErrorToStatus
//	smtp: ... error, by a deadline    451 4.4.5  endpoint/smtp, wrapErr
//	smtp: DATA error, by size         554 5.0.0  wrapErr does not find the wrapped 552
//	smtp/sasl: authentication failed  454 4.7.0  auth.CreateSASL; go-smtp, conn.handleAuth
//	delivered                         250        go-smtp, dataCloser.Close takes no other

const shapeMaddyFields = "event_fields" // an error's JSON is not whole

var maddyMTA = mtaSpec{
	name:       "maddy",
	program:    maddyProgram,
	programs:   []string{"maddy"},
	formHasTag: true, // [MODULE: ]WORDS
	ownsForm:   maddyOwnsForm,
	shapes:     []string{shapeMaddyFields},
	new:        newMaddy,
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
	module   []byte // nil for a logger without a name
	text     []byte // of the line's replies
	messages table[maddyMail]
	shown    table[maddyReply] // the replies that further lines may repeat
	codes    table[maddyShown] // theirs, by the same keys, where no further line has it
}

func newMaddy(l *line) grammar {
	return &maddy{
		line: l,
		fields: newJSONObject("msg_id", "rcpt", "reason", "remote_server", "smtp_code", "smtp_enchcode",
			"smtp_msg", "domain", "target", "attempt", "src_ip", "username"),
		messages: newTable[maddyMail](8192),
		shown:    newTable[maddyReply](8192),
		codes:    newTable[maddyShown](1024),
	}
}

func (l *maddy) tables() []remembered { return []remembered{&l.messages, &l.shown, &l.codes} }

// A maddyMail is a message. Its fields are exported for encoding/binary.
type maddyMail struct {
	Client        address
	Authenticated bool
	Recipients    uint32 // accepted from the client
	Attempt       uint32 // how often the queue has put it off
}

func (m *maddyMail) valid() bool { return m.Client.valid() }

// A maddyReply is the enhanced code of a reply that further lines may repeat.
type maddyReply struct {
	Class           uint8
	Subject, Detail uint16
}

func (r *maddyReply) valid() bool {
	e := EnhancedCode(*r)
	return e == EnhancedCode{} || (e.Class == 2 || e.Class == 4 || e.Class == 5) && e.Subject < 1000 && e.Detail < 1000
}

// A maddyShown is the code of a reply that further lines repeat without it.
type maddyShown struct{ Code Code }

func (c *maddyShown) valid() bool { return c.Code == 0 || c.Code >= 200 && c.Code < 600 }

// maddyOwnsForm reports whether a line without a tag of syslog is maddy's, as
// framework/log writes it:
//
//	[2026-11-23T14:36:07.215Z ][[debug] ][MODULE: ]WORDS<TAB>[{"name":"value",...}]
//
// After a time, the envelope takes the module for a program, and [debug] for a host.
func maddyOwnsForm(env *Envelope) bool {
	if env.PID != nil || env.Host != nil && string(env.Host) != "[debug]" {
		return false
	}
	m := env.Message
	named := isMaddyModule(env.Program)
	if env.Program == nil {
		var debug bool
		m, debug = bytes.CutPrefix(m, []byte("[debug] "))
		_, m, named = cutMaddyModule(m)
		named = named || debug
	}
	words, fields, ok := cutMaddyWords(m)
	return ok && (named || env.Program == nil && isMaddyWords(words)) &&
		(len(fields) == 0 || bytes.HasPrefix(fields, []byte(`{"`)) && bytes.HasSuffix(fields, []byte("}")))
}

// cutMaddyModule reads "MODULE: ".
func cutMaddyModule(b []byte) (module, rest []byte, ok bool) {
	i := bytes.IndexByte(b, ':')
	if i < 0 || i+1 >= len(b) || b[i+1] != ' ' || !isMaddyModule(b[:i]) {
		return nil, b, false
	}
	return b[:i], b[i+2:], true
}

// isMaddyModule reports whether b can name a module: "smtp", "smtp/pipeline", "target.smtp".
func isMaddyModule(b []byte) bool {
	for _, c := range b {
		if (c < 'a' || c > 'z') && !isDigit(c) && c != '_' && c != '.' && c != '/' {
			return false
		}
	}
	return len(b) > 0
}

// isMaddyWords reports whether maddy 0.9.4 writes these words without a module, for
// each delivery or start.
func isMaddyWords(words []byte) bool {
	switch string(words) {
	case "delivery attempt failed", "delivered", "will retry", "not delivered, permanent error", "generated failed DSN",
		"cannot use MX", "TLS error, trying plaintext", "TLS verify error, trying without authentication",
		"SMTP code 552 rewritten to 452 per RFC 5321 Section 4.5.3.1.10", "reusing cached connection", "QUIT error",
		"client connection close failed", "quarantined", "no check action", "configuration loaded", "server started":
		return true
	}
	return false
}

// cutMaddyWords cuts at the first tab, or at what rsyslog writes for one.
func cutMaddyWords(b []byte) (words, fields []byte, ok bool) {
	if i := bytes.IndexByte(b, '\t'); i >= 0 {
		return b[:i], b[i+1:], true
	}
	return bytes.Cut(b, []byte("#011"))
}

func (l *maddy) parse() {
	words, fields, debug := l.header()
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

// header reads the module and returns what follows it.
func (l *maddy) header() (words, fields []byte, debug bool) {
	m := l.message
	if string(l.env.Program) == "maddy" || l.env.PID != nil {
		if _, rest, ok := cutRFC3339(m); ok {
			m = bytes.TrimPrefix(rest, []byte(" "))
		}
		l.module = nil
	} else {
		debug = l.env.Host != nil
		l.module = l.env.Program
		l.program = maddyProgram
		l.env.Host = nil
	}
	if l.module == nil {
		m, debug = bytes.CutPrefix(m, []byte("[debug] "))
		l.module, m, _ = cutMaddyModule(m)
	}
	words, fields, _ = cutMaddyWords(m)
	return words, fields, debug
}

// reader returns what reads the fields of an event; nil for an event that shows no
// reply.
func (l *maddy) reader(words []byte, debug bool) func(*maddy) {
	switch string(l.module) {
	case "smtp", "submission", "lmtp":
		if debug { // may be a client's own words (io_debug)
			return nil
		}
		return maddyServerReader(words)
	case "smtp/sasl", "submission/sasl", "lmtp/sasl":
		if string(words) == "authentication failed" {
			return (*maddy).refusedSASL
		}
	case "remote", "target.remote", "target.smtp", "target.lmtp", "smtp_downstream", "lmtp_downstream":
		return maddyClientReader(words)
	case "queue", "target.queue":
		return maddyQueueReader(words)
	case "":
		if read := maddyQueueReader(words); read != nil {
			return read
		}
		return maddyClientReader(words)
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

// setText puts the event's text together as it stood on the wire, but in one line.
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
