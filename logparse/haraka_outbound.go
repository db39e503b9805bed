package logparse

import (
	"bytes"
	"strconv"
)

// A harakaTransaction knows the domains of a message's recipients in their
// order, which numbers the message's queue items (outbound/index.js).
type harakaTransaction struct {
	Domains [16]uint32 // hashes
	N       uint8
}

func (t *harakaTransaction) valid() bool { return int(t.N) <= len(t.Domains) }

// A harakaItem is a message to the recipients of one domain.
type harakaItem struct {
	dialogue
	Recipients uint16 // of the item; 0 if the log does not show them
	Refused    uint16 // of them in the present attempt, on a line each
	Deferred   uint16 // of the refused
	Trouble    Cause  // the last of the present attempt
}

func (i *harakaItem) valid() bool { return i.dialogue.valid() && i.Trouble < numCauses }

// item returns what is remembered of the line's queue item.
func (l *haraka) item() *harakaItem { return l.items.put(l.key(l.uuid)) }

// How hmail.js begins its words on an attempt, and its reasons.
const (
	harakaTempFail       = "Temp fail for: "
	harakaUpstreamError  = "Upstream error: "
	harakaUnknownReply   = "Unrecognized response from upstream server: "
	harakaSomeRecipients = "Some recipients "
)

// delivery reads the lines of outbound/hmail.js.
func (l *haraka) delivery() {
	text := trimLineEnd(l.text)
	if rest, ok := bytes.CutPrefix(text, []byte(harakaTempFail)); ok {
		l.tempFailed(rest)
		return
	}
	if string(l.uuid) == "-" {
		return
	}
	if len(text) == 0 {
		if l.attribute("response") != nil {
			l.delivered(harakaSuccess{
				host: l.attribute("host"), addr: l.attribute("ip"), mode: l.attribute("mode"),
				response: l.attribute("response"), recipients: l.attribute("rcpts"),
			})
		}
		return
	}
	for i := range harakaDeliveryLines {
		if rest, ok := bytes.CutPrefix(text, []byte(harakaDeliveryLines[i].before)); ok {
			harakaDeliveryLines[i].read(l, rest)
			return
		}
	}
	if cause := harakaTrouble(text); cause != NoCause {
		i := l.item()
		i.Trouble = cause
		i.Refused, i.Deferred = 0, 0
		i.Waiting = commandRuns{}
		i.Last, i.Open = 0, 0
	}
}

var harakaDeliveryLines = []struct {
	before string
	read   func(l *haraka, rest []byte)
}{
	{"recipient <", (*haraka).recipient},
	{"delivered file=", (*haraka).deliveredRaw},
	{"bouncing mail: ", (*haraka).bounced},
	{"Temp failing ", (*haraka).putOff},
	{"Error - but not processing mail: ", (*haraka).resetRefused},
}

// bounced reads the end of the last attempt:
//
//	bouncing mail: Too many failures (Upstream error: 451 4.3.0 Try again later)
func (l *haraka) bounced(reason []byte) {
	if last, ok := bytes.CutPrefix(reason, []byte("Too many failures (")); ok {
		reason = bytes.TrimSuffix(last, []byte(")"))
	}
	l.failed(reason)
	if !bytes.HasPrefix(reason, []byte(harakaSomeRecipients)) {
		l.items.remove(l.key(l.uuid))
	}
}

// putOff reads the end of an attempt that another will follow:
//
//	Temp failing FILE for 64 seconds: REASON
func (l *haraka) putOff(b []byte) {
	_, reason, ok := bytes.Cut(b, []byte(" seconds: "))
	if !ok {
		l.notUnderstood(shapeHarakaUpstream)
		return
	}
	l.failed(reason)
}

// resetRefused reads the reply to RSET after a delivery. Version 2 sends it where it
// keeps the connection.
func (l *haraka) resetRefused(reply []byte) {
	l.upstream(Event{Direction: Received, Command: Rset, QueueID: l.uuid, Text: reply, Repeat: l.item().Logged})
}

// tempFailed reads, at the level DEBUG, the reply that the next line shows.
func (l *haraka) tempFailed(reason []byte) {
	reply, ok := bytes.CutPrefix(reason, []byte(harakaUpstreamError))
	if !ok {
		return
	}
	e := Event{Direction: Received, Repeat: true, Text: reply}
	if string(l.uuid) != "-" {
		e.QueueID = l.uuid
	}
	l.upstream(e)
}

