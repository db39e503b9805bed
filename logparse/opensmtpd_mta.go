package logparse

import "bytes"

// client reads what follows "ID mta VERB " (mta.c, mta_session.c):
//
//	connecting address=SCHEME://ADDR:PORT host=NAME
//	delivery evpid=ID from=<ADDR> to=<ADDR> rcpt=<ADDR> source="ADDR" relay="ADDR (NAME)" delay=1s result="Ok" stat="REPLY"
//	delivery evpid=ID ... source=ADDR relay=ADDR (NAME) delay=1s result=Ok stat=REPLY                                           up to 6.0.2
//	error reason=BANNER rejected: REPLY
func (l *openSMTPD) client(process *openSMTPDProcess, id, verb, b []byte) {
	switch string(verb) {
	case "connecting":
		address, name, _ := bytes.Cut(b, []byte(" host="))
		scheme, addr, ok := bytes.Cut(address, []byte("://"))
		if i := bytes.LastIndexByte(addr, ':'); ok && i > 0 {
			s := l.session(id)
			*s = openSMTPDSession{LMTP: string(scheme) == "address=lmtp"}
			s.Peer.set(name, openSMTPDAddr(addr[:i]))
		}
	case "delivery":
		l.delivery(process, id, b)
	case "error":
		if reason, ok := bytes.CutPrefix(b, []byte("reason=")); ok {
			l.rejected(id, reason)
		}
	}
}

// rejected reads the reason of an error. Only reasons of this form quote a reply.
// The envelopes that wait have lines of their own.
//
//	BANNER rejected: 554 5.7.1 no
func (l *openSMTPD) rejected(id, reason []byte) {
	step, text, ok := bytes.Cut(reason, []byte(" rejected: "))
	if !ok {
		return
	}
	e := Event{Kind: Reply, Direction: Received, Text: text}
	switch string(step) {
	case "BANNER":
		e.Command = Connect
	case "EHLO", "HELO", "LHLO":
		e.Command = Ehlo
	case "STARTTLS":
		e.Command = StartTLS
	case "AUTH":
		e.Command = Auth
	default:
		return
	}
	e.Code, e.Enhanced, ok = parseJoinedReply(text)
	if !ok {
		l.notUnderstood(shapeOpenSMTPDRejected)
		return
	}
	e.unexpected()
	e.Repeat = l.before.Traced == e.Code
	s := l.session(id)
	e.Remote, e.Addr = s.Peer.name(), s.Peer.addr()
	l.emit(e)
}

// delivery reads the end of an attempt for one recipient.
//
// A reply to MAIL, DATA or the message is logged for each of the task's
// recipients, in one loop of one process (mta_flush_task()); one to RCPT has a
// line in the same form. So a line repeats the reply of the process' line before
// it if session, message, result and text are the same. Two recipients that are
// refused one after another in the same words, each by its own reply to RCPT,
// look the same and count once. Refusals whose enhanced code is of an address
// (RFC 3463 §3.2) are an exception: those are one a recipient. Over LMTP, all
// replies are.
func (l *openSMTPD) delivery(process *openSMTPDProcess, id, b []byte) {
	if d, ok := cutOpenSMTPDDelivery(b); ok {
		l.delivered(process, id, d)
	} else {
		l.notUnderstood(shapeOpenSMTPDDelivery)
	}
}

func (l *openSMTPD) delivered(process *openSMTPDProcess, id []byte, d openSMTPDDelivery) {
	if string(id) == "0000000000000000" { // no session: the relay is a domain
		d.name, d.addr = d.addr, nil
	}
	e := Event{
		Kind: Delivery, Direction: Received, Deliveries: 1,
		Remote: d.name, Addr: d.addr, QueueID: d.envelope, Text: d.status,
	}
	if len(d.status) == 0 || !isDigit(d.status[0]) { // the MTA's own words (mta.c, mta_session.c)
		e.Cause = causeOf(openSMTPDCauses, d.status)
		l.emit(e)
		return
	}
	var ok bool
	e.Kind = Reply
	e.Code, e.Enhanced, ok = parseJoinedReply(d.status)
	if !ok || d.accepted && e.Code.Class() != 2 {
		l.notUnderstood(shapeOpenSMTPDDelivery)
		return
	}
	if d.accepted {
		e.Command = EndOfData
	} else {
		e.unexpected()
	}
	if !l.session(id).LMTP && (d.accepted || e.Enhanced.Subject != 1) {
		message := d.envelope[:min(len(d.envelope), 8)] // of 16 digits
		process.Delivered = l.seed.add(id).add(message).add(d.result).add(d.status)
		e.Repeat = l.before.Delivered == process.Delivered
	}
	l.emit(e)
}

// An openSMTPDDelivery is what a delivery line shows.
type openSMTPDDelivery struct {
	envelope, name, addr, result, status []byte
	accepted                             bool
}

