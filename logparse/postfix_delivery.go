package logparse

import "bytes"

// client reads the lines of smtp(8) and lmtp(8).
func (l *postfix) client(message []byte) {
	switch {
	case len(message) > 2 && message[1] == ' ' && (message[0] == '<' || message[0] == '>'):
		l.clientTranscript(message)
		return
	case bytes.HasPrefix(message, []byte("warning: host ")):
		// warning: host NAME[IP] said: REPLY (in reply to XFORWARD command)
		l.hostSaid(nil, message[len("warning: "):])
		return
	}
	id, rest := cutQueueID(message)
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

// hostSaid reads a reply in a message of its own:
//
//	QID: host NAME[IP] said: REPLY (in reply to RCPT TO command)
//	QID: host NAME[IP] refused to talk to me: REPLY
func (l *postfix) hostSaid(id, text []byte) {
	e, said, ok := quotedReply(text)
	if !ok {
		if said {
			l.notUnderstood(shapeHost)
			return
		}
		return
	}
	e.QueueID = id
	e.Repeat = l.shownByTranscript(e.Remote, e.Addr)
	l.emit(e)
}

// delivery reads what follows "QID: to=<" (global/log_adhoc.c):
//
//	ADDR>[, orig_to=<ADDR>], relay=R, [conn_use=N, ]delay=N, delays=A/B/C/D, [tls=...,] dsn=X.Y.Z, status=WORD (TEXT)
//
// Addresses come in their external form (RFC 5321 quoting), so a recipient
// cannot end its own field; TEXT is the last field, so a reply cannot either.
func (l *postfix) delivery(id, b []byte) {
	b, ok := skipAddress(b)
	if rest, found := bytes.CutPrefix(b, []byte(", orig_to=<")); ok && found {
		b, ok = skipAddress(rest)
	}
	b, found := bytes.CutPrefix(b, []byte(", relay="))
	if !ok || !found {
		l.notUnderstood(shapeDelivery)
		return
	}
	relay, b, ok := bytes.Cut(b, []byte(", "))
	if !ok {
		l.notUnderstood(shapeDelivery)
		return
	}
	var delays, status []byte
	for status == nil {
		field, rest, more := bytes.Cut(b, []byte(", "))
		if v, ok := bytes.CutPrefix(field, []byte("delays=")); ok {
			delays = v
		}
		if bytes.HasPrefix(field, []byte("status=")) {
			status = b[len("status="):]
		} else if !more || bytes.IndexByte(field, ' ') >= 0 {
			l.notUnderstood(shapeDelivery)
			return
		}
		b = rest
	}
	word, text, ok := bytes.Cut(status, []byte(" "))
	if !ok || len(text) < 2 || text[0] != '(' {
		l.notUnderstood(shapeDelivery)
		return
	}
	text = bytes.TrimSuffix(text[1:], []byte(")"))

	name, addr, _, host := cutHost(relay)
	host = host && len(name) > 0
	probe := bytes.Contains(word, []byte("deliverable"))
	e := Event{Kind: Delivery, Direction: Received, QueueID: id, Text: text}
	if !probe {
		e.Deliveries = 1
	}
	speaks := l.service == "smtp" || l.service == "lmtp"
	if !speaks || !host {
		// No host: another daemon, or no connection. What a host said to
		// an earlier attempt may be quoted, and is no new reply.
		e.Remote, e.Addr = quotedHost(text)
		if e.Cause = causeOf(postfixCauses, text); l.service == "local" || string(relay) != "none" {
			e.Cause = CauseLocal
		}
		l.emitDelivery(e)
		return
	}
	accepted := string(word) == "sent" || string(word) == "deliverable"
	if accepted {
		// status=sent (250 2.0.0 Ok: queued as ...): the reply itself
		e.Kind, e.Text = Reply, text
		e.Command = EndOfData
		if probe {
			e.Command, e.Dialogue = Rcpt, true
		}
		e.Code, e.Enhanced, ok = ParseReply(text)
		switch { // smtp_rcpt_done() is only called for a 2xx
		case !ok:
			e.Code, e.Implied = 250, true
		case e.Code.Class() != 2:
			l.notUnderstood(shapeDelivery)
			return
		}
	} else if reply, said, ok := quotedReply(text); ok {
		reply.QueueID, reply.Deliveries = id, e.Deliveries
		e = reply
	} else if said {
		l.notUnderstood(shapeDelivery)
		return
	} else {
		e.Cause = causeOf(postfixCauses, text)
		e.Remote, e.Addr = name, addr
		l.emitDelivery(e)
		return
	}
	e.Remote, e.Addr = name, addr

	// Further recipients that the same reply answered follow one another in the
	// log of the process, with the same times: smtp_bulk_fail() and the loop
	// after end of data. RCPT, and end of data in LMTP, have an answer for each.
	one := e.Command != Rcpt && (l.service == "smtp" || e.Command != EndOfData)
	s := l.session()
	delivered := l.seed.add(id).add(relay).add(delays).add(text)
	e.Repeat = one && s.Delivered == delivered || l.shownByTranscript(name, addr)
	s.Delivered = delivered
	l.emit(e)
}

// emitDelivery adds an attempt without a reply; a probe's is of no interest.
func (l *postfix) emitDelivery(e Event) string {
	l.session().Delivered = 0
	if e.Deliveries > 0 {
		l.emit(e)
	}
	return ""
}

// quotedReply reads the reply that a reason quotes (smtp/smtp_proto.c,
// smtp_sasl_glue.c). said is true where one is announced.
//
//	host NAME[IP] said: REPLY (in reply to RCPT TO command)
//	host NAME[IP] refused to talk to me: REPLY
//	SASL authentication failed; server NAME[IP] said: REPLY
//	TLS is required, but host NAME[IP] refused to start TLS: REPLY
func quotedReply(text []byte) (e Event, said, ok bool) {
	command := NoCommand
	var rest []byte
	for i := range replyQuotes {
		q := &replyQuotes[i]
		if rest, ok = bytes.CutPrefix(text, []byte(q.before)); !ok {
			continue
		}
		var name, addr []byte
		if name, addr, rest, ok = cutHost(rest); !ok {
			return Event{}, false, false
		}
		if rest, ok = bytes.CutPrefix(cutPort(rest), []byte(q.after)); ok {
			e = Event{Kind: Reply, Direction: Received, Remote: name, Addr: addr}
			command = q.command
			break
		}
	}
	if !ok {
		return Event{}, false, false
	}
	// The remark stands behind all that the remote host could write; where
	// Postfix makes none, one would be the remote host's.
	if said, ok := bytes.CutSuffix(rest, []byte(" command)")); ok && command == NoCommand {
		if i := bytes.LastIndex(said, []byte(" (in reply to ")); i >= 0 {
			command = answered(said[i+len(" (in reply to "):])
			rest = said[:i]
		}
	}
	if e.Code, e.Enhanced, ok = ParseReply(rest); !ok {
		return Event{}, true, false
	}
	// That it answered STARTTLS is nowhere said but in smtp_proto.c.
	e.Implied = command == StartTLS
	e.Command, e.Text = command, rest
	e.Dialogue = e.Code.Class() < 4
	return e, true, true
}

var replyQuotes = []struct {
	before, after string
	command       Command
}{
	{"host ", " said: ", NoCommand},
	// Also said of a 421 to EHLO, which the text does not show.
	{"host ", " refused to talk to me: ", Connect},
	{"SASL authentication failed; server ", " said: ", Auth},
	{"TLS is required, but host ", " refused to start TLS: ", StartTLS},
}

// answered reads what Postfix calls the command, as in "end of DATA"
// (smtp/smtp_proto.c, xfer_request).
func answered(name []byte) Command {
	switch string(name) {
	case "HELO", "EHLO", "LHLO":
		return Ehlo
	case "MAIL FROM":
		return Mail
	case "RCPT TO":
		return Rcpt
	case "DATA":
		return Data
	case "end of DATA":
		return EndOfData
	case "RSET", "final RSET":
		return Rset
	case "QUIT":
		return Quit
	}
	return OtherCommand
}

// quotedHost returns the host that a reason without a reply speaks of.
func quotedHost(text []byte) (name, addr []byte) {
	text = bytes.TrimPrefix(text, []byte("delivery temporarily suspended: "))
	for _, before := range []string{
		"host ", "connect to ", "lost connection with ", "conversation with ",
		"SASL authentication failed; server ", "SASL [CACHED] authentication failed; server ",
		"SASL authentication failed; cannot authenticate to server ",
		"TLS is required, but host ", "TLS is required, but was not offered by host ",
	} {
		if rest, ok := bytes.CutPrefix(text, []byte(before)); ok {
			if name, addr, _, ok := cutHost(rest); ok {
				return name, addr
			}
		}
	}
	return nil, nil
}

// postfixCauses are why nobody answered, by the reason that Postfix gives. All of
// it but host names is in Postfix's own words.
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
