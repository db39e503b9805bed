package logparse

import "bytes"

// maddyClientReader returns what reads an event of a module that delivers.
func maddyClientReader(words []byte) func(*maddy) {
	switch string(words) {
	case "cannot use MX":
		return (*maddy).unusable
	case "TLS error, trying plaintext":
		return (*maddy).refusedTLS
	case "QUIT error":
		return (*maddy).refusedQuit
	}
	return nil
}

// maddyQueueReader returns what reads an event of the queue.
func maddyQueueReader(words []byte) func(*maddy) {
	switch string(words) {
	case "delivery attempt failed":
		return (*maddy).failed
	case "delivered":
		return (*maddy).delivered
	case "will retry":
		return (*maddy).putOff
	}
	return nil
}

// received returns the reply of another server that an error is about. maddy's own
// verdicts have a code too ("No usable MXs", "Network I/O error"), but only go-smtp's
// errors begin like this (SMTPError.Error):
//
//	"reason":"SMTP error 451: words"
func (l *maddy) received() (e Event, ok bool) {
	reply, ok := bytes.CutPrefix(l.field(maddyReason), []byte("SMTP error "))
	if !ok || len(reply) < 3 {
		return Event{}, false
	}
	digits, words := reply[:3], reply[3:]
	code, _, ok := ParseReply(digits)
	if len(words) > 0 {
		var colon bool
		words, colon = bytes.CutPrefix(words, []byte(": "))
		ok = ok && colon
	}
	if !ok {
		return Event{}, false
	}
	e = Event{
		Kind: Reply, Direction: Received, Code: code, Dialogue: code.Class() < 4,
		Remote: bytes.TrimSuffix(l.field(maddyServer), []byte(".")), QueueID: l.messageID(),
	}
	if bytes.Equal(l.field(maddyCode), digits) {
		e.Enhanced = l.enhanced()
	}
	l.setText(&e, words)
	return e, true
}

// replyKey is the key of a reply that further lines may show: that of its
// message, server and words in the present attempt.
func (l *maddy) replyKey(kind string) hash {
	h := l.seed.add([]byte(kind)).add(l.env.Host).add(l.messageID()).fold(uint64(l.mail().Attempt))
	return h.add(l.field(maddyServer)).add(l.field(maddyReason))
}

// unusable reads what kept a host from being used: the greeting, or the answer
// to EHLO. That to STARTTLS has no code of its own (remote.connect).
func (l *maddy) unusable() {
	e, ok := l.received()
	if !ok {
		return
	}
	if l.field(maddyCode) == nil {
		e.Command = StartTLS
	}
	*l.shown.put(l.replyKey("mx")) = maddyReply(e.Enhanced)
	l.emit(e)
}

// refusedTLS reads the answer to the EHLO after STARTTLS (remote.connect).
func (l *maddy) refusedTLS() { l.emitReceived(Ehlo) }

func (l *maddy) refusedQuit() { l.emitReceived(Quit) }

func (l *maddy) emitReceived(command Command) {
	if e, ok := l.received(); ok {
		e.Command = command
		l.emit(e)
	}
}

func (l *maddy) putOff() { l.mail().Attempt++ }

// failed reads the end of an attempt to one recipient (queue.tryDelivery).
func (l *maddy) failed() {
	target := l.field(maddyTarget)
	e, ok := l.received()
	switch {
	case !ok:
		e = Event{
			Kind: Delivery, Direction: Received, Cause: l.cause(), Text: l.field(maddyReason),
			Remote: bytes.TrimSuffix(l.field(maddyServer), []byte(".")), QueueID: l.messageID(),
		}
	case l.field(maddyDomain) != nil && string(target) == "remote": // "No usable MXs"
		e.Repeat = true
		e.Enhanced = EnhancedCode{}
		if reply := l.shown.get(l.replyKey("mx")); reply != nil {
			e.Enhanced = EnhancedCode(*reply)
		}
	case target == nil:
		key := l.replyKey("message")
		if reply := l.shown.get(key); reply != nil {
			e.Repeat = true
			e.Enhanced = EnhancedCode(*reply)
		} else {
			*l.shown.put(key) = maddyReply(e.Enhanced)
		}
	case string(target) == "remote":
		e.Command = Rcpt
	}
	e.Deliveries = 1
	l.emit(e)
}

// delivered reads that a recipient's server accepted the message.
func (l *maddy) delivered() {
	rcpt := l.field(maddyRcpt)
	domain := rcpt[bytes.LastIndexByte(rcpt, '@')+1:]
	key := l.seed.add([]byte("delivered")).add(l.env.Host).add(l.messageID()).add(l.field(maddyAttempt)).add(domain)
	repeat := l.shown.get(key) != nil
	l.shown.put(key)
	l.emit(Event{
		Kind: Reply, Direction: Received, Code: 250, Implied: true, Repeat: repeat, Command: EndOfData,
		Deliveries: 1, QueueID: l.messageID(),
	})
}

// cause returns why nobody answered.
func (l *maddy) cause() Cause {
	if cause := causeOf(maddyMessageCauses, l.field(maddyMessage)); cause != CauseOther {
		return cause
	}
	return causeOf(maddyReasonCauses, l.field(maddyReason))
}

// maddyMessageCauses are target/remote's own words.
var maddyMessageCauses = []causeRule{
	{prefix: "MX lookup error", cause: CauseDNS},
	{prefix: "DNS error", cause: CauseDNS},
	{prefix: "Domain does not accept email (null MX)", cause: CauseDNS},
	{prefix: "TLS it not available", cause: CauseTLS},
	{prefix: "Failed to establish the MX record authenticity", cause: CauseTLS},
	{prefix: "Failed to establish the module", cause: CauseTLS},
	{prefix: "Authentication is required", cause: CauseAuth},
	{prefix: "High load, ", cause: CauseSystem},
}

// maddyReasonCauses are the errors of package net and of package tls.
var maddyReasonCauses = []causeRule{
	{prefix: "dial ", suffix: "timeout", cause: CauseTimeout},
	{prefix: "dial ", suffix: ": connection refused", cause: CauseRefused},
	{prefix: "dial ", suffix: ": connection reset by peer", cause: CauseLostConnection},
	{prefix: "dial ", cause: CauseUnreachable},
	{prefix: "read ", suffix: "timeout", cause: CauseTimeout},
	{suffix: "deadline exceeded", cause: CauseTimeout},
	{prefix: "read ", cause: CauseLostConnection},
	{prefix: "write ", cause: CauseLostConnection},
	{suffix: "EOF", cause: CauseLostConnection},
	{prefix: "tls: ", cause: CauseTLS},
	{prefix: "smtpconn: ", cause: CauseTLS},
	{prefix: "TLS required but unsupported", cause: CauseTLS},
	{prefix: "remote error: tls: ", cause: CauseTLS},
	{prefix: "open ", cause: CauseSystem},
}
