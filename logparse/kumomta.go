package logparse

import "bytes"

// KumoMTA writes a JSON object a line, in zstd segments (configure_local_logs).
// The format is that of its docs/reference/log_record.md (3ebc1e85), where "type"
// and "id" come first.
//
//	{"type":"Delivery","id":"1d98076a","sender":"a@src.example","recipient":"ann@dest.example",...,
//	 "response":{"code":250,"enhanced_code":{"class":2,"subject":0,"detail":0},"content":"Ok","command":"."},
//	 "peer_address":{"name":"mx.dest.example.","addr":"192.0.2.10"},...}
//
// The reply of a Reception by SMTP is implied: the record holds 250 also for a
// message that came by HTTP. A message to several recipients has a Reception for
// each of them (in versions that split it), which nothing tells apart from
// further messages: each counts. No record repeats another one.
//
// What begins with "KumoMTA internal:" no server said. An Expiration or
// AdminBounce is no attempt; OOB and Feedback are mails. The dialogue is not
// logged.

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

const shapeRecord = "record"

var kumoMTA = mtaSpec{
	name:        "kumomta",
	program:     []byte("kumod"),
	ownsProgram: func(program []byte) bool { return string(program) == "kumod" },
	ownsForm:    func(env *Envelope) bool { return isKumoMTA(env.Message) },
	shapes:      []string{shapeRecord},
	new:         newKumoMTA,
}

// kumoMTA is a record of KumoMTA; nothing is remembered.
type kumo struct {
	*line
	record jsonObject
	text   []byte // of a reply, with its code
}

func newKumoMTA(l *line) grammar {
	return &kumo{line: l, record: newJSONObject("type", "id", "recipient", "response.code",
		"response.enhanced_code.class", "response.enhanced_code.subject", "response.enhanced_code.detail",
		"response.content", "response.command", "peer_address.name", "peer_address.addr",
		"event_time", "timestamp", "reception_protocol", "delivery_protocol")}
}

func (l *kumo) tables() []remembered { return nil }

// isKumoMTA tells whether a message is a record, or the beginning of one.
func isKumoMTA(message []byte) bool {
	rest, ok := bytes.CutPrefix(message, []byte(`{"type":"`))
	if !ok {
		return false
	}
	kind, rest, ok := bytes.Cut(rest, []byte(`"`))
	if !ok || !bytes.HasPrefix(rest, []byte(`,"id":"`)) {
		return false
	}
	switch string(kind) {
	case "Reception", "Delivery", "Bounce", "TransientFailure", "Expiration", "AdminBounce", "OOB", "Feedback", "Rejection",
		"AdminRebind", "DeferredInjectionRebind", "Delayed", "XferOut", "XferIn":
		return true
	}
	return false
}

func (l *kumo) parse() {
	if !isKumoMTA(l.message) {
		return
	}
	if !l.record.parse(l.message) {
		l.notUnderstood(shapeRecord)
		return // of which the end is missing
	}
	v := l.record.values
	if at, rest, ok := cutRFC3339(v[kumoEventTime]); ok && len(rest) == 0 {
		l.env.Time = at
	} else if v[kumoTimestamp] != nil {
		l.env.Time = Timestamp{timeSeconds, v[kumoTimestamp]}
	}
	switch string(v[kumoType]) {
	case "Reception":
		if spokeSMTP(v[kumoReceptionProtocol]) {
			l.emit(Event{
				Direction: Sent, Code: 250, Implied: true, Command: EndOfData,
				Remote: v[kumoPeerName], Addr: v[kumoPeerAddr], QueueID: v[kumoID],
			})
		}
	case "Rejection":
		l.response(Sent)
		return
	case "Delivery", "TransientFailure", "Bounce":
		l.response(Received)
		return
	}
}

// spokeSMTP tells a protocol of SMTP's from those of HTTP, Lua and maildirs.
func spokeSMTP(protocol []byte) bool {
	return bytes.HasPrefix(protocol, []byte("ESMTP")) || bytes.HasPrefix(protocol, []byte("SMTP")) ||
		bytes.HasPrefix(protocol, []byte("LMTP"))
}

// response adds the reply that a record ends with. Its recipients, of which
// batches have several, were answered together.
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
	protocol := v[kumoDeliveryProtocol]
	switch {
	case direction == Sent && isInternal:
		return
	case isInternal:
		e.Cause = causeOf(kumoMTACauses, internal)
	case direction == Received && protocol != nil && !spokeSMTP(protocol):
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
	if e.Code, e.Enhanced, ok = ParseReply(e.Text); !ok || delivered != (e.Code.Class() < 4) {
		l.notUnderstood(shapeRecord)
		return
	}
	if command := bytes.TrimRight(v[kumoCommand], "\r\n"); len(command) > 0 {
		e.Command = commandOf(command)
	}
	l.emit(e)
}

// wire returns the reply as it stood on the wire, of which the record holds the
// parts; its enhanced code only where all three are there.
func (l *kumo) wire() []byte {
	v := l.record.values
	b := append(l.text[:0], v[kumoCode]...)
	if class, subject, detail := v[kumoClass], v[kumoSubject], v[kumoDetail]; class != nil && subject != nil && detail != nil {
		b = append(append(b, ' '), class...)
		b = append(append(b, '.'), subject...)
		b = append(append(b, '.'), detail...)
	}
	l.text = append(append(b, ' '), v[kumoContent]...)
	return l.text
}

// kumoMTACauses are tried in order.
var kumoMTACauses = []causeRule{
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
