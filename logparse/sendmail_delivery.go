package logparse

import "bytes"

// A delivery line (deliver.c, logdelivery()):
//
//	to=ADDR[,ADDR...][, [more]][, ctladdr=ADDR (UID/GID)], delay=D[, xdelay=D][, mailer=M], pri=N[, relay=HOST [IP]]
//	    [, dsn=X.Y.Z][, ntries=N][, stage=S][, reply=REPLY], stat=TEXT
//
// reply= (8.16 and later) is what the server said: the first line of its reply to
// RCPT, or else the last refusal of the session, put together again from its
// parts. stat= is cut off its code where the delivery ended for good, and is
// "Deferred: " with the last temporary refusal or a cause of Sendmail's own.
// Before 8.16, a final refusal therefore has no code, and is a delivery with
// another cause here.
//
// Where the two disagree, stat= is about this delivery and reply= was left from
// another command (usersmtp.c, reply(); deliver.c, markfailure()):
//   - a refusal of an earlier mail's end of data, which sticks to the connection;
//     it stands on a line before, so it is a repeat;
//   - a refusal after which the connection broke off; a repeat if the process has
//     told a reply with this code and text before.
//
// Where the line has no address, Sendmail may not have been connected at all and
// say an earlier reply again: a repeat if the process has told it before, unless
// dsn= is its enhanced code.

// A sendmailDelivery is a delivery line.
type sendmailDelivery struct {
	id         []byte
	recipients int
	mailer     []byte
	name, addr []byte // of the server; no addr without a connection
	dsn, stage []byte
	reply      []byte // "" where the line has none
	stat       []byte // nil where the reply might hold one too
}

// delivery reads what follows "QID: to=".
func (l *sendmail) delivery(id, b []byte) {
	d := sendmailDelivery{id: id}
	var ok bool
	if d.recipients, b, ok = cutAddresses(b); !ok {
		l.notUnderstood(shapeSendmailDelivery)
		return
	}
	b, more := bytes.CutPrefix(b, []byte("[more], "))
	again := l.goesOn(more, id, b)
	if rest, found := bytes.CutPrefix(b, []byte("ctladdr=")); found {
		if _, b, ok = cutAddresses(rest); !ok {
			l.notUnderstood(shapeSendmailDelivery)
			return
		}
	}
	if !d.fields(b) {
		l.notUnderstood(shapeSendmailDelivery)
		return
	}
	if d.mailer != nil || string(d.stat) == "discarded" {
		l.accept(id)
	}
	if d.mailer == nil || string(d.stat) == "queued" || string(d.stat) == "quarantined" {
		return // no attempt; a refused message has no mailer (srvrsmtp.c, logundelrcpts())
	}
	before := len(l.events)
	l.attempt(&d)
	for i := before; i < len(l.events) && again; i++ {
		if e := &l.events[i]; e.Kind == Reply {
			e.Repeat = true
		}
	}
}

// failover reads what follows "deliver: ", where Sendmail logs that it tries
// another host (_FFR_LOG_FAILOVER). The reply may be that to a recipient, which
// was told before.
//
//	mailer=esmtp, relay=HOST [IP], state=S, reply=REPLY, stat=tempfail: trying next host
func (l *sendmail) failover(id, b []byte) {
	d := sendmailDelivery{id: id}
	if !d.fields(b) {
		l.notUnderstood(shapeSendmailDelivery)
		return
	}
	e := d.parse(d.reply)
	if e.Code.Class() < 4 || madeUp(d.reply) {
		return
	}
	e.Repeat = l.tell(&e)
	l.emit(e)
}

// goesOn tells whether a line has further recipients of the line before it.
func (l *sendmail) goesOn(more bool, id, b []byte) bool {
	s := l.sessions.get(l.process())
	if s == nil && !more {
		return false
	}
	s = l.session()
	key := l.seed.add(id).add(b)
	again := s.More == key
	if s.More = 0; more {
		s.More = key
	}
	return again
}

// fields reads what follows the addresses. Nobody else writes into the fields up
// to reply=, but into the relay of a local mailer.
func (d *sendmailDelivery) fields(b []byte) bool {
	for {
		key, value, ok := bytes.Cut(b, []byte("="))
		if !ok || len(key) == 0 || bytes.ContainsAny(key, " ,") {
			return false
		}
		if d.local() && string(key) == "relay" {
			i := bytes.LastIndex(value, []byte(", stat="))
			if i >= 0 {
				d.stat = value[i+len(", stat="):]
			}
			return i >= 0
		}
		switch string(key) {
		case "reply", "q_rstatus":
			d.reply, d.stat, ok = bytes.Cut(value, []byte(", stat="))
			if bytes.Contains(d.stat, []byte(", stat=")) {
				d.stat = nil
			}
			return ok
		case "stat":
			d.stat = value
			return true
		}
		if value, b, ok = bytes.Cut(value, []byte(", ")); !ok {
			return false
		}
		switch string(key) {
		case "mailer":
			d.mailer = value
		case "dsn":
			d.dsn = value
		case "stage":
			d.stage = value
		case "relay":
			name, address, connected := bytes.Cut(value, []byte(" "))
			d.name = name
			if connected {
				d.addr, _, _ = cutAddress(address)
			}
			if bytes.HasPrefix(name, []byte("[")) && d.addr != nil {
				d.name = d.addr // it has none
			}
		case "quarantine": // the last field but stat=, and not Sendmail's words
			d.stat = []byte("quarantined")
			return true
		}
	}
}

