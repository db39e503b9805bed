package logparse

import "bytes"

// An eximReply is a reply of another server to this one.
type eximReply struct {
	eximHost // only where the text names it
	code     Code
	enhanced EnhancedCode
	command  Command
	own      bool   // it answers one recipient only
	text     []byte // all of it, from "SMTP error" on, but for what Exim may have added
	reply    []byte
}

func (r *eximReply) event(id []byte) Event {
	e := Event{
		Direction: Received, Code: r.code, Enhanced: r.enhanced, Command: r.command, QueueID: id,
		Remote: r.name, Addr: r.addr, Text: r.reply,
	}
	e.unexpected()
	return e
}

// eximErrors are the words before the command that a server answered
// (transports/smtp.c, check_response() and sync_responses(); transports/lmtp.c).
var eximErrors = []string{
	"SMTP error from remote mail server after ",
	"SMTP error from remote mailer after ", // before 4.67
	"LMTP error after ",
	"PRDR error after ",
}

// announcesEximReply reports whether a host's error shows a reply of it.
func announcesEximReply(text []byte) bool {
	_, isReply := cutEximEHLOResponse(text)
	return isReply || eximStartsWith(text, eximErrors)
}

// cutEximEHLOResponse reads the reply to EHLO of a server that hung up at the HELO
// behind it (transports/smtp.c, smtp_setup_conn()):
//
//	Remote host closed connection in response to HELO NAME (EHLO response was: REPLY)
func cutEximEHLOResponse(text []byte) (reply []byte, ok bool) {
	rest, ok := bytes.CutPrefix(trimEximAdded(text), []byte("Remote host closed connection in response to HELO "))
	_, rest, found := bytes.Cut(rest, []byte(" (EHLO response was: "))
	reply, whole := bytes.CutSuffix(rest, []byte(")"))
	code, _, parsed := ParseReply(reply)
	return reply, ok && found && whole && parsed && code.Class() >= 4
}

// parseEximError reads a reply; found is true where one is announced. The lmtp
// transport, which knows no host, distinguishes the replies to DATA and to its end.
//
//	SMTP error from remote mail server after [pipelined ]COMMAND: [host NAME [IP]: ]REPLY
func parseEximError(text []byte, host bool) (r eximReply, found, ok bool) {
	if reply, ok := cutEximEHLOResponse(text); ok {
		r.command, r.text, r.reply = Ehlo, trimEximAdded(text), reply
		r.code, r.enhanced, ok = parseReplyLines(reply, `\n`)
		return r, true, ok
	}
	var rest []byte
	for _, words := range eximErrors {
		rest, found = bytes.CutPrefix(text, []byte(words))
		if found {
			break
		}
	}
	if !found {
		return r, false, false
	}
	lmtp := text[0] != 'S'
	rest = bytes.TrimSuffix(rest, []byte(eximRetryTimeout))
	r.text = trimEximAdded(text)
	rest, pipelined := bytes.CutPrefix(rest, []byte("pipelined "))
	r.command, rest, ok = cutEximCommand(rest)
	if !ok {
		return r, true, false
	}
	switch {
	case pipelined && r.command == EndOfData:
		r.command = NoCommand // or the MAIL before a pipelined BDAT
	case lmtp && r.command == Data && host:
		r.command = EndOfData // transports/smtp.c says DATA
	}
	r.own = r.command == Rcpt || lmtp && r.command == EndOfData
	if named, found := bytes.CutPrefix(rest, []byte("host ")); found { // before 4.83
		if h, after, ok := cutEximHost(named); ok {
			if after, ok := bytes.CutPrefix(after, []byte(": ")); ok {
				r.eximHost, rest = h, after
			}
		}
	}
	r.reply = rest
	r.code, r.enhanced, ok = parseReplyLines(rest, `\n`)
	return r, true, ok
}

const eximRetryTimeout = ": retry timeout exceeded" // retry.c

// trimEximAdded drops what Exim adds to an error. A server can end its reply so too,
// and the lines that show it must still be found equal.
func trimEximAdded(b []byte) []byte {
	for {
		trimmed := bytes.TrimSuffix(trimEximDeliverTime(b), []byte(eximRetryTimeout))
		if len(trimmed) == len(b) {
			return b
		}
		b = trimmed
	}
}

