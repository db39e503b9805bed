package logparse

import "bytes"

// Sendmail logs by syslog, facility mail, under the names of
// [sendmailProgram]. What is known here was read in the source of Sendmail
// 8.17.1 with what Debian took over from 8.18; the files named in comments are
// there. Versions before 8.16 lack reply= (see sendmail_delivery.go).
//
// What the log shows depends on LogLevel: the refusals of rulesets and milters,
// and the deliveries, at the default 9; the whole dialogue with clients, but
// none with servers, from 15 on. It does not show the replies of the hosts
// that were tried before the last one (but with _FFR_LOG_FAILOVER), nor, below 15,
// the refusals of commands that are unknown or out of order (500 to 503), too
// large a SIZE (552), and what a client whose connection was refused by
// check_relay or a milter was told to its second command and those after it.
//
// # Repeats
//
// What repeats a reply, and by which key:
//   - "Milter: ..., reject=" after "milter=..., reject=" (MilterLogLevel 11): the
//     same process, with nothing of a milter between them.
//   - In the dialogue (LogLevel 15), a further line of the same reply; and the next
//     reply of the process after a milter's or check_relay's line, or the next one
//     of its code where that line is about later commands. A ruleset's line comes
//     after the dialogue's: the same process and text.
//   - A line with the recipients for which the one before had no room ([more]): the
//     same process, queue id and all that follows the recipients.
//   - Another header's refusal of the same message.
//   - A reply= that is not what stat= says: it was left from an earlier command or
//     an earlier mail of the connection (sendmail_delivery.go has the key).
//
// The same reply to two recipients stands on two lines where each of them was
// answered, and on one line where one reply was for both.
//
// # Codes that are implied
//
// impliedBySendmail has those of lines by their constant words. Besides, 250 for
// a delivery by SMTP or LMTP with stat=Sent, whose code deliver.c's
// giveresponse() cuts off; 250 for a message that came from a network, with the
// first line that tells that it was discarded or what became of one of its
// recipients; and the words of check_relay, and of milters of connections and
// HELO, which are said in answer to the MAIL or RCPT that comes later
// (srvrsmtp.c, nullserver and tempfail). With SoftBounce, Sendmail says 4xx
// where 5xx is implied.

// The forms of Sendmail's lines that look as if they told a reply.
const (
	shapeSendmailDelivery = "delivery" // QID: to=..., stat=...
	shapeRuleset          = "ruleset"  // QID: ruleset=..., reject=...
	shapeMilter           = "milter"   // QID: Milter: ..., reject=...
	shapeProtocol         = "protocol" // QID: HOST: SMTP DATA-2 protocol error: ...
)

var sendmailMTA = mtaSpec{
	name:        "sendmail",
	ownsProgram: func(program []byte) bool { return sendmailProgram(program) },
	shapes:      []string{shapeSendmailDelivery, shapeRuleset, shapeMilter, shapeProtocol},
	new:         newSendmail,
}

// sendmail is a line of Sendmail, and what is remembered between its lines.
type sendmail struct {
	*line
	sessions table[sendmailSession] // by process
	messages table[sendmailMessage] // from clients, by queue id
	told     table[bool]            // replies of servers, by process and text
}

func newSendmail(l *line) grammar {
	return &sendmail{
		line:     l,
		sessions: newTable[sendmailSession](4096),
		messages: newTable[sendmailMessage](8192),
		told:     newTable[bool](8192),
	}
}

func (l *sendmail) tables() []remembered { return []remembered{&l.sessions, &l.messages, &l.told} }

// A sendmailSession is what lines of one process tell of its present SMTP
// session, or of the connection of which it is the client. Its fields are
// exported for encoding/binary.
type sendmailSession struct {
	dialogue
	Milter bool // a milter= line told what the next Milter: line tells again
	Told   Code // of a refusal that a line told and the dialogue shows next
	// Verdict is the code of what later commands will be told.
	Verdict Code
	Shown   hash // of the text of the dialogue's last reply
	Header  hash // of the message that a header's ruleset refused
	More    hash // of a delivery whose recipients go on in the next line
	Client  sendmailClient
}

// A sendmailClient is the client of a session.
type sendmailClient struct {
	Authenticated bool
	Addr          [46]byte
	Len           uint8
}

func (c *sendmailClient) valid() bool { return int(c.Len) <= len(c.Addr) }

// address returns the client's IP address; "" where no line told it.
func (c *sendmailClient) address() []byte { return c.Addr[:c.Len] }

// told gives an event of a reply to the client what is known of the client, who
// goes by the address where the line has no name.
func (c *sendmailClient) told(e *Event) {
	e.Addr, e.Authenticated = c.address(), c.Authenticated
	if e.Remote == nil {
		e.Remote = e.Addr
	}
}

