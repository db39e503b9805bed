package logparse

import "bytes"

// client reads the lines of smtp(8) and lmtp(8).
func (l *postfix) client(message []byte) {
	switch {
	case isPostfixTranscript(message):
		l.clientTranscript(message)
		return
	case bytes.HasPrefix(message, []byte("warning: host ")):
		// warning: host NAME[IP] said: REPLY (in reply to XFORWARD command)
		l.hostSaid(nil, message[len("warning: "):])
		return
	}
	id, rest := cutPostfixQueueID(message)
	if id == nil {
		l.clientVerbose(message)
		return
	}
	if rest, ok := bytes.CutPrefix(rest, []byte("to=<")); ok {
		l.delivery(id, rest)
		return
	}
	// The reply of a host after which another one is tried (smtp_trouble.c).
	l.hostSaid(id, rest)
}

// isPostfixTranscript reports whether a message shows a line of a dialogue.
func isPostfixTranscript(message []byte) bool {
	return len(message) > 2 && message[1] == ' ' && (message[0] == '<' || message[0] == '>')
}

// hostSaid reads a reply in a message of its own:
//
//	QID: host NAME[IP] said: REPLY (in reply to RCPT TO command)
//	QID: host NAME[IP] refused to talk to me: REPLY
func (l *postfix) hostSaid(id, text []byte) {
	e, said, ok := postfixQuotedReply(text)
	if !said {
		return
	}
	if !ok {
		l.notUnderstood(shapePostfixHost)
		return
	}
	e.QueueID = id
	e.Repeat = l.shownByTranscript(e.Remote, e.Addr)
	l.emit(e)
}

// delivery reads what follows "QID: to=<", the end of an attempt to deliver to one
// recipient.
func (l *postfix) delivery(id, b []byte) {
	d, ok := readPostfixDelivery(b)
	if !ok {
		l.notUnderstood(shapePostfixDelivery)
		return
	}
	name, addr, _, host := cutHost(d.relay)
	var e Event
	if host && len(name) > 0 && (l.service == "smtp" || l.service == "lmtp") {
		e, ok = d.hostEvent()
		e.Remote, e.Addr = name, addr
	} else {
		e = d.noHostEvent(l.service)
	}
	if !ok {
		l.notUnderstood(shapePostfixDelivery)
		return
	}
	e.QueueID = id
	if !d.isProbe() {
		e.Deliveries = 1
	}
	if e.Kind == Delivery {
		l.emitDelivery(e)
		return
	}
	// Further recipients that the same reply answered follow one another in the
	// log of the process, with the same times: smtp_bulk_fail() and the loop
	// after end of data. RCPT, and end of data in LMTP, have an answer for each.
	one := e.Command != Rcpt && (l.service == "smtp" || e.Command != EndOfData)
	s := l.session()
	delivered := l.seed.add(id).add(d.relay).add(d.delays).add(d.text)
	e.Repeat = one && s.Delivered == delivered || l.shownByTranscript(name, addr)
	s.Delivered = delivered
	l.emit(e)
}

// emitDelivery adds an attempt without a reply. It leaves out address probes.
func (l *postfix) emitDelivery(e Event) {
	l.session().Delivered = 0
	if e.Deliveries > 0 {
		l.emit(e)
	}
}

// A postfixDelivery holds the fields of a delivery line that are read.
type postfixDelivery struct {
	relay, delays, status, text []byte
}

// readPostfixDelivery reads what follows "QID: to=<" (global/log_adhoc.c):
//
//	ADDR>[, orig_to=<ADDR>], relay=R, [conn_use=N, ]delay=N, delays=A/B/C/D, [tls=...,] dsn=X.Y.Z, status=WORD (TEXT)
//
// Addresses come in their external form (RFC 5321 quoting), so a recipient
// cannot end its own field; TEXT is the last field, so a reply cannot either.
func readPostfixDelivery(b []byte) (d postfixDelivery, ok bool) {
	b, ok = skipAddress(b)
	if rest, found := bytes.CutPrefix(b, []byte(", orig_to=<")); ok && found {
		b, ok = skipAddress(rest)
	}
	b, found := bytes.CutPrefix(b, []byte(", relay="))
	if !ok || !found {
		return d, false
	}
	d.relay, b, ok = bytes.Cut(b, []byte(", "))
	for ok && !bytes.HasPrefix(b, []byte("status=")) {
		var field []byte
		field, b, ok = bytes.Cut(b, []byte(", "))
		if delays, found := bytes.CutPrefix(field, []byte("delays=")); found {
			d.delays = delays
		}
		ok = ok && bytes.IndexByte(field, ' ') < 0
	}
	if !ok {
		return d, false
	}
	var text []byte
	d.status, text, ok = bytes.Cut(b[len("status="):], []byte(" "))
	if !ok || len(text) < 2 || text[0] != '(' {
		return d, false
	}
	d.text = bytes.TrimSuffix(text[1:], []byte(")"))
	return d, true
}

