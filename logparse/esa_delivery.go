package logparse

import "bytes"

// messageLine reads what follows "MID ": a server's reply to a message that it
// accepted, and refusals of senders and recipients.
//
//	6 RID [0] Response '2.0.0 Ok'
//	6 RID [0] Response 2.6.0 <37gva9@mail.example> Queued mail for delivery
//	6 ICID 5 RID 0 To: <ann@dest.example> Rejected by RAT
func (l *esa) messageLine(b []byte) {
	mid, b := cutDigits(b)
	if rest, ok := bytes.CutPrefix(b, []byte(" RID ")); ok {
		rids, n, rest := cutESARecipients(rest)
		rest, ok := bytes.CutPrefix(rest, []byte(" Response "))
		if !ok {
			return
		}
		l.accepted(mid, rest, l.deliveries.get(l.delivery(mid, rids)), n)
		return
	}
	rest, ok := bytes.CutPrefix(b, []byte(" ICID "))
	if !ok {
		return
	}
	icid, rest := cutDigits(rest)
	if rid, ok := bytes.CutPrefix(rest, []byte(" RID ")); ok {
		_, rest = cutDigits(rid)
	}
	switch {
	case bytes.HasPrefix(rest, []byte(" To: <")) && bytes.HasPrefix(afterESAAddress(rest), []byte(" Rejected by ")):
		l.refused(icid, Rcpt)
	case bytes.HasPrefix(rest, []byte(" From: <")) && bytes.HasPrefix(afterESAAddress(rest), []byte(" sender rejected")):
		l.refused(icid, Mail)
	}
}

// accepted adds the reply to a message. Its text is in Python's quotes, or in older
// versions in none.
func (l *esa) accepted(mid, text []byte, p *esaPeer, recipients int) {
	if recipients == 0 || len(text) == 0 {
		l.notUnderstood(shapeESAResponse)
		return
	}
	if text[0] == '\'' || text[0] == '"' {
		l.text = l.text[:0]
		if _, ok := l.unquote(text); !ok {
			l.notUnderstood(shapeESAResponse)
			return
		}
		text = l.text
	}
	e := Event{
		Direction: Received, Code: 250, Implied: true, Command: EndOfData, Deliveries: recipients,
		QueueID: mid, Text: text,
	}
	e.Enhanced, _ = ParseEnhanced(text)
	if p != nil {
		e.Addr = p.Addr.bytes()
		e.Remote = e.Addr
	}
	l.emit(e)
}

// cutESARecipients reads the number of a recipient, or those of several, and returns
// how many there are; 0 for anything else.
//
//	0
//	[0, 1, 2]
func cutESARecipients(b []byte) (rids []byte, n int, rest []byte) {
	list, ok := bytes.CutPrefix(b, []byte("["))
	if !ok {
		if id, rest := cutNumber(b); id >= 0 {
			return b[:len(b)-len(rest)], 1, rest
		}
		return nil, 0, b
	}
	for {
		id, rest := cutNumber(list)
		if id < 0 {
			return nil, 0, b
		}
		n++
		list, ok = bytes.CutPrefix(rest, []byte(", "))
		if ok {
			continue
		}
		rest, ok = bytes.CutPrefix(rest, []byte("]"))
		if !ok {
			return nil, 0, b
		}
		return b[:len(b)-len(rest)], n, rest
	}
}

// failed reads what follows "Bounced: " or "Delayed: ":
//
//	DCID 8 MID 6 to RID 0 - 5.1.0 - Unknown address error ('550', ['5.1.1 <ann@dest.example>: no', ...]) []
//	DCID 0 MID 6 to RID 0 - 5.1.2 - Bad destination host ('000', ['DNS Hard Error looking up dest.example (MX): NXDomain'])
//
// The words and the code before the bracket are AsyncOS' own. 000 is no reply; without
// a connection (DCID 0) a reply is that of an earlier attempt.
func (l *esa) failed(b []byte) {
	var dcid []byte
	if rest, ok := bytes.CutPrefix(b, []byte("DCID ")); ok {
		dcid, b = cutDigits(rest)
		b = bytes.TrimPrefix(b, []byte(" "))
	}
	connected := dcid != nil && string(dcid) != "0"
	mid, recipients, b := cutESAFailure(b, " to RID ")
	if recipients == 0 {
		l.notUnderstood(shapeESADelivery)
		return
	}
	if !connected && bytes.HasPrefix(b, []byte("5.4.7 - Delivery expired")) {
		return // no attempt
	}
	e := Event{Direction: Received, Deliveries: recipients, QueueID: mid, Text: b}
	if p := l.connections.get(l.connection("DCID", dcid)); p != nil {
		e.Addr = p.Addr.bytes()
		e.Remote = e.Addr
	}
	code, lines := cutESATuple(b)
	if !connected || code == nil || string(code) == "000" {
		words := b
		if code != nil && string(code) != "000" { // those of another host stand behind
			words, _, _ = bytes.Cut(b, []byte(" ('"))
		}
		e.Kind = Delivery
		e.Cause = causeOf(esaCauses, words)
		l.emit(e)
		return
	}
	l.refusal(e, code, lines, shapeESADelivery)
}

// cutESAFailure reads "MID 6 to RID 0 - "; recipients is 0 for anything else.
func cutESAFailure(b []byte, to string) (mid []byte, recipients int, why []byte) {
	b, ok := bytes.CutPrefix(b, []byte("MID "))
	mid, b = cutDigits(b)
	b, toRecipients := bytes.CutPrefix(b, []byte(to))
	_, recipients, b = cutESARecipients(b)
	why, whole := bytes.CutPrefix(b, []byte(" - "))
	if !ok || !toRecipients || !whole {
		return nil, 0, nil
	}
	return mid, recipients, why
}

