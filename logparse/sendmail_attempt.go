package logparse

import "bytes"

// attempt adds the events of a delivery attempt.
func (l *sendmail) attempt(d *sendmailDelivery) {
	end := Event{
		Kind: Delivery, Direction: Received, QueueID: d.id, Deliveries: d.recipients,
		Text: d.stat, Cause: CauseLocal,
	}
	if !d.network() {
		l.emit(end)
		return
	}
	if words, ok := bytes.CutPrefix(d.stat, []byte("Sent")); ok && d.reply == nil {
		l.delivered(d, words)
		return
	}
	end.Remote, end.Addr, end.Cause = d.name, d.addr, d.cause()
	reply, stat := d.replies()
	switch {
	case stat.Code > 0:
		if reply.Code > 0 && reply.Code != stat.Code {
			reply.Repeat, reply.Implied, reply.Deliveries = true, true, 0
			l.emit(reply)
			stat.Implied = true // only the source says which of the two it is
		}
		l.answered(d, stat, end)
	case reply.Code == 0:
		l.emit(end)
	case bytes.HasPrefix(d.stat, []byte("Deferred")):
		reply.Deliveries = 0
		reply.Repeat = l.remember(&reply)
		l.emit(reply)
		l.emit(end)
	default:
		l.answered(d, reply, end)
	}
}

// delivered adds the 250 of a delivery with stat=Sent, from the words that follow.
func (l *sendmail) delivered(d *sendmailDelivery, words []byte) {
	e := Event{
		Kind: Reply, Direction: Received, QueueID: d.id, Deliveries: d.recipients,
		Remote: d.name, Addr: d.addr, Code: 250, Command: EndOfData, Implied: true, Text: words,
	}
	text, shown := bytes.CutPrefix(words, []byte(" ("))
	if !shown {
		l.emitTimes(d.recipients, e) // LMTP: each has a reply, and none is shown
		return
	}
	e.Text = bytes.TrimSuffix(text, []byte(")"))
	e.Enhanced, _ = ParseEnhanced(e.Text) // of a server that does not announce them
	l.emit(e)
}

// answered adds the reply that ended an attempt. One that ended an earlier attempt
// is a repeat, and the event of this attempt is end.
func (l *sendmail) answered(d *sendmailDelivery, reply, end Event) {
	seen := l.remember(&reply)
	own := string(d.dsn) == reply.Enhanced.String() && string(d.dsn) != "4.0.0"
	if seen && d.addr == nil && !own {
		reply.Repeat, reply.Implied, reply.Deliveries = true, true, 0
		end.Cause = CauseSuspended
		l.emit(end)
	} else if d.protocolError() {
		reply.Repeat = seen
	}
	l.emit(reply)
}

// replies returns the events of the replies in reply= and stat=, without a code
// where no server said what stands there.
func (d *sendmailDelivery) replies() (reply, stat Event) {
	words, deferred := bytes.CutPrefix(d.stat, []byte("Deferred"))
	stat = d.event(bytes.TrimPrefix(words, []byte(": ")))
	if !deferred || stat.Code.Class() != 4 || d.insecure() {
		stat.Code = 0
	}
	reply = d.event(d.reply)
	if reply.Code.Class() < 4 && !d.protocolError() || stat.Code == 0 && sendmailMadeUp(d.reply) {
		reply.Code = 0
	}
	reply.unexpected()
	return reply, stat
}

// protocolError reports whether the server's reply was not one that Sendmail expected. Only
// then may reply= be the positive reply that ended the attempt: one to RCPT, and all over
// LMTP (deliver.c, markfailure()). The line of protocolError has shown it.
func (d *sendmailDelivery) protocolError() bool { return string(d.stat) == "Remote protocol error" }

// event returns the event of a server's reply; without a code where text is none.
func (d *sendmailDelivery) event(text []byte) Event {
	e := Event{
		Kind: Reply, Direction: Received, QueueID: d.id, Deliveries: d.recipients,
		Remote: d.name, Addr: d.addr, Text: text, Command: d.command(),
	}
	e.Code, e.Enhanced, _ = ParseReply(text)
	// One of another class was left from an earlier reply (usersmtp.c, e_renhsc).
	if int(e.Enhanced.Class) != e.Code.Class() {
		e.Enhanced = EnhancedCode{}
	}
	return e
}