// upstream adds the reply whose text an event has.
func (l *haraka) upstream(e Event) {
	var ok bool
	e.Code, e.Enhanced, ok = ParseReply(e.Text)
	if !ok {
		l.notUnderstood(shapeHarakaUpstream)
		return
	}
	l.emit(e)
}

// accepted notes a recipient of the transaction in the order of the domains:
//
//	recipient <a@dest.example> code=OK msg="" sender=b@src.example
func (l *haraka) accepted() {
	at := bytes.LastIndexByte(l.text, '@')
	domain := uint32(l.seed.add(l.text[at+1:]))
	t := l.transactions.put(l.key(l.uuid))
	n := 0
	for n < int(t.N) && t.Domains[n] != domain {
		n++
	}
	if n == len(t.Domains) {
		return
	}
	if n == int(t.N) {
		t.Domains[n] = domain
		t.N++
	}
	start := len(l.decoded)
	l.decoded = append(append(l.decoded, l.uuid...), '.')
	l.decoded = strconv.AppendInt(l.decoded, int64(n+1), 10)
	l.items.put(l.key(l.decoded[start:])).Recipients++
}

// recipient reads a reply to one recipient, to RCPT or, in LMTP, after the
// message:
//
//	recipient <a@dest.example> deferred: 451 4.7.1 Try again later
//	recipient <a@dest.example> rejected: 550 5.1.1 No such user
func (l *haraka) recipient(b []byte) {
	b, _ = skipAddress(b)
	reply, deferred := bytes.CutPrefix(b, []byte(" deferred: "))
	rejected := false
	if !deferred {
		reply, rejected = bytes.CutPrefix(b, []byte(" rejected: "))
	}
	code, enhanced, ok := ParseReply(reply)
	if !deferred && !rejected || !ok {
		l.notUnderstood(shapeHarakaRecipient)
		return
	}
	i := l.item()
	e := Event{
		Direction: Received, Command: Rcpt, Code: code, Enhanced: enhanced, Deliveries: 1, Repeat: i.Logged,
		QueueID: l.uuid, Text: reply,
	}
	if i.Logged && i.Answered == EndOfData {
		e.Command = EndOfData
	}
	i.Refused++
	if deferred {
		i.Deferred++
	}
	l.emit(e)
}

// A harakaSuccess is what a line shows of a delivery.
type harakaSuccess struct{ host, addr, mode, response, recipients []byte }

// deliveredRaw reads a success in the form of 2.8.14 and earlier, which puts quotes
// around values and leaves those in the response as they are:
//
//	delivered file=... domain="dest.example" host="mx.dest.example" ip=192.0.2.1 port=25 mode=SMTP tls=Y auth=N response="Ok" delay=0.183 fails=0 rcpts=1/0/0
func (l *haraka) deliveredRaw(b []byte) {
	var s harakaSuccess
	_, b, ok := bytes.Cut(b, []byte(" ")) // the file
	for ok && !bytes.HasPrefix(b, []byte(`response="`)) {
		var name, value []byte
		name, value, b, ok = l.cutAttribute(b)
		switch string(name) {
		case "host":
			s.host = value
		case "ip":
			s.addr = value
		case "mode":
			s.mode = value
		}
	}
	const after = `" delay=`
	end := bytes.LastIndex(b, []byte(after))
	if !ok || end < len(`response="`) {
		l.notUnderstood(shapeHarakaDelivered)
		return
	}
	s.response = b[len(`response="`):end]
	_, b, _ = bytes.Cut(b[end+len(after):], []byte(" fails="))
	_, s.recipients, _ = bytes.Cut(b, []byte(" rcpts="))
	l.delivered(s)
}