// isProbe reports whether the delivery only probed the address.
func (d *postfixDelivery) isProbe() bool { return bytes.Contains(d.status, []byte("deliverable")) }

// noHostEvent returns the event of a delivery by another daemon, or without a
// connection. What a host said to an earlier attempt may be quoted, and is no new
// reply.
func (d *postfixDelivery) noHostEvent(service string) Event {
	e := Event{Kind: Delivery, Direction: Received, Text: d.text}
	e.Remote, e.Addr = postfixQuotedHost(d.text)
	if service == "local" || string(d.relay) != "none" {
		e.Cause = CauseLocal
	} else {
		e.Cause = causeOf(postfixCauses, d.text)
	}
	return e
}

// hostEvent returns the event of a delivery to a host: its reply, or why there was
// none. ok is false where the line shows a reply that cannot be read.
func (d *postfixDelivery) hostEvent() (e Event, ok bool) {
	switch string(d.status) {
	case "sent", "deliverable":
		return d.acceptance()
	}
	if reply, said, ok := postfixQuotedReply(d.text); said {
		return reply, ok
	}
	return Event{Kind: Delivery, Direction: Received, Text: d.text, Cause: causeOf(postfixCauses, d.text)}, true
}

// acceptance returns the reply that accepted the message. It is the text itself:
//
//	status=sent (250 2.0.0 Ok: queued as ...)
func (d *postfixDelivery) acceptance() (e Event, ok bool) {
	e = Event{Kind: Reply, Direction: Received, Command: EndOfData, Text: d.text}
	if d.isProbe() {
		e.Command, e.Dialogue = Rcpt, true
	}
	e.Code, e.Enhanced, ok = ParseReply(d.text)
	if !ok {
		// smtp_rcpt_done() is only called for a 2xx.
		e.Code, e.Implied = 250, true
	}
	return e, e.Code.Class() == 2
}

// postfixCauses map the reason that Postfix gives to why nobody answered. All of a
// reason but host names is in Postfix' own words.
var postfixCauses = []causeRule{
	{prefix: "delivery temporarily suspended: ", cause: CauseSuspended},
	{prefix: "SASL [CACHED] authentication failed", cause: CauseSuspended},
	{prefix: "connect to ", contains: ": Connection timed out", cause: CauseTimeout},
	{prefix: "connect to ", contains: ": Operation timed out", cause: CauseTimeout},
	{prefix: "connect to ", contains: ": Connection refused", cause: CauseRefused},
	{prefix: "connect to ", contains: ": Connection reset by peer", cause: CauseLostConnection},
	{prefix: "connect to ", cause: CauseUnreachable},
	{prefix: "conversation with ", contains: " timed out while ", cause: CauseTimeout},
	{prefix: "lost connection with ", cause: CauseLostConnection},
	{prefix: "Host or domain name not found", cause: CauseDNS},
	{prefix: "unable to look up ", cause: CauseDNS},
	{prefix: "unable to find ", cause: CauseDNS},
	{prefix: "valid hostname or network address required", cause: CauseDNS},
	{prefix: "Domain ", contains: "does not accept mail (nullMX)", cause: CauseDNS},
	{prefix: "non DNSSEC destination", cause: CauseDNS},
	{prefix: "TLS", cause: CauseTLS},
	{prefix: "Cannot start TLS", cause: CauseTLS},
	{prefix: "Server certificate not ", cause: CauseTLS},
	{prefix: "SASL authentication failed", cause: CauseAuth},
	{prefix: "mail for ", contains: " loops back to myself", cause: CauseLoop},
	{prefix: "message size ", contains: " exceeds size limit ", cause: CauseTooLarge},
	{prefix: "mail transport unavailable", cause: CauseSystem},
	{prefix: "unknown mail transport error", cause: CauseSystem},
	{prefix: "local configuration error", cause: CauseSystem},
	{prefix: "Local configuration error", cause: CauseSystem},
	{prefix: "server configuration error", cause: CauseSystem},
	{prefix: "mail system configuration error", cause: CauseSystem},
	{prefix: "internal error", cause: CauseSystem},
}