// doubleBounced reads what follows "Double bounce: ", of a report that is refused itself:
//
//	MID 12222130 to 0 - 5.1.0 - Unknown address error 501-'5.5.4 Invalid Address'
func (l *esa) doubleBounced(b []byte) {
	mid, recipients, b := cutESAFailure(b, " to ")
	if recipients == 0 {
		l.notUnderstood(shapeESADelivery)
		return
	}
	e := Event{Direction: Received, Deliveries: recipients, QueueID: mid, Text: b}
	words, reply, ok := bytes.Cut(b, []byte("-'"))
	if !ok {
		words, reply, ok = bytes.Cut(b, []byte(`-"`))
	}
	i := bytes.LastIndexByte(words, ' ')
	code := words[i+1:]
	if !ok || len(code) != 3 || string(code) == "000" {
		e.Kind = Delivery
		e.Cause = causeOf(esaCauses, b)
		l.emit(e)
		return
	}
	l.text = append(append(l.text[:0], code...), ' ')
	rest, ok := l.unquote(b[len(b)-len(reply)-1:])
	if ok {
		e.Text = l.text
		e.Code, e.Enhanced, ok = ParseReply(e.Text)
	}
	if !ok || e.Code.Class() < 4 || len(rest) > 0 {
		l.notUnderstood(shapeESADelivery)
		return
	}
	l.emit(e)
}

// refusal adds the event of a negative reply that is logged as a code and a list of
// lines.
func (l *esa) refusal(e Event, code, lines []byte, shape string) {
	ok := l.join(code, lines)
	if ok {
		e.Text = l.text
		e.Code, e.Enhanced, ok = ParseReply(e.Text)
	}
	if !ok || e.Code.Class() < 4 {
		l.notUnderstood(shape)
		return
	}
	l.emit(e)
}

// esaCauses are tried in order.
var esaCauses = []causeRule{
	{contains: "DNS", cause: CauseDNS},
	{contains: "Bad destination host", cause: CauseDNS},
	{contains: "Connection refused", cause: CauseRefused},
	{contains: "onnection reset", cause: CauseLostConnection},
	{contains: "lost", cause: CauseLostConnection},
	{contains: "timeout", cause: CauseTimeout},
	{contains: "timed out", cause: CauseTimeout},
	{contains: "TLS", cause: CauseTLS},
	{contains: "network error", cause: CauseUnreachable},
	{contains: "network problem", cause: CauseUnreachable},
	{contains: "nreachable", cause: CauseUnreachable},
}

// cutESATuple finds the first tuple of a code and a list, and returns the code and
// what follows the list's bracket.
func cutESATuple(b []byte) (code, lines []byte) {
	for {
		i := bytes.Index(b, []byte(" ('"))
		if i < 0 {
			return nil, nil
		}
		b = b[i+len(" ('"):]
		if len(b) > 7 && isDigit(b[0]) && isDigit(b[1]) && isDigit(b[2]) && bytes.HasPrefix(b[3:], []byte("', [")) {
			return b[:3], b[7:]
		}
	}
}

// join writes the reply whose lines are in a list to l.text, each line with the code;
// false if the list does not end.
func (l *esa) join(code, lines []byte) bool {
	l.text = append(l.text[:0], code...)
	if bytes.HasPrefix(lines, []byte("]")) {
		return true
	}
	for {
		separator := len(l.text)
		l.text = append(l.text, ' ')
		var ok bool
		lines, ok = l.unquote(lines)
		if !ok {
			return false
		}
		lines, ok = bytes.CutPrefix(lines, []byte(", "))
		if !ok {
			return bytes.HasPrefix(lines, []byte("]"))
		}
		l.text[separator] = '-'
		l.text = append(append(l.text, ' '), code...)
	}
}

// unquote appends to l.text a string that Python's repr() wrote: in single quotes, or
// in double ones if it holds single ones only.
func (l *esa) unquote(b []byte) (rest []byte, ok bool) {
	if len(b) == 0 || b[0] != '\'' && b[0] != '"' {
		return nil, false
	}
	quote := b[0]
	for i := 1; i < len(b); i++ {
		c := b[i]
		if c == quote {
			return b[i+1:], true
		}
		if c == '\\' && i+1 < len(b) {
			i++
			switch c = b[i]; c {
			case 'n', 'r', 't', 'x', 'u':
				c = ' '
			}
		}
		l.text = append(l.text, c)
	}
	return nil, false
}

// internalError reads why a message of AsyncOS' own, such as an alert, was not
// delivered:
//
//	Failed to send message to host "mx.dest.example:25" for recipient "ann@dest.example":
//	Unexpected SMTP response "553", expecting code starting with "2", response was ['#5.1.8 no such domain'].
func (l *esa) internalError(b []byte) {
	_, b, ok := bytes.Cut(b, []byte(` Unexpected SMTP response "`))
	if !ok {
		return
	}
	code, b, ok := bytes.Cut(b, []byte(`", expecting code starting with "`))
	_, lines, found := bytes.Cut(b, []byte(`", response was [`))
	if !ok || !found || len(code) != 3 {
		l.notUnderstood(shapeESAInternal)
		return
	}
	l.refusal(Event{Direction: Received, Deliveries: 1}, code, lines, shapeESAInternal)
}