// delivered reads a success. rcpts counts the accepted, deferred and rejected
// recipients; in LMTP each accepted one had a reply of its own.
//
//	delivered file=... domain=dest.example host=mx.dest.example ip=192.0.2.1 port=25 mode=SMTP ... response="Ok" ... rcpts=1/0/0
func (l *haraka) delivered(s harakaSuccess) {
	ok, _, counted := cutHarakaCounts(s.recipients)
	if !counted {
		l.notUnderstood(shapeHarakaDelivered)
		return
	}
	i := l.item()
	e := Event{
		Direction: Received, Code: 250, Command: EndOfData, Deliveries: ok, Implied: true, Repeat: i.Logged,
		Remote: s.host, Addr: s.addr, QueueID: l.uuid, Text: s.response,
	}
	replies := 1
	if string(s.mode) == "LMTP" {
		replies = ok
	}
	l.emitTimes(replies, e)
	if i.Deferred == 0 {
		l.items.remove(l.key(l.uuid))
		return
	}
	i.Recipients = i.Deferred
	i.Refused, i.Deferred = 0, 0
	i.Logged = false
}

// failed reads why an attempt ended for all recipients that have no line of their
// own:
//
//	Upstream error: 451 4.3.0 Try again later
//	550 5.7.1 Rejected
//	Tried all MXs
//	Some recipients temp failed: <a@dest.example>, <b@dest.example>
func (l *haraka) failed(reason []byte) {
	i := l.item()
	left := max(1, int(i.Recipients)-int(i.Refused))
	deferred, trouble := i.Deferred, i.Trouble
	i.Refused, i.Deferred = 0, 0
	i.Trouble = NoCause
	if bytes.HasPrefix(reason, []byte(harakaSomeRecipients)) {
		if deferred > 0 {
			i.Recipients = deferred
		}
		return
	}
	e := Event{Direction: Received, Deliveries: left, Repeat: i.Logged, QueueID: l.uuid}
	i.Logged = false // the next attempt may be after a restart at another level
	if e.Repeat {
		e.Command = i.Answered
	}
	reply, upstream := bytes.CutPrefix(reason, []byte(harakaUpstreamError))
	if !upstream {
		reply = bytes.TrimPrefix(reason, []byte(harakaUnknownReply))
	}
	_, _, isReply := ParseReply(reply)
	if upstream || isReply {
		e.Text = reply
		l.upstream(e)
		return
	}
	e.Kind = Delivery
	e.Repeat, e.Command = false, NoCommand
	e.Text = reason
	e.Cause = causeOf(harakaCauses, reason)
	if e.Cause == CauseUnreachable && trouble != NoCause {
		e.Cause = trouble
	}
	l.emit(e)
}

// harakaCauses are why nobody answered, in Haraka's own words.
var harakaCauses = []causeRule{
	{prefix: "Tried all MXs", cause: CauseUnreachable}, // or the cause that a line before shows
	{prefix: "DNS lookup failure", cause: CauseDNS},
	{prefix: "Temporary MX lookup error", cause: CauseDNS},
	{prefix: "No MX for ", cause: CauseDNS},
	{prefix: "No Such Domain: ", cause: CauseDNS},
	{prefix: "Nowhere to deliver mail to", cause: CauseDNS},
	{prefix: "Domain ", cause: CauseDNS}, // of RFC 7505
	{prefix: "No TLS available", cause: CauseTLS},
	{prefix: "Host failed TLS verification", cause: CauseTLS},
	{prefix: "Error ", cause: CauseSystem},
}

// harakaTrouble returns why the next server is tried; NoCause if no line says so.
func harakaTrouble(text []byte) Cause {
	switch {
	case bytes.HasPrefix(text, []byte("Remote end ")), bytes.HasPrefix(text, []byte("Socket writability went away")):
		return CauseLostConnection
	case !bytes.HasPrefix(text, []byte("Failed to get socket: ")) && !bytes.HasPrefix(text, []byte("Ongoing connection failed to ")):
		return NoCause
	}
	return causeOf(harakaTroubles, text)
}

var harakaTroubles = []causeRule{
	{contains: "timed out", cause: CauseTimeout},
	{contains: "socket timeout", cause: CauseTimeout},
	{contains: "ETIMEDOUT", cause: CauseTimeout},
	{contains: "ECONNREFUSED", cause: CauseRefused},
	{contains: "ENETUNREACH", cause: CauseUnreachable},
	{contains: "EHOSTUNREACH", cause: CauseUnreachable},
	{contains: "ENOTFOUND", cause: CauseDNS},
	{contains: "EAI_AGAIN", cause: CauseDNS},
	{contains: "SSL routines", cause: CauseTLS},
	{cause: CauseLostConnection},
}
