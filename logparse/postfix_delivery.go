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
		if bytes.HasPrefix(message, []byte("connect to ")) {
			l.greetingRefused(message)
			return
		}
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
	e, said, ok := postfixQuotedReply(text, false)
	if !said {
		return
	}
	if !ok {
		l.notUnderstood(shapePostfixHost)
		return
	}
	if l.mayBeCut() && e.Command != Connect {
		e.Command = NoCommand // the remark is cut off, and what looks like it is the host's
	}
	e.QueueID = id
	e.Repeat = l.shownByTranscript(e.Remote, e.Addr)
	l.emit(e)
}

// greetingRefused reads the greeting of a host after which another one is tried, before
// Postfix 2.3 (smtp_connect.c). The delivery line repeats that of the last host:
//
//	connect to NAME[IP]: server refused to talk to me: REPLY (port 25)
//	QID: to=<...>, relay=none, delay=0, status=deferred (connect to NAME[IP]: server refused to talk to me: REPLY)
func (l *postfix) greetingRefused(text []byte) {
	if port := bytes.LastIndex(text, []byte(" (port ")); port >= 0 {
		text = text[:port]
	}
	e, said, ok := postfixQuotedReply(text, false)
	if !said {
		return
	}
	if !ok || l.mayBeCut() {
		l.notUnderstood(shapePostfixHost)
		return
	}
	l.session().Delivered = l.seed.add(text)
	l.emit(e)
}

// delivery reads what follows "QID: to=<", the end of an attempt to deliver to one
// recipient.
func (l *postfix) delivery(id, b []byte) {
	d, ok := readPostfixDelivery(b)
	if !ok || l.mayBeCut() {
		l.notUnderstood(shapePostfixDelivery)
		return
	}
	name, addr, _, host := cutHost(d.relay)
	var e Event
	switch {
	case l.service != "smtp" && l.service != "lmtp":
		e = d.noHostEvent(l.service)
	case host && len(name) > 0:
		e, ok = d.hostEvent()
		e.Remote, e.Addr = name, addr
		l.withoutRecipient(&e, &d)
	default:
		e, ok = d.greetingEvent()
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
	e.Repeat = l.shownBefore(&e, &d) || l.shownByTranscript(e.Remote, e.Addr)
	l.emit(e)
}

// shownBefore reports whether the reply is that of the delivery line before. Further
// recipients that the same reply answered follow one another in the log of the process,
// with the same times: smtp_bulk_fail() and the loop after end of data. RCPT, and end of
// data in LMTP, have an answer for each. See greetingRefused for a relay that is none.
func (l *postfix) shownBefore(e *Event, d *postfixDelivery) bool {
	s := l.session()
	if string(d.relay) == "none" && s.Delivered == l.seed.add(d.text) {
		return true
	}
	last, one := s.Delivered, e.Command != Rcpt && (l.service == "smtp" || e.Command != EndOfData)
	s.Delivered = l.seed.add(e.QueueID).add(d.relay).add(d.delays).add(d.text)
	return one && last == s.Delivered
}

// emitDelivery adds an attempt without a reply. It leaves out address probes.
func (l *postfix) emitDelivery(e Event) {
	l.session().Delivered = 0
	if e.Deliveries > 0 {
		l.emit(e)
	}
}

// withoutRecipient takes the recipient out of a reply that repeats it.
func (l *postfix) withoutRecipient(e *Event, d *postfixDelivery) {
	if e.Kind != Reply || isPlainAddress(d.recipient) && isPlainAddress(d.original) {
		return
	}
	if e.Said = l.without(e.Text, d.recipient, d.original); e.Said != nil && !e.Implied {
		_, e.Enhanced, _ = ParseReply(e.Said)
	}
}

// A postfixDelivery holds the fields of a delivery line that are read.
type postfixDelivery struct {
	recipient, original, relay, delays, status, text []byte
	whole                                            bool // false where the line was cut
}

// readPostfixDelivery reads what follows "QID: to=<" (global/log_adhoc.c):
//
//	ADDR>[, orig_to=<ADDR>], relay=R, [conn_use=N, ]delay=N, delays=A/B/C/D, [tls=...,] dsn=X.Y.Z, status=WORD (TEXT)
//
// The addresses are in their external form, in which they cannot end their own
// field (since Postfix 3.5, see postfixContext). TEXT is the last field, so a reply
// cannot either.
func readPostfixDelivery(b []byte) (d postfixDelivery, ok bool) {
	d.recipient, b, ok = cutPostfixRecipient(b)
	if rest, found := bytes.CutPrefix(b, []byte(", orig_to=<")); ok && found {
		d.original, b, ok = cutPostfixRecipient(rest)
	}
	b, found := bytes.CutPrefix(b, []byte(", relay="))
	if !ok || !found || !d.readFields(b) {
		return d, false
	}
	return d, !d.isAmbiguous()
}

// readFields reads what follows ", relay=". It reports whether these are the fields of
// a delivery.
func (d *postfixDelivery) readFields(b []byte) (ok bool) {
	d.relay, b, ok = cutPostfixField(b)
	for ok && !bytes.HasPrefix(b, []byte("status=")) {
		var field []byte
		field, b, ok = cutPostfixField(b)
		if delays, found := bytes.CutPrefix(field, []byte("delays=")); found {
			d.delays = delays
		}
	}
	if !ok {
		return false
	}
	d.status, b, ok = bytes.Cut(b[len("status="):], []byte(" "))
	if !ok || len(b) < 2 || b[0] != '(' {
		return false
	}
	d.text, d.whole = bytes.CutSuffix(withoutPostfixVia(b[1:]), []byte(")"))
	return true
}

// withoutPostfixVia takes off what Postfix before 2.3 wrote before the reason where a
// user had asked for a report (global/trace.c):
//
//	status=undeliverable (delivery via NAME[IP]: host NAME[IP] said: ...)
func withoutPostfixVia(text []byte) []byte {
	if relay, ok := bytes.CutPrefix(text, []byte("delivery via ")); ok {
		if _, _, rest, ok := cutHost(relay); ok {
			if reason, ok := bytes.CutPrefix(cutPort(rest), []byte(": ")); ok {
				return reason
			}
		}
	}
	return text
}

// isAmbiguous reports whether the end of an address stands in the text, with all the
// fields behind it. In a log with internal forms, the address can be all that stands
// before it. A remote host can have written the same.
//
//	to=<x>, relay=mx.example[192.0.2.66]:25, ... status=sent (250 Ok)@src.example>, relay=mx.dest.example[192.0.2.10]:25, ... status=...
func (d *postfixDelivery) isAmbiguous() bool {
	const end = ">, relay="
	for text := d.text; ; {
		i := bytes.Index(text, []byte(end))
		if i < 0 {
			return false
		}
		text = text[i+len(end):]
		if again := (postfixDelivery{}); !d.whole || again.readFields(text) {
			return true
		}
	}
}

// cutPostfixRecipient reads an address and the ">" behind it. One that does not begin
// with a quote may be in its internal form, and hold quotes as well.
func cutPostfixRecipient(b []byte) (addr, rest []byte, ok bool) {
	if len(b) > 0 && b[0] == '"' {
		return cutPostfixAddress(b)
	}
	return bytes.Cut(b, []byte(">"))
}

// cutPostfixField reads a field that Postfix wrote and the ", " behind it. None holds
// a blank or an angle bracket.
func cutPostfixField(b []byte) (field, rest []byte, ok bool) {
	for i, c := range b {
		switch c {
		case ' ', '<', '>':
			return nil, nil, false
		case ',':
			if i+1 < len(b) && b[i+1] == ' ' {
				return b[:i], b[i+2:], true
			}
		}
	}
	return nil, nil, false
}

// isProbe reports whether the delivery only probed the address.
func (d *postfixDelivery) isProbe() bool { return bytes.Contains(d.status, []byte("deliverable")) }

// isAccepted reports whether the server accepted the message or the probed address.
func (d *postfixDelivery) isAccepted() bool {
	return string(d.status) == "sent" || string(d.status) == "deliverable"
}

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
	if d.isAccepted() {
		return d.acceptance()
	}
	if reply, said, ok := postfixQuotedReply(d.text, d.whole); said {
		return reply, ok
	}
	return Event{Kind: Delivery, Direction: Received, Text: d.text, Cause: causeOf(postfixCauses, d.text)}, true
}

