package logparse

import "bytes"

// Sendmail logs by syslog, facility mail, under the names of
// [sendmailOwnsProgram]. What is known here was read in the source of Sendmail
// 8.17.1 with what Debian took over from 8.18; the files named in comments are
// there. Versions before 8.16 lack reply= (see sendmail_delivery.go).
//
// What the log shows depends on LogLevel. At the default 9 it shows the refusals
// of rulesets and milters, and the deliveries; from 15 on also the whole dialogue
// with clients, but none with servers. It never shows the replies of hosts that
// were tried before the last one (but with _FFR_LOG_FAILOVER). Below 15 it also
// lacks the refusals of commands that are unknown or out of order (500 to 503),
// those of too large a SIZE (552), and the replies to the second command and later
// ones of a client whose connection check_relay or a milter refused.
//
// # Repeats
//
// These lines repeat a reply, by these keys:
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
// The same reply to two recipients stands on two lines where each of them got its
// own, and on one line where one reply was for both.
//
// # Codes that are implied
//
// impliedBySendmail has the codes of lines with constant words. These are implied
// too:
//   - 250 for a delivery by SMTP or LMTP with stat=Sent, whose code deliver.c's
//     giveresponse() cuts off.
//   - 250 for a message that came from a network, with the first line that shows
//     that it was discarded or what became of one of its recipients.
//   - The words of check_relay, and of milters of connections and HELO, which
//     answer the MAIL or RCPT that comes later (srvrsmtp.c, nullserver and
//     tempfail).
//
// With SoftBounce, Sendmail says 4xx where 5xx is implied.

// The forms of Sendmail's lines that look as if they showed a reply.
const (
	shapeSendmailDelivery = "delivery" // QID: to=..., stat=...
	shapeSendmailRuleset  = "ruleset"  // QID: ruleset=..., reject=...
	shapeSendmailMilter   = "milter"   // QID: Milter: ..., reject=...
	shapeSendmailProtocol = "protocol" // QID: HOST: SMTP DATA-2 protocol error: ...
	// QID: ADDR... User unknown, or something else that ends so
	shapeSendmailRecipient = "recipient"
)

var sendmailMTA = mtaSpec{
	name:        "sendmail",
	ownsProgram: sendmailOwnsProgram,
	shapes: []string{
		shapeSendmailDelivery, shapeSendmailRuleset, shapeSendmailMilter, shapeSendmailProtocol, shapeSendmailRecipient,
	},
	new: newSendmail,
}

// sendmailOwnsProgram reports whether a syslog identifier is one of Sendmail's: that
// of the program, or what -L gives it, which is sm-mta, sm-msp-queue and the like in
// everybody's scripts.
func sendmailOwnsProgram(program []byte) bool {
	return bytes.HasPrefix(program, []byte("sendmail")) ||
		bytes.HasPrefix(program, []byte("sm-")) && string(program) != "sm-notify" // of NFS
}

// sendmail is a line of Sendmail, and what is remembered between its lines.
type sendmail struct {
	*line
	text        []byte                  // of the line, behind the id
	said        []byte                  // the buffer of Event.Said
	ends        *sendmailRecipientError // what the text ends in, if it does
	sessions    table[sendmailSession]  // by process
	messages    table[sendmailMessage]  // from clients, by queue id
	seenReplies table[bool]             // of servers, by process and text
	received    table[bool]             // messages whose recipients are all known, by queue id
}

func newSendmail(l *line) grammar {
	return &sendmail{
		line:        l,
		sessions:    newTable[sendmailSession](4096),
		messages:    newTable[sendmailMessage](8192),
		seenReplies: newTable[bool](8192),
		received:    newTable[bool](8192),
	}
}

func (l *sendmail) tables() []remembered {
	return []remembered{&l.sessions, &l.messages, &l.seenReplies, &l.received}
}

func (l *sendmail) parse() {
	id, text, continued := cutSendmailID(l.message)
	if continued {
		return // the rest of a line that was too long (conf.c, sm_syslog())
	}
	l.text, l.said = text, l.said[:0]
	if l.ends = sendmailRecipientErrorOf(text); l.ends != nil && l.recipientError(id, text) {
		return
	}
	switch {
	case bytes.HasPrefix(text, []byte("to=")):
		l.delivery(id, text[len("to="):])
	case bytes.HasPrefix(text, []byte("deliver: mailer=")):
		l.failover(id, text[len("deliver: "):])
	case bytes.HasPrefix(text, []byte("from=")):
		l.sender(id, text[len("from="):])
	case bytes.HasPrefix(text, []byte("--- ")):
		l.dialogue(id, text[len("--- "):])
	case bytes.HasPrefix(text, []byte("<-- ")):
		l.session().command(bytes.TrimLeft(text[len("<-- "):], " \t"))
	case bytes.HasPrefix(text, []byte("ruleset=")):
		l.ruleset(id, text[len("ruleset="):])
	case bytes.HasPrefix(text, []byte("milter=")):
		l.milterReply(id, text[len("milter="):])
	case bytes.HasPrefix(text, []byte("Milter: ")):
		l.milterRefusal(id, text[len("Milter: "):])
	case string(text) == "discarded":
		l.accept(id)
	// These are logged without an id, unlike what may begin with a stranger's words.
	case id == nil && bytes.HasPrefix(text, []byte("connect from ")):
		l.connected(text[len("connect from "):])
	case id == nil && bytes.HasPrefix(text, []byte("AUTH=server, relay=")):
		l.loggedIn(text[len("AUTH=server, relay="):])
	case id == nil && bytes.HasPrefix(text, []byte("STARTTLS=server, relay=")):
		_, addr, rest, ok := cutSendmailClient(text[len("STARTTLS=server, relay="):])
		if ok && bytes.HasPrefix(rest, []byte(", ")) {
			l.session().switchTo(addr)
		}
	default:
		if !l.protocolError(id, text) {
			l.refusal(id, text)
		}
	}
}

