package logparse

import "bytes"

// postfixQuotedReply reads the reply that a reason quotes (smtp/smtp_proto.c,
// smtp_sasl_glue.c). said reports whether the reason announces a reply, ok whether
// the reply can be read.
//
//	host NAME[IP] said: REPLY (in reply to RCPT TO command)
//	host NAME[IP] refused to talk to me: REPLY
//	SASL authentication failed; server NAME[IP] said: REPLY
//	TLS is required, but host NAME[IP] refused to start TLS: REPLY
func postfixQuotedReply(text []byte) (e Event, said, ok bool) {
	for i := range postfixReplyQuotes {
		q := &postfixReplyQuotes[i]
		rest, ok := bytes.CutPrefix(text, []byte(q.before))
		if !ok {
			continue
		}
		name, addr, rest, ok := cutHost(rest)
		if !ok {
			return Event{}, false, false
		}
		if reply, ok := bytes.CutPrefix(cutPort(rest), []byte(q.after)); ok {
			e, ok = postfixQuotedEvent(reply, q.command)
			e.Remote, e.Addr = name, addr
			return e, true, ok
		}
	}
	return Event{}, false, false
}

// postfixQuotedEvent returns the event of a quoted reply to command; NoCommand
// where the remark behind the reply names the command.
func postfixQuotedEvent(reply []byte, command Command) (e Event, ok bool) {
	// The remark stands behind all that the remote host could write; where
	// Postfix makes none, one would be the remote host's.
	if command == NoCommand {
		reply, command = cutPostfixRemark(reply)
	}
	e = Event{
		Kind: Reply, Direction: Received, Command: command, Text: reply,
		// Only smtp_proto.c says that such a reply answered STARTTLS.
		Implied: command == StartTLS,
	}
	e.Code, e.Enhanced, ok = ParseReply(reply)
	e.Dialogue = e.Code.Class() < 4
	return e, ok
}

// cutPostfixRemark takes " (in reply to RCPT TO command)" off the end of a reply.
func cutPostfixRemark(text []byte) (reply []byte, command Command) {
	if said, ok := bytes.CutSuffix(text, []byte(" command)")); ok {
		if i := bytes.LastIndex(said, []byte(" (in reply to ")); i >= 0 {
			return said[:i], postfixCommandNamed(said[i+len(" (in reply to "):])
		}
	}
	return text, NoCommand
}

var postfixReplyQuotes = []struct {
	before, after string
	command       Command
}{
	{"host ", " said: ", NoCommand},
	// Postfix writes the same after a 421 to EHLO, which the text does not show.
	{"host ", " refused to talk to me: ", Connect},
	{"SASL authentication failed; server ", " said: ", Auth},
	{"TLS is required, but host ", " refused to start TLS: ", StartTLS},
}

// postfixCommandNamed returns the command that Postfix names so, such as
// "end of DATA" (smtp/smtp_proto.c, xfer_request).
func postfixCommandNamed(name []byte) Command {
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

// postfixQuotedHost returns the host that a reason without a reply names.
func postfixQuotedHost(text []byte) (name, addr []byte) {
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
