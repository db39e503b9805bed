package logparse

import "bytes"

// KumoMTA writes JSON objects, one on each line, to zstd segments
// (configure_local_logs). The format is that of its docs/reference/log_record.md
// (3ebc1e85), where "type" and "id" come first.
//
//	{"type":"Delivery","id":"1d98076a","sender":"a@src.example","recipient":"ann@dest.example",...,
//	 "response":{"code":250,"enhanced_code":{"class":2,"subject":0,"detail":0},"content":"Ok","command":"."},
//	 "peer_address":{"name":"mx.dest.example.","addr":"192.0.2.10"},...}
//
// The reply of a Reception by SMTP is implied: the record holds 250 also for a
// message that came by HTTP. A message to several recipients has a Reception for
// each of them (in versions that split it). They look like those of further
// messages, so each counts. No record repeats another one.
//
// A content that begins with "KumoMTA internal:" is no server's reply, unless it
// answers a command: KumoMTA's own verdicts have none. An Expiration or AdminBounce is
// no attempt; OOB and Feedback are mails. The dialogue is not logged.

// The members of a record that are read.
const (
	kumoType = iota
	kumoID
	kumoRecipient
	kumoCode
	kumoClass
	kumoSubject
	kumoDetail
	kumoContent
	kumoCommand
	kumoPeerName
	kumoPeerAddr
	kumoEventTime
	kumoTimestamp
	kumoReceptionProtocol
	kumoDeliveryProtocol
)

const shapeKumoRecord = "record"

var kumoMTA = mtaSpec{
	name:     "kumomta",
	program:  []byte("kumod"),
	programs: []string{"kumod"},
	ownsForm: func(env *Envelope) bool { return isKumoRecord(env.Message) },
	shapes:   []string{shapeKumoRecord},
	new:      newKumo,
}

// kumo is a record of KumoMTA; nothing is remembered.
type kumo struct {
	*line
	record jsonObject
	text   []byte // of a reply, with its code
}

func newKumo(l *line) grammar {
	return &kumo{line: l, record: newJSONObject("type", "id", "recipient", "response.code",
		"response.enhanced_code.class", "response.enhanced_code.subject", "response.enhanced_code.detail",
		"response.content", "response.command", "peer_address.name", "peer_address.addr",
		"event_time", "timestamp", "reception_protocol", "delivery_protocol")}
}

func (l *kumo) tables() []remembered { return nil }

// isKumoRecord reports whether a message is a record, or the beginning of one.
func isKumoRecord(message []byte) bool {
	rest, ok := bytes.CutPrefix(message, []byte(`{"type":"`))
	if !ok {
		return false
	}
	kind, rest, ok := bytes.Cut(rest, []byte(`"`))
	if !ok || !bytes.HasPrefix(rest, []byte(`,"id":"`)) {
		return false
	}
	switch string(kind) {
	case "Reception", "Delivery", "Bounce", "TransientFailure", "Expiration", "AdminBounce", "OOB", "Feedback",
		"Rejection", "AdminRebind", "DeferredInjectionRebind", "Delayed", "XferOut", "XferIn":
		return true
	}
	return false
}

func (l *kumo) parse() {
	if !isKumoRecord(l.message) {
		return
	}
	if !l.record.parse(l.message) { // its end is missing
		l.notUnderstood(shapeKumoRecord)
		return
	}
	v := l.record.values
	if at, rest, ok := cutRFC3339(v[kumoEventTime]); ok && len(rest) == 0 {
		l.env.Time = at
	} else if v[kumoTimestamp] != nil {
		l.env.Time = Timestamp{timeSeconds, v[kumoTimestamp]}
	}
	switch string(v[kumoType]) {
	case "Reception":
		if isKumoSMTP(v[kumoReceptionProtocol]) {
			l.emit(Event{
				Direction: Sent, Code: 250, Implied: true, Command: EndOfData,
				Remote: v[kumoPeerName], Addr: v[kumoPeerAddr], QueueID: v[kumoID],
			})
		}
	case "Rejection":
		l.response(Sent)
	case "Delivery", "TransientFailure", "Bounce":
		l.response(Received)
	}
}

// isKumoSMTP reports whether a protocol is SMTP or LMTP, and not HTTP, Lua or maildir.
func isKumoSMTP(protocol []byte) bool {
	return bytes.HasPrefix(protocol, []byte("ESMTP")) || bytes.HasPrefix(protocol, []byte("SMTP")) ||
		bytes.HasPrefix(protocol, []byte("LMTP"))
}

// response adds the reply that a record ends with. It answered all recipients of the
// record; batches have several.
func (l *kumo) response(direction Direction) {
	v := l.record.values
	e := Event{
		Direction: direction, QueueID: v[kumoID], Remote: v[kumoPeerName], Addr: v[kumoPeerAddr],
		Text: v[kumoContent],
	}
	if direction == Received {
		e.Deliveries = max(l.record.texts[kumoRecipient], 1)
	}
	internal, isInternal := bytes.CutPrefix(e.Text, []byte("KumoMTA internal:"))
	isInternal = isInternal && len(v[kumoCommand]) == 0
	protocol := v[kumoDeliveryProtocol]
	switch {
	case isInternal && direction == Sent:
		return
	case isInternal:
		e.Cause = causeOf(kumoCauses, internal)
	case direction == Received && protocol != nil && !isKumoSMTP(protocol):
		e.Cause = CauseLocal
	}
	if e.Cause != NoCause {
		e.Kind = Delivery
		l.emit(e)
		return
	}
	e.Text = l.wire()
	delivered := string(v[kumoType]) == "Delivery"
	var ok bool
	e.Code, e.Enhanced, ok = ParseReply(e.Text)
	if !ok || delivered != (e.Code.Class() < 4) {
		l.notUnderstood(shapeKumoRecord)
		return
	}
	if command := bytes.TrimRight(v[kumoCommand], "\r\n"); len(command) > 0 {
		e.Command = commandOf(command)
	}
	l.emit(e)
}

// wire returns the reply as it stood on the wire, put together from the record's
// parts; with an enhanced code only if all three numbers are there.
func (l *kumo) wire() []byte {
	v := l.record.values
	b := append(l.text[:0], v[kumoCode]...)
	if v[kumoClass] != nil && v[kumoSubject] != nil && v[kumoDetail] != nil {
		b = append(append(b, ' '), v[kumoClass]...)
		b = append(append(b, '.'), v[kumoSubject]...)
		b = append(append(b, '.'), v[kumoDetail]...)
	}
	l.text = append(append(b, ' '), v[kumoContent]...)
	return l.text
}

// kumoCauses are tried in order.
var kumoCauses = []causeRule{
	{contains: "suspended", cause: CauseSuspended},
	{contains: "suspension", cause: CauseSuspended},
	{contains: "Connection refused", cause: CauseRefused},
	{contains: "Connection reset", cause: CauseLostConnection},
	{contains: "NULL MX", cause: CauseDNS},
	{contains: "NXDOMAIN", cause: CauseDNS},
	{contains: "resolve MX", cause: CauseDNS},
	{contains: "MX list", cause: CauseDNS},
	{contains: "MTA-STS", cause: CauseTLS},
	{contains: "DANE", cause: CauseTLS},
	{contains: "TLS", cause: CauseTLS},
	{contains: "Timed Out", cause: CauseTimeout},
	{contains: "timed out", cause: CauseTimeout},
	{contains: "timeout", cause: CauseTimeout},
	{contains: "closed", cause: CauseLostConnection},
	{contains: "AUTH", cause: CauseAuth},
	{contains: "failed to connect", cause: CauseUnreachable},
}