// emit adds an event of the line.
func (l *sendmail) emit(e Event) {
	if e.Kind == Reply && e.Said == nil {
		l.say(&e)
	}
	l.line.emit(e)
}

// cutSendmailID reads "QID: ", "NOQUEUE: " or nothing. A queue id is letters and
// digits made from the time, and a process id of five digits or more (queue.c,
// assign_queueid()); that of Proofpoint's Sendmail may be "2ynq3w3hvg-1". continued is
// true for "QID[2]: " and so on.
func cutSendmailID(b []byte) (id, text []byte, continued bool) {
	n := lenSendmailID(b)
	rest := b[n:]
	if len(rest) > 0 && rest[0] == '[' {
		part, after := cutNumber(rest[1:])
		if part < 1 || len(after) == 0 || after[0] != ']' {
			return nil, b, false
		}
		rest, continued = after[1:], part > 1
	}
	text, ok := bytes.CutPrefix(rest, []byte(": "))
	if !ok {
		return nil, b, false
	}
	if string(b[:n]) == "NOQUEUE" {
		return nil, text, continued
	}
	if !isSendmailID(b[:n]) {
		return nil, b, false
	}
	return b[:n], text, continued
}

// lenSendmailID returns the length of the letters and digits that b begins with, and
// of the hyphen and those behind them.
func lenSendmailID(b []byte) (n int) {
	hyphen := false
	for n < len(b) && n < 32 {
		switch {
		case isAlphanumeric(b[n]):
		case b[n] == '-' && n > 0 && !hyphen:
			hyphen = true
		default:
			return n
		}
		n++
	}
	return n
}

func isSendmailID(b []byte) bool {
	first := bytes.IndexByte(b, '-')
	if first >= 0 {
		return first >= 8 && bytes.ContainsAny(b[:first], "0123456789") && first+1 < len(b)
	}
	if len(b) < 8 {
		return false
	}
	for _, c := range b[len(b)-5:] {
		if !isDigit(c) {
			return false
		}
	}
	return true
}

// connected reads what follows "connect from ".
func (l *sendmail) connected(b []byte) {
	s := l.session()
	*s = sendmailSession{}
	if _, addr, rest, ok := cutSendmailClient(b); ok && len(rest) == 0 {
		s.switchTo(addr)
	}
}

// loggedIn reads what follows "AUTH=server, relay=".
func (l *sendmail) loggedIn(b []byte) {
	name, addr, rest, ok := cutSendmailClient(b)
	if !ok || !bytes.HasPrefix(rest, []byte(", authid=")) {
		return
	}
	s := l.session()
	s.switchTo(addr)
	s.Client.Authenticated = true
	if s.Logged {
		return // the dialogue shows it
	}
	l.emit(Event{
		Kind: Reply, Direction: Sent, Code: 235, Enhanced: EnhancedCode{2, 0, 0}, Command: Auth,
		Implied: true, Dialogue: true, Authenticated: true, Remote: name, Addr: addr,
	})
}

// sender remembers that the text of a message has come from a client (headers.c,
// logsender()). Only later lines show whether it was accepted.
//
//	from=ADDR, size=N, class=N, nrcpts=N[, msgid=ID][, bodytype=B][, proto=ESMTP][, daemon=NAME], relay=CLIENT
//
// The msgid is the sender's word, the relay is the last field.
func (l *sendmail) sender(id, b []byte) {
	if id != nil && !l.endsAsRecipient(b) {
		*l.received.put(l.messageKey(id)) = true
	}
	fields, relay, ok := cutSendmailLast(b, ", relay=")
	if id == nil || !ok {
		return
	}
	_, addr, rest, ok := cutSendmailClient(relay)
	if !ok {
		l.sessions.remove(l.process()) // sendmail -bs
		return
	}
	if len(rest) > 0 {
		return
	}
	s := l.session()
	s.switchTo(addr)
	_, fields, ok = cutSendmailAddresses(fields)
	if !ok || !bytes.HasPrefix(fields, []byte("size=")) {
		return
	}
	_, recipients, _ := bytes.Cut(fields, []byte(", nrcpts="))
	if n, _ := cutNumber(recipients); n > 0 && !s.Logged {
		*l.messages.put(l.messageKey(id)) = sendmailMessage{Client: s.Client}
	}
}

// accept adds the 250 to a message from a client (srvrsmtp.c, smtp_data()).
func (l *sendmail) accept(id []byte) {
	if id == nil {
		return
	}
	m := l.messages.get(l.messageKey(id))
	if m == nil || m.Accepted {
		return
	}
	m.Accepted = true
	e := Event{Kind: Reply, Direction: Sent, Code: 250, Command: EndOfData, Implied: true, QueueID: id}
	m.Client.addTo(&e)
	l.emit(e)
}
