package logparse

import "bytes"

// postfixQuotedReply reads the reply that a reason quotes (smtp/smtp_proto.c,
// smtp_sasl_glue.c). whole says whether the text is certainly not cut. said reports
// whether the reason announces a reply, ok whether the reply can be read.
//
//	host NAME[IP] said: REPLY (in reply to RCPT TO command)
//	host NAME[IP] refused to talk to me: REPLY
//	SASL authentication failed; server NAME[IP] said: REPLY
//	TLS is required, but host NAME[IP] refused to start TLS: REPLY
//	Protocol error: host NAME[IP] said: 250 ok (in reply to DATA command)
//
// The last one is a 2xx where it does not belong (smtp_trouble.c, vsmtp_fill_dsn()).
func postfixQuotedReply(text []byte, whole bool) (e Event, said, ok bool) {
	text = bytes.TrimPrefix(text, []byte("Protocol error: "))
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
			e, ok = postfixQuotedEvent(reply, q.command, whole)
			e.Remote, e.Addr = name, addr
			return e, true, ok
		}
	}
	return Event{}, false, false
}

// postfixQuotedEvent returns the event of a quoted reply to command; NoCommand
// where the remark behind the reply names the command.
func postfixQuotedEvent(reply []byte, command Command, whole bool) (e Event, ok bool) {
	// The remark stands behind all that the remote host could write; where
	// Postfix makes none, one would be the remote host's.
	if command == NoCommand {
		reply, command = cutPostfixRemark(reply)
		whole = whole || command != NoCommand
	}
	if whole {
		reply = withoutPostfixJunk(reply)
	}
	e = Event{
		Kind: Reply, Direction: Received, Command: command, Text: reply,
		// Only smtp_proto.c says that such a reply answered STARTTLS.
		Implied: command == StartTLS,
	}
	e.Code, e.Enhanced, ok = ParseReply(reply)
	e.unexpected()
	return e, ok
}

// withoutPostfixJunk returns a reply without the lines before it that are none. Postfix
// reads on until a line begins with a code, and logs all of them in one, joined by blanks
// (smtp/smtp_chat.c, smtp_chat_resp()):
//
//	host NAME[IP] said: Hello there 550 5.1.1 no such user (in reply to RCPT TO command)
//
// It returns the text as it is where that begins with a code, even with 150, or where
// different codes could begin the reply.
func withoutPostfixJunk(text []byte) []byte {
	if n, rest := cutNumber(text); n >= 0 && len(text)-len(rest) == 3 && (len(rest) == 0 || rest[0] == ' ' || rest[0] == '-') {
		return text
	}
	var reply []byte
	var code Code
	for i := 1; i < len(text); i++ {
		if text[i-1] != ' ' {
			continue
		}
		c, _, ok := ParseReply(text[i:])
		switch {
		case !ok:
		case reply == nil:
			reply, code = text[i:], c
		case c != code:
			return text
		}
	}
	if reply == nil {
		return text
	}
	return reply
}

// cutPostfixRemark takes " (in reply to RCPT TO command)" off the end of a reply.
func cutPostfixRemark(text []byte) (reply []byte, command Command) {
	if said, ok := bytes.CutSuffix(text, []byte(" command)")); ok {
		if i := lastIndex(said, []byte(" (in reply to ")); i >= 0 {
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
	{"Sender requested REQUIRETLS, but host ", " refused to start TLS: ", StartTLS}, // since Postfix 3.11
	{"connect to ", ": server refused to talk to me: ", Connect},                    // before Postfix 2.3
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
		"TLS is required, but host ", "TLS is required, but was not offered by host ", "local data error while talking to ",
	} {
		if rest, ok := bytes.CutPrefix(text, []byte(before)); ok {
			if name, addr, _, ok := cutHost(rest); ok {
				return name, addr
			}
		}
	}
	return nil, nil
}