// greetingEvent returns the event of a delivery by smtp(8) or lmtp(8) without a relay:
// the greeting that Postfix before 2.3 quotes, or no reply.
func (d *postfixDelivery) greetingEvent() (e Event, ok bool) {
	if bytes.HasPrefix(d.text, []byte("connect to ")) {
		if reply, said, ok := postfixQuotedReply(d.text, d.whole); said {
			return reply, ok
		}
	}
	return d.noHostEvent("smtp"), true
}

// acceptance returns the reply that accepted the message. It is the text itself:
//
//	status=sent (250 2.0.0 Ok: queued as ...)
//	status=deliverable (354 Go ahead)
//
// A probe may go on to DATA (smtp_address_verify_target).
func (d *postfixDelivery) acceptance() (e Event, ok bool) {
	e = Event{Kind: Reply, Direction: Received, Command: EndOfData, Text: d.text}
	e.Code, e.Enhanced, ok = ParseReply(e.Text)
	if !ok {
		// smtp_rcpt_done() is only called for a 2xx.
		e.Code, e.Implied = 250, true
	}
	if d.isProbe() {
		e.Command, e.Dialogue = Rcpt, true
		if e.Code == 354 {
			e.Command = Data
			return e, true
		}
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
	{prefix: "Name service error for ", cause: CauseDNS}, // dns/dns_lookup.c
	{suffix: ": host not found", cause: CauseDNS},
	{prefix: "unable to look up ", cause: CauseDNS},
	{prefix: "unable to find ", cause: CauseDNS},
	{prefix: "valid hostname or network address required", cause: CauseDNS},
	{prefix: "Domain ", contains: "does not accept mail (nullMX)", cause: CauseDNS},
	{prefix: "non DNSSEC destination", cause: CauseTLS}, // smtp/smtp_tls_policy.c
	{prefix: "no TLSA records found", cause: CauseTLS},
	{prefix: "client TLS configuration problem", cause: CauseTLS},
	{prefix: "Sender requested REQUIRETLS", cause: CauseTLS},
	{prefix: "REQUIRETLS policy ", cause: CauseTLS},
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
	{prefix: "Server configuration error", cause: CauseSystem},
	{prefix: "mail system configuration error", cause: CauseSystem},
	{prefix: "internal error", cause: CauseSystem},
	{suffix: " or trace service failure", cause: CauseSystem}, // global/bounce.c
	{prefix: "Temporary lookup error", cause: CauseSystem},
	{prefix: "network address conversion failed", cause: CauseSystem},
	{prefix: "all network protocols are disabled", cause: CauseSystem},
	{prefix: "unreadable mail queue entry", cause: CauseSystem},
	{prefix: "local data error while talking to ", cause: CauseSystem},
}