// local tells whether a mailer is one of those that do not speak SMTP or LMTP to
// a host or socket. Their relay is part of an address, and nothing of note is
// behind it (deliver.c: macro h).
func (d *sendmailDelivery) local() bool {
	switch string(d.mailer) {
	case "local", "prog", "*file*", "*include*", "procmail", "cyrus", "error", "discard", "usenet", "fax":
		return true
	}
	return false
}

// network tells whether a mailer speaks SMTP or LMTP to a host or socket.
func (d *sendmailDelivery) network() bool {
	switch string(d.mailer) {
	case "smtp", "esmtp", "smtp8", "dsmtp", "relay": // cf/mailer/smtp.m4
		return true
	}
	return d.addr != nil && !d.local()
}

// attempt adds the events of a delivery attempt.
func (l *sendmail) attempt(d *sendmailDelivery) {
	e := Event{
		Kind: Delivery, Direction: Received, QueueID: d.id, Deliveries: d.recipients,
		Text: d.stat, Cause: CauseLocal,
	}
	if !d.network() {
		l.emit(e)
		return
	}
	e.Remote, e.Addr = d.name, d.addr
	if words, sent := bytes.CutPrefix(d.stat, []byte("Sent")); sent && d.reply == nil {
		replies := 1
		e.Kind, e.Cause, e.Code, e.Command, e.Implied, e.Text = Reply, NoCause, 250, EndOfData, true, words
		if words, ok := bytes.CutPrefix(words, []byte(" (")); ok {
			e.Text = bytes.TrimSuffix(words, []byte(")"))
			e.Enhanced, _ = ParseEnhanced(e.Text) // of a server that does not announce them
		} else {
			replies = d.recipients // LMTP: each has a reply, and none is shown
		}
		l.emitTimes(replies, e)
		return
	}
	reply := d.parse(d.reply)
	reason, deferred := bytes.CutPrefix(d.stat, []byte("Deferred"))
	answer := d.parse(bytes.TrimPrefix(reason, []byte(": ")))
	if !deferred || answer.Code.Class() != 4 || d.insecure() {
		answer.Code = 0
	}
	if reply.Code.Class() < 4 || answer.Code == 0 && madeUp(d.reply) {
		reply.Code = 0
	}
	e.Cause = d.cause()
	switch {
	case answer.Code == 0 && reply.Code == 0:
		l.emit(e)
		return
	case answer.Code == 0 && deferred:
		reply.Deliveries = 0
		reply.Repeat = l.tell(&reply)
		l.emit(reply)
		l.emit(e)
		return
	case answer.Code == 0:
		answer = reply
	case reply.Code > 0 && reply.Code != answer.Code:
		reply.Repeat, reply.Implied, reply.Deliveries = true, true, 0
		l.emit(reply)
		answer.Implied = true // which of the two it is says only the source
	}
	switch told := l.tell(&answer); {
	case told && d.addr == nil && string(d.dsn) != answer.Enhanced.String():
		answer.Repeat, answer.Implied, answer.Deliveries = true, true, 0
		e.Cause = CauseSuspended
		l.emit(e)
	case string(d.stat) == "Remote protocol error":
		answer.Repeat = told
	}
	l.emit(answer)
}

// parse returns the event of a server's reply; without a code where text is none.
func (d *sendmailDelivery) parse(text []byte) Event {
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

// command returns the command that reply= answers, as far as the line tells: by
// its stage (_FFR_LOG_STAGE), by a failure that only one command has
// (usersmtp.c), or since the answer to RCPT alone is kept as it was.
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
	if len(d.reply) > 3 && d.reply[3] == '-' {
		return Rcpt
	}
	return NoCommand
}

// madeUp tells whether Sendmail wrote a reply itself, since the connection broke
// off (usersmtp.c, reply()). What a server says with a 421 is in stat= too.
func madeUp(reply []byte) bool {
	return bytes.HasPrefix(reply, []byte("421 4.4.1 Connection reset by "))
}

// tell notes a reply and returns whether the process has told it before.
func (l *sendmail) tell(e *Event) (before bool) {
	text := e.Text[len("421"):]
	if len(text) > 0 {
		text = text[1:]
	}
	if _, n := ParseEnhanced(text); n > 0 {
		text = bytes.TrimPrefix(text[n:], []byte(" "))
	}
	key := l.process().add(e.Text[:len("421")]).add(text)
	before = l.told.get(key) != nil
	*l.told.put(key) = true
	return before
}

// protocolError reads a reply of a kind that Sendmail did not expect, before the
// delivery line that may tell it again (usersmtp.c). ok is true for such a line.
//
//	HOST: SMTP DATA-2 protocol error: 541 5.4.1 No thanks
func (l *sendmail) protocolError(id, text []byte) (ok bool) {
	host, rest, ok := bytes.Cut(text, []byte(": SMTP "))
	if !ok || bytes.IndexByte(host, ' ') >= 0 {
		return false
	}
	where, text, ok := bytes.Cut(rest, []byte(" protocol error: "))
	if !ok {
		return false
	}
	e := Event{Kind: Reply, Direction: Received, QueueID: id, Remote: host, Text: text}
	switch string(where) {
	case "MAIL":
		e.Command = Mail
	case "RCPT":
		e.Command = Rcpt
	case "DATA-1":
		e.Command = Data
	case "DATA-2", "DATA-3":
		e.Command = EndOfData
	default:
		return false
	}
	if bytes.HasPrefix(text, []byte("remote server returned response before final dot")) {
		return true
	}
	if e.Code, e.Enhanced, ok = ParseReply(text); !ok {
		l.notUnderstood(shapeProtocol)
		return true
	}
	e.Dialogue = e.Code.Class() < 4
	l.tell(&e)
	l.emit(e)
	return true
}
