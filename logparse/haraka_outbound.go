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
	Recipients uint16 // of the item; 0 where the log does not tell
	Refused    uint16 // of them in the present attempt, each by a line
	Deferred   uint16 // of the refused
	Trouble    Cause  // the last of the present attempt
}

func (i *harakaItem) valid() bool { return i.dialogue.valid() && i.Trouble < numCauses }

// item returns what is remembered of the line's queue item.
func (l *haraka) item() *harakaItem { return l.items.put(l.key(l.uuid)) }

const tempFail = "Temp fail for: "

// delivery reads the lines of outbound/hmail.js.
func (l *haraka) delivery() {
	text := trimLineEnd(l.text)
	if rest, ok := bytes.CutPrefix(text, []byte(tempFail)); ok {
		l.tempFailed(rest)
		return
	}
	if string(l.uuid) == "-" {
		return
	}
	if len(text) == 0 {
		l.delivered()
		return
	}
	if rest, ok := bytes.CutPrefix(text, []byte("recipient <")); ok {
		l.recipient(rest)
		return
	}
	if rest, ok := bytes.CutPrefix(text, []byte("bouncing mail: ")); ok {
		if reason, ok := bytes.CutPrefix(rest, []byte("Too many failures (")); ok {
			rest = bytes.TrimSuffix(reason, []byte(")"))
		}
		l.failed(rest)
		if !bytes.HasPrefix(rest, []byte(someRecipients)) {
			l.items.remove(l.key(l.uuid))
		}
		return
	}
	// Temp failing FILE for 64 seconds: REASON
	if rest, ok := bytes.CutPrefix(text, []byte("Temp failing ")); ok {
		_, reason, ok := bytes.Cut(rest, []byte(" seconds: "))
		if !ok {
			l.notUnderstood(shapeHarakaUpstream)
			return
		}
		l.failed(reason)
		return
	}
	// After the delivery, to RSET, where version 2 keeps the connection.
	if rest, ok := bytes.CutPrefix(text, []byte("Error - but not processing mail: ")); ok {
		e := Event{Direction: Received, Command: Rset, QueueID: l.uuid, Text: rest, Repeat: l.item().Logged}
		if e.Code, e.Enhanced, ok = ParseReply(rest); !ok {
			l.notUnderstood(shapeHarakaUpstream)
			return
		}
		l.emit(e)
		return
	}
	if cause := harakaTrouble(text); cause != NoCause {
		i := l.item()
		i.Trouble, i.Refused, i.Deferred = cause, 0, 0
		i.Waiting, i.Last, i.Open = commandRuns{}, 0, 0
	}
}

// tempFailed reads, at the level DEBUG, the reply that the next line tells.
func (l *haraka) tempFailed(reason []byte) {
	reply, ok := bytes.CutPrefix(reason, []byte(upstreamError))
	if !ok {
		return
	}
	e := Event{Direction: Received, Repeat: true, Text: reply}
	if string(l.uuid) != "-" {
		e.QueueID = l.uuid
	}
	if e.Code, e.Enhanced, ok = ParseReply(reply); !ok {
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
	b, ok := skipAddress(b)
	if !ok {
		l.notUnderstood(shapeHarakaRecipient)
		return
	}
	i := l.item()
	reply, deferred := bytes.CutPrefix(b, []byte(" deferred: "))
	if !deferred {
		if reply, ok = bytes.CutPrefix(b, []byte(" rejected: ")); !ok {
			l.notUnderstood(shapeHarakaRecipient)
			return
		}
	}
	e := Event{Direction: Received, Command: Rcpt, Deliveries: 1, Repeat: i.Logged, QueueID: l.uuid, Text: reply}
	if e.Code, e.Enhanced, ok = ParseReply(reply); !ok {
		l.notUnderstood(shapeHarakaRecipient)
		return
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

// delivered reads a success; rcpts counts those accepted, deferred and rejected.
// In LMTP each of the former had a reply of its own.
//
//	delivered file=... domain=dest.example host=mx.dest.example ip=192.0.2.1 port=25 mode=SMTP ... response="Ok" ... rcpts=1/0/0
func (l *haraka) delivered() {
	response := l.attribute("response")
	if response == nil {
		return
	}
	rcpts := l.attribute("rcpts")
	ok, _, counted := cutHarakaCounts(rcpts)
	if !counted {
		l.notUnderstood(shapeHarakaDelivered)
		return
	}
	i := l.item()
	e := Event{
		Direction: Received, Code: 250, Command: EndOfData, Deliveries: ok, Implied: true, Repeat: i.Logged,
		Remote: l.attribute("host"), Addr: l.attribute("ip"), QueueID: l.uuid, Text: response,
	}
	replies := 1
	if string(l.attribute("mode")) == "LMTP" {
		replies = ok
	}
	l.emitTimes(replies, e)
	if i.Deferred == 0 {
		l.items.remove(l.key(l.uuid))
		return
	}
	i.Recipients, i.Refused, i.Deferred, i.Logged = i.Deferred, 0, 0, false
}

const (
	upstreamError  = "Upstream error: "
	unrecognized   = "Unrecognized response from upstream server: "
	someRecipients = "Some recipients "
)

// failed reads why an attempt ended for all recipients that no line of their own
// has told of:
//
//	Upstream error: 451 4.3.0 Try again later
//	550 5.7.1 Rejected
//	Tried all MXs
//	Some recipients temp failed: <a@dest.example>, <b@dest.example>
func (l *haraka) failed(reason []byte) {
	i := l.item()
	left := max(1, int(i.Recipients)-int(i.Refused))
	deferred, trouble := i.Deferred, i.Trouble
	i.Refused, i.Deferred, i.Trouble = 0, 0, NoCause
	if bytes.HasPrefix(reason, []byte(someRecipients)) {
		if deferred > 0 {
			i.Recipients = deferred
		}
		return
	}
	e := Event{Direction: Received, Deliveries: left, Repeat: i.Logged, QueueID: l.uuid}
	i.Logged = false // the next attempt may be after a restart at another level
	upstream := false
	if e.Text, upstream = bytes.CutPrefix(reason, []byte(upstreamError)); !upstream {
		e.Text = bytes.TrimPrefix(reason, []byte(unrecognized))
	}
	var ok bool
	if e.Code, e.Enhanced, ok = ParseReply(e.Text); ok {
		if e.Repeat {
			e.Command = i.Answered
		}
		l.emit(e)
		return
	}
	if upstream {
		l.notUnderstood(shapeHarakaUpstream)
		return
	}
	e.Kind, e.Repeat, e.Text, e.Cause = Delivery, false, reason, causeOf(harakaCauses, reason)
	if e.Cause == CauseUnreachable && trouble != NoCause {
		e.Cause = trouble
	}
	l.emit(e)
}

// harakaCauses are why nobody answered, in Haraka's own words.
var harakaCauses = []causeRule{
	{prefix: "Tried all MXs", cause: CauseUnreachable}, // or what a line before says
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

// harakaTrouble reads why the next server is tried.
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