// cutOpenSMTPDDelivery reads the fields of a delivery line. Addresses hold no ">"
// (valid_localpart() and res_hnok() in util.c), names of hosts no quote and no blank;
// the reply is last.
func cutOpenSMTPDDelivery(b []byte) (d openSMTPDDelivery, ok bool) {
	var relay []byte
	b, ok = cutOpenSMTPDFields(b, []openSMTPDField{
		{"evpid=", &d.envelope, " "}, {"from=<", nil, "> "}, {"to=<", nil, "> "}, {"rcpt=<", nil, "> "},
	})
	quoted := bytes.HasPrefix(b, []byte(`source="`))
	if quoted {
		b, ok = cutOpenSMTPDFields(b, []openSMTPDField{
			{`source="`, nil, `" `}, {`relay="`, &relay, `" `}, {"delay=", nil, " "}, {`result="`, &d.result, `" `},
		})
		d.status, quoted = bytes.CutPrefix(b, []byte(`stat="`))
		d.status = bytes.TrimSuffix(d.status, []byte(`"`))
		ok = ok && quoted
	} else if ok {
		b, ok = cutOpenSMTPDFields(b, []openSMTPDField{
			{"source=", nil, " "}, {"relay=", &relay, " delay="}, {"", nil, " "}, {"result=", &d.result, " "},
		})
		var found bool
		d.status, found = bytes.CutPrefix(b, []byte("stat="))
		ok = ok && found
	}
	return d, ok && d.setRelay(relay) && d.judge()
}

// An openSMTPDField is a field between two strings, and where its value goes; nil for
// one that is not read.
type openSMTPDField struct {
	before string
	value  *[]byte
	after  string
}

// cutOpenSMTPDFields reads fields that follow one another.
func cutOpenSMTPDFields(b []byte, fields []openSMTPDField) (rest []byte, ok bool) {
	for i := range fields {
		field := &fields[i]
		n := len(field.before)
		if len(b) < n || string(b[:n]) != field.before {
			return nil, false
		}
		value, rest, found := cutAt(b[n:], field.after)
		if !found {
			return nil, false
		}
		if field.value != nil {
			*field.value = value
		}
		b = rest
	}
	return b, true
}

// cutAt is bytes.Cut for a string that begins with a rare byte.
func cutAt(b []byte, sep string) (before, after []byte, found bool) {
	for i := 0; ; i++ {
		n := bytes.IndexByte(b[i:], sep[0])
		if n < 0 {
			return b, nil, false
		}
		if i += n; len(b)-i >= len(sep) && string(b[i:i+len(sep)]) == sep {
			return b[:i], b[i+len(sep):], true
		}
	}
}

// setRelay reads "ADDR (NAME)" or a domain, and reports whether relay is one of these. Both
// are without blanks.
func (d *openSMTPDDelivery) setRelay(relay []byte) bool {
	addr, name, ok := bytes.Cut(relay, []byte(" ("))
	if ok {
		d.name = bytes.TrimSuffix(name, []byte(")"))
	}
	d.addr = openSMTPDAddr(addr)
	return bytes.IndexByte(addr, ' ') < 0 && bytes.IndexByte(name, ' ') < 0
}

// judge reads the result and reports whether it is one.
func (d *openSMTPDDelivery) judge() bool {
	d.accepted = string(d.result) == "Ok"
	return d.accepted || string(d.result) == "TempFail" || string(d.result) == "PermFail"
}

// openSMTPDCauses are tried in order. What follows "IO Error: " is the system's or
// the TLS library's word (ioev.c, io_error()).
var openSMTPDCauses = []causeRule{
	{prefix: "Connection timeout", cause: CauseTimeout},
	{prefix: "Connection closed unexpectedly", cause: CauseLostConnection},
	{prefix: "Connection failed: ", cause: CauseUnreachable},
	{prefix: "IO Error: ", contains: "Connection refused", cause: CauseRefused},
	{prefix: "IO Error: ", contains: "timed out", cause: CauseTimeout},
	{prefix: "IO Error: ", contains: "No route to host", cause: CauseUnreachable},
	{prefix: "IO Error: ", contains: "unreachable", cause: CauseUnreachable},
	{prefix: "IO Error: ", contains: "error:", cause: CauseTLS},
	{prefix: "IO Error: ", contains: "handshake", cause: CauseTLS},
	{prefix: "IO Error: ", contains: "certificate", cause: CauseTLS},
	{prefix: "IO Error: ", cause: CauseLostConnection},
	{prefix: "TLS required ", cause: CauseTLS},
	{prefix: "SSL certificate check failed", cause: CauseTLS},
	{prefix: "Temporary failure in MX lookup", cause: CauseDNS},
	{prefix: "Invalid domain name", cause: CauseDNS},
	{prefix: "Domain does not ", cause: CauseDNS}, // exist, accept mail
	{prefix: "Host not found", cause: CauseDNS},
	{prefix: "No MX found for ", cause: CauseDNS},
	{prefix: "Network error on destination MXs", cause: CauseUnreachable},
	{prefix: "Address family mismatch on destination MXs", cause: CauseUnreachable},
	{prefix: "No valid route to ", cause: CauseUnreachable},
	{prefix: "Destination seem to reject all mails", cause: CauseSuspended},
	{prefix: "All routes to destination blocked", cause: CauseSuspended},
	{prefix: "Too many consecutive errors", cause: CauseSuspended},
	{prefix: "no supported AUTH method", cause: CauseAuth},
	{prefix: "AUTH not advertised", cause: CauseAuth},
	{prefix: "Refuse to AUTH over ", cause: CauseAuth},
	{prefix: "Credentials too large", cause: CauseAuth},
	{prefix: "Could not retrieve credentials", cause: CauseAuth},
	{prefix: "message too large for peer", cause: CauseTooLarge},
	{prefix: "Loop detected", cause: CauseLoop},
	{prefix: "Could not ", cause: CauseSystem}, // get message fd, stat message fd, retrieve source address
	{prefix: "Error reading content file", cause: CauseSystem},
}
