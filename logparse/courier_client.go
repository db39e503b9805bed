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
			l.said(id, key, text)
		}
	} else if bytes.HasPrefix(b, []byte(",status: ")) || !smtp && bytes.Contains(b, []byte(",success: ")) {
		l.status(id, key, smtp)
	}
}

// said reads one line of a reply, or why there was none.
func (l *courier) said(id []byte, key hash, text []byte) {
	a := l.attempts.put(key)
	text = bytes.TrimRight(text, " ")
	code, enhanced, ok := ParseReply(text)
	if cause := courierCause(text); !ok || cause != CauseOther {
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
	if code.Class() == 2 { // to no other command is one logged
		e.Command = EndOfData
	}
	if !e.Repeat {
		batch := a.Batch
		if batch == 0 {
			batch = l.messageKey(id)
		}
		a.Reply = batch.add(text)
		shared := l.shared.put(a.Reply)
		e.Repeat, *shared = *shared, true
	}
	if !a.Ended {
		e.Deliveries = 1
		l.ended(id)
	}
	a.Code, a.Open, a.Ended = code, len(text) > 3 && text[3] == '-', true
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

// ended notes that a line told how an attempt ended.
func (l *courier) ended(id []byte) {
	if m := l.messages.get(l.messageKey(id)); m != nil && m.Pending > 0 {
		m.Pending--
	}
}

// courierCause reads why no server ended an attempt; CauseOther if a server may
// have said the text. A text that was cut short counts as the whole one.
func courierCause(text []byte) Cause {
	for i := range courierCauses {
		c := &courierCauses[i]
		if n := min(len(text), len(c.before)); n > len("553") && string(text[:n]) == c.before[:n] {
			return c.cause
		}
	}
	return CauseOther
}

// courierCauses are courieresmtp's own words, some with three digits before
// them, and those of strerror(3).
var courierCauses = []struct {
	before string
	cause  Cause
}{
	{"Connection timed out", CauseTimeout},
	{"Connection refused", CauseRefused},
	{"No route to host", CauseUnreachable},
	{"Network is unreachable", CauseUnreachable},
	{"Network connection shut down by ", CauseLostConnection},
	{"Connection closed by ", CauseLostConnection},
	{"Connection unexpectedly closed by ", CauseLostConnection},
	{"Connection reset by peer", CauseLostConnection},
	{"Remote mail server disconnected after ", CauseLostConnection},
	{"<command failed>", CauseLostConnection},
	{"DNS lookup failed.", CauseDNS},
	{"No such domain.", CauseDNS},
	{"This domain's DNS violates RFC 1035.", CauseDNS},
	{"Did not find a suitable MX ", CauseDNS},
	{"configuration error: mail loops back ", CauseLoop},
	{"Compatible SASL authentication not available", CauseAuth},
	{"Temporary SASL authentication error.", CauseAuth},
	{"/SECURITY", CauseTLS},
	{"500 Error starting couriertls.", CauseTLS},
	{"500 Unable to start couriertls", CauseTLS},
	{"500 Unable to set minimum security level.", CauseTLS},
	{"Internal ", CauseSystem},
	{"Cannot ", CauseSystem},
	{"Unable to fork", CauseSystem},
	{"250 Backscatter bounce dropped.", CauseSuspended},
	{"550-The addressee's mailserver does not support the sender's international ", CauseSystem},
	{"553-The recipient's mail server does not support E-mail", CauseSystem},
	{"553-messages with international Unicode E-mail addresses or", CauseSystem},
	{"553-E-mail messages in the international Unicode E-mail format.", CauseSystem},
	{"553 Unable to deliver Unicode E-mail to a non-Unicode mail server.", CauseSystem},
}