// is notes the client, with whom a new session begins if it is another one.
func (s *sendmailSession) is(addr []byte) {
	if bytes.Equal(s.Client.address(), addr) {
		return
	}
	if s.Client.Len > 0 {
		*s = sendmailSession{}
	}
	s.Client.Len = uint8(copy(s.Client.Addr[:], addr))
}

func (s *sendmailSession) valid() bool {
	return s.dialogue.valid() && s.Client.valid()
}

// A sendmailMessage is a message whose text came from a client over the network.
type sendmailMessage struct {
	Client   sendmailClient
	Accepted bool
}

func (m *sendmailMessage) valid() bool { return m.Client.valid() }

func (l *sendmail) session() *sendmailSession { return l.sessions.put(l.process()) }

// messageKey is the key of a queue id, which the MTA's processes share.
func (l *sendmail) messageKey(id []byte) hash { return l.seed.add(l.env.Host).add(id) }

// sendmailProgram tells whether a syslog identifier is one of Sendmail's: that of
// the program, or what -L gives it, which is sm-mta, sm-msp-queue and the like in
// everybody's scripts.
func sendmailProgram(program []byte) bool {
	return bytes.HasPrefix(program, []byte("sendmail")) ||
		bytes.HasPrefix(program, []byte("sm-")) && string(program) != "sm-notify" // of NFS
}

func (l *sendmail) parse() {
	id, text, more := cutSendmailID(l.message)
	if more {
		return // the rest of a line that was too long (conf.c, sm_syslog())
	}
	switch {
	case bytes.HasPrefix(text, []byte("to=")):
		if id != nil {
			l.delivery(id, text[len("to="):])
			return
		}
	case bytes.HasPrefix(text, []byte("deliver: mailer=")):
		l.failover(id, text[len("deliver: "):])
		return
	case bytes.HasPrefix(text, []byte("from=")):
		if id != nil {
			l.sender(id, text[len("from="):])
		}
	case bytes.HasPrefix(text, []byte("--- ")):
		l.dialogue(id, text[len("--- "):])
	case bytes.HasPrefix(text, []byte("<-- ")):
		l.session().command(bytes.TrimLeft(text[len("<-- "):], " \t"))
	case bytes.HasPrefix(text, []byte("ruleset=")):
		l.ruleset(id, text[len("ruleset="):])
		return
	case bytes.HasPrefix(text, []byte("milter=")):
		l.filter(id, text[len("milter="):])
		return
	case bytes.HasPrefix(text, []byte("Milter: ")):
		l.filtered(id, text[len("Milter: "):])
		return
	case string(text) == "discarded":
		if id != nil {
			l.accept(id)
		}
	case bytes.HasPrefix(text, []byte("connect from ")):
		s := l.session()
		*s = sendmailSession{}
		if _, addr, _, ok := cutClient(text[len("connect from "):]); ok {
			s.is(addr)
		}
	case bytes.HasPrefix(text, []byte("AUTH=server, relay=")):
		l.loggedIn(text[len("AUTH=server, relay="):])
	case bytes.HasPrefix(text, []byte("STARTTLS=server, relay=")):
		if _, addr, _, ok := cutClient(text[len("STARTTLS=server, relay="):]); ok {
			l.session().is(addr)
		}
	default:
		if !l.protocolError(id, text) {
			l.refusal(id, text)
		}
	}
}

// cutSendmailID reads "QID: ", "NOQUEUE: " or nothing. A queue id ends with a
// process id of five digits or more, after letters and digits that tell the time
// (queue.c, assign_queueid()). more is true for "QID[2]: " and so on.
func cutSendmailID(b []byte) (id, text []byte, more bool) {
	n := 0
	for n < len(b) && n < 24 && isAlphanumeric(b[n]) {
		n++
	}
	rest := b[n:]
	if len(rest) > 0 && rest[0] == '[' {
		part, after := cutNumber(rest[1:])
		if part < 1 || len(after) == 0 || after[0] != ']' {
			return nil, b, false
		}
		rest, more = after[1:], part > 1
	}
	text, ok := bytes.CutPrefix(rest, []byte(": "))
	if !ok {
		return nil, b, false
	}
	if string(b[:n]) == "NOQUEUE" {
		return nil, text, more
	}
	if n < 8 {
		return nil, b, false
	}
	for _, c := range b[n-5 : n] {
		if !isDigit(c) {
			return nil, b, false
		}
	}
	return b[:n], text, more
}

// cutClient reads what Sendmail calls a client (daemon.c, getauthinfo()):
//
//	mx.src.example [192.0.2.7]
//	[192.0.2.7]
//	ann@mx.src.example [IPv6:2001:db8::7] (may be forged)
//
// The name is the address where it has none. What an ident server said before
// the @ is dropped; one that runs sendmail -bs has no address, and is none.
func cutClient(b []byte) (name, addr, rest []byte, ok bool) {
	end := bytes.IndexByte(b, '[')
	if end < 0 || end > 0 && b[end-1] != ' ' && b[end-1] != '@' {
		return nil, nil, nil, false
	}
	name = bytes.TrimSuffix(b[:end], []byte(" "))
	if bytes.ContainsAny(name, " ,") {
		return nil, nil, nil, false
	}
	name = name[bytes.LastIndexByte(name, '@')+1:]
	if addr, rest, ok = cutAddress(b[end:]); !ok {
		return nil, nil, nil, false
	}
	if len(name) == 0 {
		name = addr
	}
	return name, addr, bytes.TrimPrefix(rest, []byte(" (may be forged)")), true
}

