package logparse

import "bytes"

// module reads what becomes of a recipient:
//
//	id=ID,from=<SENDER>,addr=<RECIPIENT>: TEXT
//	id=ID,from=<SENDER>,addr=<RECIPIENT>,success: delivered: HOST [IP]
//	id=ID,from=<SENDER>,addr=<RECIPIENT>,size=N,success: Message delivered.
//	id=ID,from=<SENDER>,addr=<RECIPIENT>,status: deferred
func (l *courier) module(b []byte) {
	b, ok := bytes.CutPrefix(b, []byte("id="))
	if !ok {
		return
	}
	id, b, ok := cutCourierID(b)
	_, b, sender := cutCourierAddress(b, ",from=<")
	addr, b, recipient := cutCourierAddress(b, ",addr=<")
	if !ok || !sender || !recipient {
		l.notUnderstood(shapeCourierClient)
		return
	}
	key := l.attemptKey(id, addr)
	smtp := string(l.env.Program) == "courieresmtp"
	if text, ok := bytes.CutPrefix(b, []byte(": ")); ok {
		if smtp {
			l.reply(id, key, text)
		}
	} else if bytes.HasPrefix(b, []byte(",status: ")) || !smtp && bytes.Contains(b, []byte(",success: ")) {
		l.status(id, key, smtp)
	}
}

// reply reads one line of a reply, or why there was none.
func (l *courier) reply(id []byte, key hash, text []byte) {
	a := l.attempts.put(key)
	text = bytes.TrimRight(text, " ")
	code, enhanced, ok := ParseReply(text)
	cause := courierCause(text)
	if !ok || cause != CauseOther {
		if a.Cause <= CauseOther {
			a.Cause = cause
		}
		if m := l.messages.get(l.messageKey(id)); m != nil {
			m.Cause = a.Cause
		}
		return
	}
	e := Event{
		Kind: Reply, Direction: Received, Code: code, Enhanced: enhanced, QueueID: id, Text: text,
		Repeat: a.Open && a.Code == code, Dialogue: code.Class() == 3,
	}
	// Of the positive ones, only those at end of data are logged (parsedatareply()).
	// Courier takes a 3xx for success, too, but a message that is accepted so is lost.
	if code.Class() < 4 {
		e.Command = EndOfData
	}
	if !e.Repeat {
		batch := a.Batch
		if batch == 0 {
			batch = l.messageKey(id)
		}
		a.Reply = batch.add(text)
		shared := l.shared.put(a.Reply)
		e.Repeat = *shared
		*shared = true
	}
	if !a.Ended {
		e.Deliveries = 1
		l.ended(id)
	}
	a.Code, a.Open, a.Ended = code, isFirstOfMany(text), true
	l.emit(e)
}

// status ends the attempt, if no reply has.
func (l *courier) status(id []byte, key hash, smtp bool) {
	a := l.attempts.put(key)
	if !a.Ended {
		cause := max(a.Cause, CauseOther)
		if !smtp {
			cause = CauseLocal
		}
		l.emit(Event{Kind: Delivery, Direction: Received, Cause: cause, Deliveries: 1, QueueID: id})
		l.ended(id)
	}
	l.shared.remove(a.Reply)
	*a = courierAttempt{Ended: true} // until it is started again
}

// ended remembers that a recipient's attempt has ended.
func (l *courier) ended(id []byte) {
	if m := l.messages.get(l.messageKey(id)); m != nil && m.Pending > 0 {
		m.Pending--
	}
}

// courierCause returns why no server ended an attempt; CauseOther if a server may
// have said the text. Unlike in causeOf, a truncated text counts as the whole one.
func courierCause(text []byte) Cause {
	for i := range courierCauses {
		c := &courierCauses[i]
		n := min(len(text), len(c.prefix))
		if n > len("553") && string(text[:n]) == c.prefix[:n] {
			return c.cause
		}
	}
	return CauseOther
}

// courierCauses are courieresmtp's own words, some with three digits before
// them, and those of strerror(3).
var courierCauses = []causeRule{
	{prefix: "Connection timed out", cause: CauseTimeout},
	{prefix: "Connection refused", cause: CauseRefused},
	{prefix: "No route to host", cause: CauseUnreachable},
	{prefix: "Network is unreachable", cause: CauseUnreachable},
	{prefix: "Network connection shut down by ", cause: CauseLostConnection},
	{prefix: "Connection closed by ", cause: CauseLostConnection},
	{prefix: "Connection unexpectedly closed by ", cause: CauseLostConnection},
	{prefix: "Connection reset by peer", cause: CauseLostConnection},
	{prefix: "Remote mail server disconnected after ", cause: CauseLostConnection},
	{prefix: "<command failed>", cause: CauseLostConnection},
	{prefix: "DNS lookup failed.", cause: CauseDNS},
	{prefix: "No such domain.", cause: CauseDNS},
	{prefix: "This domain's DNS violates RFC 1035.", cause: CauseDNS},
	{prefix: "Did not find a suitable MX ", cause: CauseDNS},
	{prefix: "configuration error: mail loops back ", cause: CauseLoop},
	{prefix: "Compatible SASL authentication not available", cause: CauseAuth},
	{prefix: "Temporary SASL authentication error.", cause: CauseAuth},
	{prefix: "/SECURITY", cause: CauseTLS},
	{prefix: "500 Error starting couriertls.", cause: CauseTLS},
	{prefix: "500 Unable to start couriertls", cause: CauseTLS},
	{prefix: "500 Unable to set minimum security level.", cause: CauseTLS},
	{prefix: "Internal ", cause: CauseSystem},
	{prefix: "Cannot ", cause: CauseSystem},
	{prefix: "Unable to fork", cause: CauseSystem},
	{prefix: "250 Backscatter bounce dropped.", cause: CauseSuspended},
	{prefix: "550-The addressee's mailserver does not support the sender's international ", cause: CauseSystem},
	{prefix: "553-The recipient's mail server does not support E-mail", cause: CauseSystem},
	{prefix: "553-messages with international Unicode E-mail addresses or", cause: CauseSystem},
	{prefix: "553-E-mail messages in the international Unicode E-mail format.", cause: CauseSystem},
	{prefix: "553 Unable to deliver Unicode E-mail to a non-Unicode mail server.", cause: CauseSystem},
}
