package logparse

import "bytes"

// KumoMTA writes JSON objects, one on each line, to zstd segments
// (configure_local_logs). The format is that of its docs/reference/log_record.md
// (3ebc1e85), where "type" and "id" come first. Tools that write records again may put
// the members into any order, and blanks between them. The source of an attempt
// (egress_source, or its pool) is the program: kumod/source2.
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
	kumoSource
	kumoPool
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
	name   []byte // of the record's program
}

func newKumo(l *line) grammar {
	return &kumo{line: l, record: newJSONObject("type", "id", "recipient", "response.code",
		"response.enhanced_code.class", "response.enhanced_code.subject", "response.enhanced_code.detail",
		"response.content", "response.command", "peer_address.name", "peer_address.addr",
		"event_time", "timestamp", "reception_protocol", "delivery_protocol", "egress_source", "egress_pool")}
}

func (l *kumo) tables() []remembered { return nil }

// isKumoRecord reports whether a message is a record, or the beginning of one that has
// a type, an id and a sender, a recipient, a time or a response, in any order. Only
// members of the outermost object count.
func isKumoRecord(message []byte) bool {
	if len(message) == 0 || message[0] != '{' || !bytes.Contains(message, []byte(`"type"`)) {
		return false
	}
	var kind, id, other bool
	depth := 0
	for i := 0; i < len(message); i++ {
		switch message[i] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case '"':
			text, rest := cutKumoText(message[i+1:])
			i = len(message) - len(rest) - 1
			value, isName := bytes.CutPrefix(bytes.TrimLeft(rest, " \t"), []byte(":"))
			if depth != 1 || !isName {
				continue
			}
			value = bytes.TrimLeft(value, " \t")
			switch string(text) {
			case "type":
				if len(value) == 0 || value[0] != '"' {
					return false
				}
				if text, _ = cutKumoText(value[1:]); !isKumoType(text) {
					return false
				}
				kind = true
			case "id":
				id = len(value) > 0 && value[0] == '"'
			case "sender", "recipient", "timestamp", "response":
				other = true
			}
			if kind && id && other {
				return true
			}
		}
	}
	return false
}

// cutKumoText reads a string of JSON, after its opening quote, as it stands.
func cutKumoText(b []byte) (text, rest []byte) {
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			return b[:i], b[i+1:]
		case '\\':
			i++
		}
	}
	return b, nil
}

func isKumoType(kind []byte) bool {
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
	l.nameProgram(v[kumoSource], v[kumoPool])
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

// nameProgram sets the record's program to "kumod/SOURCE".
func (l *kumo) nameProgram(names ...[]byte) {
	for _, name := range names {
		if len(name) > 0 {
			l.name = append(append(l.name[:0], "kumod/"...), name...)
			l.program = l.name
			return
		}
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