// cutAddress reads an address in brackets (daemon.c, anynet_ntoa()):
//
//	[192.0.2.7]
//	[IPv6:2001:db8:0:0:0:0:0:7]
//	[[UNIX: /run/lmtp]]
func cutAddress(b []byte) (addr, rest []byte, ok bool) {
	if path, ok := bytes.CutPrefix(b, []byte("[[UNIX: ")); ok {
		return bytes.Cut(path, []byte("]]"))
	}
	if len(b) == 0 || b[0] != '[' {
		return nil, nil, false
	}
	addr, rest, ok = bytes.Cut(b[1:], []byte("]"))
	if !ok || len(addr) == 0 || bytes.ContainsAny(addr, " ,[") {
		return nil, nil, false
	}
	return bytes.TrimPrefix(addr, []byte("IPv6:")), rest, true
}

// cutAddresses reads addresses up to the ", " after them and returns how many
// there are. Sendmail writes what its clients wrote, who may put anything into
// quotes, comments and angle brackets, but must close them (parseaddr.c,
// prescan()).
func cutAddresses(b []byte) (n int, rest []byte, ok bool) {
	var a addressReader
	for i, c := range b {
		if a.outside(c) && c == ',' {
			n++
			if i+1 < len(b) && b[i+1] == ' ' {
				return n, b[i+2:], true
			}
		}
	}
	return 0, nil, false
}

// An addressReader tells what is in an address' quotes, comments and brackets.
type addressReader struct {
	escaped, quoted  bool
	comments, angles int
}

// outside takes the next byte of an address, and is false for one that is within
// any of them.
func (a *addressReader) outside(c byte) bool {
	switch {
	case a.escaped:
		a.escaped = false
	case c == '\\':
		a.escaped = true
	case a.quoted:
		a.quoted = c != '"'
	case c == '(':
		a.comments++
	case c == ')':
		a.comments = max(a.comments-1, 0)
	case a.comments > 0:
	case c == '"':
		a.quoted = true
	case c == '<':
		a.angles++
	case c == '>':
		a.angles = max(a.angles-1, 0)
	default:
		return a.angles == 0
	}
	return false
}

// sender notes that the text of a message has come from a client (headers.c,
// logsender()). Whether it was accepted is only known later.
//
//	from=ADDR, size=N, class=N, nrcpts=N[, msgid=ID][, bodytype=B][, proto=ESMTP][, daemon=NAME], relay=CLIENT
//
// The msgid is the sender's word, the relay is the last field.
func (l *sendmail) sender(id, b []byte) {
	relay := bytes.LastIndex(b, []byte(", relay="))
	if relay < 0 {
		return
	}
	_, addr, _, ok := cutClient(b[relay+len(", relay="):])
	if !ok {
		l.sessions.remove(l.process()) // sendmail -bs
		return
	}
	s := l.session()
	s.is(addr)
	if _, b, ok = cutAddresses(b[:relay]); !ok || !bytes.HasPrefix(b, []byte("size=")) {
		return
	}
	_, b, _ = bytes.Cut(b, []byte(", nrcpts="))
	if n, _ := cutNumber(b); n > 0 && !s.Logged {
		*l.messages.put(l.messageKey(id)) = sendmailMessage{Client: s.Client}
	}
}

// accept adds the 250 to a message from a client (srvrsmtp.c, smtp_data()).
func (l *sendmail) accept(id []byte) {
	m := l.messages.get(l.messageKey(id))
	if m == nil || m.Accepted {
		return
	}
	m.Accepted = true
	e := Event{Kind: Reply, Direction: Sent, Code: 250, Command: EndOfData, Implied: true, QueueID: id}
	m.Client.told(&e)
	l.emit(e)
}

// loggedIn reads what follows "AUTH=server, relay=".
func (l *sendmail) loggedIn(b []byte) {
	name, addr, rest, ok := cutClient(b)
	if !ok || !bytes.HasPrefix(rest, []byte(", authid=")) {
		return
	}
	s := l.session()
	s.is(addr)
	s.Client.Authenticated = true
	if !s.Logged {
		l.emit(Event{
			Kind: Reply, Direction: Sent, Code: 235, Enhanced: EnhancedCode{2, 0, 0}, Command: Auth,
			Implied: true, Dialogue: true, Authenticated: true, Remote: name, Addr: addr,
		})
	}
}
