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
// errors begin like this (SMTPError.Error, since 0.16):
//
//	"reason":"SMTP error 451: words"
//
// Those of earlier versions are the words alone, and maddy 0.7.0 and earlier say only
// elsewhere whose they are (smtpconn.wrapClientErr):
//
//	"reason":"words","remote_server":"mx.dest.example.","smtp_code":451,"smtp_msg":"mx.dest.example. said: words"
//	"reason":"words","remote_server":"192.0.2.25","smtp_code":451,"smtp_msg":"words","target":"target.smtp"
func (l *maddy) received() (e Event, ok bool) {
	reason := l.field(maddyReason)
	words, said := l.said()
	reply, coded := bytes.CutPrefix(reason, []byte("SMTP error "))
	switch {
	case coded && !bytes.Equal(reason, words):
		return l.receivedAs(reply)
	case said || bytes.Equal(reason, words) && l.fromDownstream():
		return l.receivedWords(words)
	}
	return Event{}, false
}

// said returns what the other server said by smtp_msg, and whether that names the
// server, as target/remote wants it (C.AddrInSMTPMsg).
func (l *maddy) said() (words []byte, named bool) {
	words = l.field(maddyMessage)
	server := l.field(maddyServer)
	if rest, ok := bytes.CutPrefix(words, server); ok && len(server) > 0 {
		if rest, ok := bytes.CutPrefix(rest, []byte(" said: ")); ok {
			return rest, true
		}
	}
	return words, false
}

// fromDownstream reports whether an error is the answer of the server that target.smtp
// or target.lmtp relays to. That to MAIL and QUIT has no target. maddy's own verdicts
// about a server, of target/remote and its policies, have it, or a domain.
func (l *maddy) fromDownstream() bool {
	switch string(l.field(maddyTarget)) {
	case "":
		return l.field(maddyServer) != nil && l.field(maddyDomain) == nil && string(l.field(maddyMessage)) != maddyNullMX
	case "remote":
		return false
	}
	return true
}

// receivedAs returns the reply that go-smtp's error quotes with its code.
func (l *maddy) receivedAs(reply []byte) (e Event, ok bool) {
	if len(reply) < 3 {
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
	var enhanced EnhancedCode
	if bytes.Equal(l.field(maddyCode), digits) {
		enhanced = l.enhanced()
	}
	return l.reply(code, enhanced, words), true
}

// receivedWords returns a reply whose code stands in a field of its own.
func (l *maddy) receivedWords(words []byte) (e Event, ok bool) {
	digits := l.field(maddyCode)
	code, _, ok := ParseReply(digits)
	if !ok || len(digits) != 3 {
		return Event{}, false
	}
	return l.reply(code, l.enhanced(), words), true
}

func (l *maddy) reply(code Code, enhanced EnhancedCode, words []byte) Event {
	e := Event{
		Kind: Reply, Direction: Received, Code: code, Enhanced: enhanced,
		Remote: bytes.TrimSuffix(l.field(maddyServer), []byte(".")), QueueID: l.messageID(),
	}
	e.unexpected()
	l.setText(&e, words)
	return e
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
	key := l.replyKey("mx")
	*l.shown.put(key) = maddyReply(e.Enhanced)
	*l.codes.put(key) = maddyShown{e.Code}
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
	noneUsable := l.field(maddyDomain) != nil && string(target) == "remote" // "No usable MXs"
	if noneUsable {
		e, ok = l.lastUnusable(e, ok)
	}
	switch {
	case !ok:
		e = Event{
			Kind: Delivery, Direction: Received, Cause: l.cause(), Text: l.field(maddyReason),
			Remote: bytes.TrimSuffix(l.field(maddyServer), []byte(".")), QueueID: l.messageID(),
		}
	case noneUsable:
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

// lastUnusable returns the reply of the last host that could not be used, as "cannot
// use MX" showed it. If no line did, it is e if ok and of the class that smtp_code is
// of: until 0.7.0, the reason may be words that imitate a code.
func (l *maddy) lastUnusable(e Event, ok bool) (Event, bool) {
	shown := l.codes.get(l.replyKey("mx"))
	switch {
	case shown == nil:
		code, _, _ := ParseReply(l.field(maddyCode))
		return e, ok && e.Code.Class() == code.Class()
	case ok && e.Code == shown.Code:
		return e, true
	}
	return l.reply(shown.Code, EnhancedCode{}, l.field(maddyReason)), true
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

const maddyNullMX = "Domain does not accept email (null MX)"

// maddyMessageCauses are target/remote's own words.
var maddyMessageCauses = []causeRule{
	{prefix: "MX lookup error", cause: CauseDNS},
	{prefix: "DNS error", cause: CauseDNS},
	{prefix: maddyNullMX, cause: CauseDNS},
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
