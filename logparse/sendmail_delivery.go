package logparse

import "bytes"

// A delivery line (deliver.c, logdelivery()):
//
//	to=ADDR[,ADDR...][, [more]][, ctladdr=ADDR (UID/GID)], delay=D[, xdelay=D][, mailer=M], pri=N[, relay=HOST [IP]]
//	    [, dsn=X.Y.Z][, ntries=N][, stage=S][, reply=REPLY], stat=TEXT
//
// reply= (8.16 and later) is what the server said: the first line of its reply to
// RCPT, or else the last refusal of the session, put together again from its
// parts. Where the delivery ended for good, stat= lacks the code. Otherwise it is
// "Deferred: " with the last temporary refusal or a cause of Sendmail's own.
// Before 8.16, a final refusal therefore has no code, and is a delivery with
// another cause here.
//
// Where the two disagree, stat= is about this delivery and reply= was left from
// another command (usersmtp.c, reply(); deliver.c, markfailure()):
//   - a refusal of an earlier mail's end of data, which sticks to the connection;
//     it stands on a line before, so it is a repeat;
//   - a refusal after which the connection broke off; a repeat if the process has
//     logged a reply with this code and text before.
//
// Where the line has no address, Sendmail may not have been connected at all and
// log an earlier reply again: a repeat if the process has logged it before, unless
// dsn= is its enhanced code. A dsn=4.0.0 is no proof, since Sendmail makes it up.

// A sendmailDelivery is a delivery line.
type sendmailDelivery struct {
	id         []byte
	recipients int
	mailer     []byte
	name, addr []byte // of the server; no addr without a connection
	dsn, stage []byte
	reply      []byte // nil where the line has none
	stat       []byte
}

// delivery reads what follows "QID: to=".
func (l *sendmail) delivery(id, b []byte) {
	if id == nil {
		return
	}
	recipients, b, ok := cutSendmailAddresses(b)
	if !ok {
		l.notUnderstood(shapeSendmailDelivery)
		return
	}
	b, more := bytes.CutPrefix(b, []byte("[more], "))
	goesOn := l.goesOn(more, id, b)
	d := sendmailDelivery{id: id, recipients: recipients}
	if !d.fields(b) {
		l.notUnderstood(shapeSendmailDelivery)
		return
	}
	if d.network() && l.mayBeOfRecipientOf(id, d.stat) {
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
	if !goesOn {
		return
	}
	for i := before; i < len(l.events); i++ {
		if l.events[i].Kind == Reply {
			l.events[i].Repeat = true
		}
	}
}

// goesOn reports whether a line has further recipients of the line before it, and
// remembers whether it has more to come.
func (l *sendmail) goesOn(more bool, id, b []byte) bool {
	s := l.sessions.get(l.process())
	if s == nil {
		if !more {
			return false
		}
		s = l.session()
	}
	key := l.seed.add(id).add(b)
	goesOn := s.More == key
	s.More = 0
	if more {
		s.More = key
	}
	return goesOn
}

// failover reads what follows "deliver: ", where Sendmail logs that it tries
// another host (_FFR_LOG_FAILOVER). The reply may be that to a recipient, which
// another line showed before.
//
//	mailer=esmtp, relay=HOST [IP], state=S, reply=REPLY, stat=tempfail: trying next host
func (l *sendmail) failover(id, b []byte) {
	d := sendmailDelivery{id: id}
	if !d.fields(b) {
		l.notUnderstood(shapeSendmailDelivery)
		return
	}
	if l.mayBeOfRecipientOf(id, d.stat) {
		return
	}
	e := d.event(d.reply)
	if e.Code.Class() < 4 || sendmailMadeUp(d.reply) {
		return
	}
	e.Repeat = l.remember(&e)
	l.emit(e)
}

// cutSendmailKey reads a field's name and the "=" behind it.
func cutSendmailKey(b []byte) (key, value []byte, ok bool) {
	for i, c := range b {
		switch c {
		case ' ', ',':
			return nil, nil, false
		case '=':
			return b[:i], b[i+1:], i > 0
		}
	}
	return nil, nil, false
}

// fields reads what follows the addresses. Nobody else writes into the fields up
// to reply=, but into the relay of a local mailer.
func (d *sendmailDelivery) fields(b []byte) bool {
	for {
		key, value, ok := cutSendmailKey(b)
		if !ok {
			return false
		}
		switch string(key) {
		case "ctladdr":
			_, b, ok = cutSendmailAddresses(value)
			if !ok {
				return false
			}
			continue
		case "relay":
			if d.local() {
				_, d.stat, ok = cutSendmailLast(value, ", stat=")
				return ok
			}
		case "reply", "q_rstatus":
			d.reply, d.stat, ok = cutSendmailReply(value)
			return ok
		case "stat":
			d.stat = value
			return true
		}
		value, b, ok = bytes.Cut(value, []byte(", "))
		if !ok {
			return false
		}
		if string(key) == "quarantine" { // the last field but stat=, and not Sendmail's words
			d.stat = []byte("quarantined")
			return true
		}
		d.set(key, value)
	}
}

// cutSendmailReply reads "REPLY, stat=TEXT". Where it has a second stat=, either may be
// a server's, but for a temporary refusal that stands on both sides of the true one.
func cutSendmailReply(b []byte) (reply, stat []byte, ok bool) {
	const between = ", stat="
	reply, stat, ok = bytes.Cut(b, []byte(between))
	if !bytes.Contains(stat, []byte(between)) {
		return reply, stat, ok
	}
	const deferred = between + "Deferred: "
	n := (len(b) - len(deferred)) / 2
	if n <= 0 || b[0] != '4' || string(b[n:n+len(deferred)]) != deferred || !bytes.Equal(b[:n], b[n+len(deferred):]) {
		return nil, nil, false
	}
	return b[:n], b[n+len(between):], true
}

// set takes over the value of a field before reply= and stat=.
func (d *sendmailDelivery) set(key, value []byte) {
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
			d.addr, _, _ = cutSendmailAddr(address)
		}
		if bytes.HasPrefix(name, []byte("[")) && d.addr != nil {
			d.name = d.addr // it has none
		}
	}
}

// local reports whether a mailer is one of those that do not speak SMTP or LMTP to
// a host or socket. Their relay is part of an address, and nothing of note is
// behind it (deliver.c: macro h).
func (d *sendmailDelivery) local() bool {
	switch string(d.mailer) {
	case "local", "prog", "*file*", "*include*", "procmail", "cyrus", "error", "discard", "usenet", "fax":
		return true
	}
	return false
}

// network reports whether a mailer speaks SMTP or LMTP to a host or socket.
func (d *sendmailDelivery) network() bool {
	switch string(d.mailer) {
	case "smtp", "esmtp", "smtp8", "dsmtp", "relay": // cf/mailer/smtp.m4
		return true
	}
	return d.addr != nil && !d.local()
}