// command returns the command that reply= answers, as far as the line shows it: by
// its stage (_FFR_LOG_STAGE), by a failure that only one command has
// (usersmtp.c), or since only the answer to RCPT is kept as it was.
func (d *sendmailDelivery) command() Command {
	switch string(d.stage) {
	case "STARTTLS":
		return StartTLS
	case "AUTH":
		return Auth
	case "GREET":
		return Connect
	case "EHLO":
		return Ehlo
	case "MAIL":
		return Mail
	case "RCPT":
		return Rcpt
	case "DATA":
		return Data
	case "EOM", "DATA2":
		return EndOfData
	case "QUIT":
		return Quit
	}
	switch string(d.stat) {
	case "User unknown":
		return Rcpt
	case "Data format error":
		return Mail
	}
	if isFirstOfMany(d.reply) {
		return Rcpt
	}
	return NoCommand
}

// sendmailMadeUp reports whether Sendmail wrote a reply itself, since the connection
// broke off (usersmtp.c, reply()). What a server says with a 421 is in stat= too.
func sendmailMadeUp(reply []byte) bool {
	return bytes.HasPrefix(reply, []byte("421 4.4.1 Connection reset by "))
}

// remember remembers a reply of a server and reports whether the process has
// logged it before. The enhanced code does not matter.
func (l *sendmail) remember(e *Event) (seen bool) {
	code, text := e.Text[:len("421")], e.Text[len("421"):]
	if len(text) > 0 {
		text = text[1:]
	}
	if _, n := ParseEnhanced(text); n > 0 {
		text = bytes.TrimPrefix(text[n:], []byte(" "))
	}
	reply := l.seenReplies.put(l.process().add(code).add(text))
	seen = *reply
	*reply = true
	return seen
}

// protocolError reads a reply of a kind that Sendmail did not expect, before the
// delivery line that may show it again (usersmtp.c). ok is true for such a line.
//
//	HOST: SMTP DATA-2 protocol error: 541 5.4.1 No thanks
func (l *sendmail) protocolError(id, b []byte) (ok bool) {
	host, rest, ok := bytes.Cut(b, []byte(": SMTP "))
	if !ok || !isSendmailHost(host) {
		return false
	}
	stage, text, ok := bytes.Cut(rest, []byte(" protocol error: "))
	if !ok {
		return false
	}
	e := Event{Kind: Reply, Direction: Received, QueueID: id, Remote: host, Text: text}
	e.Code, e.Enhanced, _ = ParseReply(text)
	class := e.Code.Class()
	switch string(stage) {
	case "MAIL":
		e.Command, ok = Mail, class == 3
	case "RCPT":
		e.Command, ok = Rcpt, class == 3
	case "DATA-1":
		e.Command, ok = Data, class == 2
	case "DATA-2", "DATA-3": // any other than 5 is an error as the second digit of 5yz
		e.Command, ok = EndOfData, class == 3 || class == 5 && e.Code/10%10 != 5
	default:
		return false
	}
	if string(text) == "remote server returned response before final dot" {
		return true
	}
	if !ok {
		l.notUnderstood(shapeSendmailProtocol)
		return true
	}
	if l.mayBeOfRecipientOf(id, text) {
		return true // the delivery line shows it
	}
	e.unexpected()
	l.remember(&e)
	l.emit(e)
	return true
}

// isSendmailHost reports whether b can be a server's name, address or socket, in which
// no client's words stand.
func isSendmailHost(b []byte) bool {
	for _, c := range b {
		if !isAlphanumeric(c) && c < 0x80 && bytes.IndexByte([]byte("-._[]:/"), c) < 0 {
			return false
		}
	}
	return len(b) > 0 && !bytes.Contains(b, []byte(".."))
}