// cutEximCommand reads the command, as it was sent or as Exim calls it, and the
// colon after it.
func cutEximCommand(b []byte) (c Command, rest []byte, ok bool) {
	start := 0
	for _, command := range []string{"RCPT TO:<", "MAIL FROM:<"} {
		if address, found := bytes.CutPrefix(b, []byte(command)); found {
			rest, ok = skipEximAddress(address)
			if !ok {
				return NoCommand, nil, false
			}
			start = len(b) - len(rest)
		}
	}
	i := bytes.Index(b[start:], []byte(": "))
	if i < 0 {
		return NoCommand, nil, false
	}
	name, rest := b[:start+i], b[start+i+2:]
	switch {
	case string(name) == "initial connection":
		c = Connect
	case bytes.HasPrefix(name, []byte("end of data")), bytes.HasPrefix(name, []byte("BDAT")):
		c = EndOfData
	case len(bytes.Trim(name, "*=")) == 0: // what is secret
		c = Auth
	default:
		c = commandOf(name)
	}
	return c, rest, true
}

// eximErrnoCommand reads the numbers that name a command.
func eximErrnoCommand(number []byte) Command {
	switch string(number) {
	case "-44":
		return Rcpt
	case "-45":
		return Mail
	case "-46":
		return EndOfData
	}
	return NoCommand
}

// eximErrnoCause reads the numbers of macros.h, ERRNO_*.
func eximErrnoCause(number []byte) Cause {
	switch string(number) {
	case "-18":
		return CauseLostConnection
	case "-32", "-36":
		return CauseDNS
	case "-37", "-38":
		return CauseTLS
	case "-42", "-48":
		return CauseAuth
	case "-43":
		return CauseTimeout
	case "-52", "-53", "-54", "-55", "-56", "-57", "-23":
		return CauseSuspended
	}
	return NoCause
}

// eximCauses are Exim's own reasons.
var eximCauses = []causeRule{
	{prefix: "retry time", cause: CauseSuspended},
	{prefix: "Retry time", cause: CauseSuspended},
	{prefix: "all hosts", cause: CauseSuspended},
	{prefix: "domain is held", cause: CauseSuspended},
	{prefix: "domain is in queue_domains", cause: CauseSuspended},
	{prefix: "remote deliveries suppressed", cause: CauseSuspended},
	{prefix: "concurrency limit reached for transport", cause: CauseSuspended},
	{prefix: "Connection timed out", cause: CauseTimeout},
	{prefix: "SMTP timeout", cause: CauseTimeout},
	{prefix: "LMTP timeout", cause: CauseTimeout},
	{prefix: "Operation timed out", cause: CauseTimeout},
	{prefix: "Connection refused", cause: CauseRefused},
	{prefix: "No route to host", cause: CauseUnreachable},
	{prefix: "Network is unreachable", cause: CauseUnreachable},
	{prefix: "Network unreachable", cause: CauseUnreachable},
	{prefix: "Remote host closed connection", cause: CauseLostConnection},
	{prefix: "LMTP connection closed", cause: CauseLostConnection},
	{prefix: "Connection reset", cause: CauseLostConnection},
	{prefix: "Broken pipe", cause: CauseLostConnection},
	{prefix: "host lookup did not complete", cause: CauseDNS},
	{prefix: "host lookup for ", cause: CauseDNS},
	{prefix: "lookup of host ", cause: CauseDNS},
	{prefix: "all relevant MX records point to non-existent hosts", cause: CauseDNS},
	{prefix: "an MX or SRV record indicated no SMTP service", cause: CauseDNS},
	{prefix: "Unrouteable address", cause: CauseDNS},
	{prefix: "unrouteable mail domain", cause: CauseDNS},
	{prefix: "all host address lookups", cause: CauseDNS},
	{prefix: "TLS session: ", cause: CauseTLS},
	{prefix: "a TLS session is required", cause: CauseTLS},
	{prefix: "TLS session is required", cause: CauseTLS},
	{prefix: "DANE ", cause: CauseTLS},
	{prefix: "authentication required but", cause: CauseAuth},
	{prefix: "message is too big", cause: CauseTooLarge},
	{prefix: "Too many \"Received\" headers", cause: CauseLoop},
	{prefix: "remote host address is the local host", cause: CauseLoop},
	{prefix: "lowest numbered MX record points to local host", cause: CauseLoop},
}
