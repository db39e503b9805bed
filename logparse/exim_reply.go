package logparse

import "bytes"

// A remoteReply is a reply that another server gave this one.
type remoteReply struct {
	eximHost // only where the text names it
	code     Code
	enhanced EnhancedCode
	command  Command
	own      bool   // it answers one recipient only
	text     []byte // all of it, from "SMTP error" on
	reply    []byte
}

func (r *remoteReply) event(id []byte) Event {
	return Event{
		Direction: Received, Code: r.code, Enhanced: r.enhanced, Command: r.command, QueueID: id,
		Remote: r.name, Addr: r.addr, Text: r.reply, Dialogue: r.code.Class() < 4,
	}
}

// remoteErrors are the words before the command that a server answered
// (transports/smtp.c, check_response() and sync_responses(); transports/lmtp.c).
var remoteErrors = []string{
	"SMTP error from remote mail server after ",
	"SMTP error from remote mailer after ", // before 4.67
	"LMTP error after ",
	"PRDR error after ",
}

func isRemoteError(text []byte) bool {
	for _, words := range remoteErrors {
		if bytes.HasPrefix(text, []byte(words)) {
			return true
		}
	}
	return false
}

// remoteError reads a reply; said is true where one is announced. The lmtp
// transport, which knows no host, tells apart the replies to DATA and to its end.
//
//	SMTP error from remote mail server after [pipelined ]COMMAND: [host NAME [IP]: ]REPLY
func remoteError(text []byte, host bool) (r remoteReply, said, ok bool) {
	var rest []byte
	for _, words := range remoteErrors {
		if rest, said = bytes.CutPrefix(text, []byte(words)); said {
			break
		}
	}
	if !said {
		return r, false, false
	}
	lmtp := text[0] != 'S'
	text = bytes.TrimSuffix(text, []byte(": retry timeout exceeded")) // retry.c
	rest = bytes.TrimSuffix(rest, []byte(": retry timeout exceeded"))
	r.text = text
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
	r.code, r.enhanced, ok = parseEximReply(rest)
	return r, true, ok
}

// cutEximCommand reads the command, as it was sent or as Exim calls it, and the
// colon after it.
func cutEximCommand(b []byte) (c Command, rest []byte, ok bool) {
	start := 0
	for _, command := range []string{"RCPT TO:<", "MAIL FROM:<"} {
		if rest, ok := bytes.CutPrefix(b, []byte(command)); ok {
			if rest, ok = skipEximAddress(rest); !ok {
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

// parseEximReply is ParseReply for a text in which the lines of a reply are joined
// with \n, escaped as string_printing() does; the last line has the enhanced code.
func parseEximReply(text []byte) (Code, EnhancedCode, bool) {
	code, enhanced, ok := ParseReply(text)
	if !ok || len(text) < 4 || text[3] != '-' {
		return code, enhanced, ok
	}
	if i := bytes.LastIndex(text, []byte(`\n`)); i >= 0 {
		if last, e, ok := ParseReply(text[i+2:]); ok && last == code {
			enhanced = e
		}
	}
	return code, enhanced, true
}

// commandOfErrno reads the numbers that name a command.
func commandOfErrno(number []byte) Command {
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

// causeOfErrno reads the numbers of macros.h, ERRNO_*.
func causeOfErrno(number []byte) Cause {
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

var eximCauses = []struct {
	words string
	cause Cause
}{
	{"retry time", CauseSuspended},
	{"Retry time", CauseSuspended},
	{"all hosts", CauseSuspended},
	{"Connection timed out", CauseTimeout},
	{"SMTP timeout", CauseTimeout},
	{"LMTP timeout", CauseTimeout},
	{"Operation timed out", CauseTimeout},
	{"Connection refused", CauseRefused},
	{"No route to host", CauseUnreachable},
	{"Network is unreachable", CauseUnreachable},
	{"Network unreachable", CauseUnreachable},
	{"Remote host closed connection", CauseLostConnection},
	{"LMTP connection closed", CauseLostConnection},
	{"Connection reset", CauseLostConnection},
	{"Broken pipe", CauseLostConnection},
	{"host lookup did not complete", CauseDNS},
	{"all relevant MX records point to non-existent hosts", CauseDNS},
	{"an MX or SRV record indicated no SMTP service", CauseDNS},
	{"Unrouteable address", CauseDNS},
	{"unrouteable mail domain", CauseDNS},
	{"all host address lookups", CauseDNS},
	{"TLS session: ", CauseTLS},
	{"a TLS session is required", CauseTLS},
	{"TLS session is required", CauseTLS},
	{"DANE ", CauseTLS},
	{"authentication required but", CauseAuth},
	{"message is too big", CauseTooLarge},
	{"Too many \"Received\" headers", CauseLoop},
	{"remote host address is the local host", CauseLoop},
	{"lowest numbered MX record points to local host", CauseLoop},
}

// causeOfExim reads Exim's own reason.
func causeOfExim(text []byte) Cause {
	for i := range eximCauses {
		if bytes.HasPrefix(text, []byte(eximCauses[i].words)) {
			return eximCauses[i].cause
		}
	}
	return CauseOther
}
