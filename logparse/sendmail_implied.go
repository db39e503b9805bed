package logparse

import (
	"bytes"
	"strings"
)

// refusal reads a line whose words show a reply, though not its code.
func (l *sendmail) refusal(id, text []byte) {
	if name, addr, rest, ok := cutSendmailClient(text); ok {
		what, ok := bytes.CutPrefix(rest, []byte(": "))
		whole := bytes.HasSuffix(what, []byte(`\n`)) // a command with its line end
		if ok && (whole || !l.mayBeOfRecipient(what)) {
			l.session().switchTo(addr)
			l.imply(id, name, what, impliedOfSendmailClient)
		}
		return
	}
	// The client's name stands behind all that it could write.
	var client []byte
	switch {
	case bytes.HasPrefix(text, []byte("rejecting ")):
		_, client, _ = bytes.Cut(text, []byte(" from "))
	case bytes.HasPrefix(text, []byte("AUTH ")):
		_, client, _ = cutSendmailLast(text, ", relay=")
	case bytes.HasPrefix(text, []byte("invalid domain name (")):
		_, client, _ = cutSendmailLast(text, " from ")
	case bytes.HasPrefix(text, []byte("message size (")) && l.session().Client.Addr.Len == 0,
		bytes.HasSuffix(text, []byte(" from local during message collect")):
		return // of a user of this host
	default:
		if l.recipientRefused(id, text) {
			return
		}
	}
	name, addr, rest, ok := cutSendmailClient(client)
	t := impliedBy(impliedBySendmail, text)
	if t == nil {
		t = sendmailParameterUnknown(text)
	}
	if t == nil {
		return
	}
	if len(rest) > 0 && !bytes.HasPrefix(text, []byte("rejecting ")) {
		name, ok = nil, false // not at the end
	}
	if t.suffix == "" && !ok && l.mayBeOfRecipient(text) {
		return
	}
	if ok {
		l.session().switchTo(addr)
	}
	l.implied(id, name, text, t)
}

// A sendmailImplied is a reply that a line's first and last words imply.
type sendmailImplied struct {
	prefix, suffix string
	code           Code
	enhanced       EnhancedCode
	command        Command
}

// quotes reports whether a client's words stand behind the first ones.
func (t *sendmailImplied) quotes() bool {
	if t.command == EndOfData || t.command == NoCommand {
		return false
	}
	return t.prefix == "" || strings.IndexByte(`([="`, t.prefix[len(t.prefix)-1]) >= 0
}

// A sendmailImpliedTable holds replies by the first byte of their prefix, since few lines
// begin with one of the many.
type sendmailImpliedTable [256][]sendmailImplied

func indexSendmailImplied(all []sendmailImplied) *sendmailImpliedTable {
	var by sendmailImpliedTable
	for _, t := range all {
		by[t.prefix[0]] = append(by[t.prefix[0]], t)
	}
	return &by
}

// impliedBySendmail are implied by lines of constant words. In the source,
// srvrsmtp.c, each line has only one reply. "low on space" has none: it is
// also logged when a client has gone (queue.c, pickqdir()).
var impliedBySendmail = indexSendmailImplied([]sendmailImplied{
	{"Too many recipients", "Too many recipients", 452, EnhancedCode{4, 5, 3}, Rcpt},
	// What RCPT can have behind the recipient (rcpt_esmtp_args(), parse_esmtp_args()).
	// The arguments of MAIL are not logged.
	{"Missing recipient", "Missing recipient", 501, EnhancedCode{5, 0, 0}, Rcpt},
	{"NOTIFY requires a value", "NOTIFY requires a value", 501, EnhancedCode{5, 5, 2}, Rcpt},
	{"ORCPT requires a value", "ORCPT requires a value", 501, EnhancedCode{5, 5, 2}, Rcpt},
	{"Bad argument \"", "\"  to NOTIFY", 501, EnhancedCode{5, 5, 4}, Rcpt},
	{"Duplicate ORCPT parameter", "Duplicate ORCPT parameter", 501, EnhancedCode{5, 5, 0}, Rcpt},
	{"Syntax error in ", "ORCPT parameter value", 501, EnhancedCode{5, 5, 4}, Rcpt},
	{"Sorry, NOTIFY not supported, ", "we do not allow DSN", 504, EnhancedCode{5, 7, 0}, Rcpt},
	{"Sorry, ORCPT not supported, ", "we do not allow DSN", 504, EnhancedCode{5, 7, 0}, Rcpt},
	{"Too many parameters", "Too many parameters", 501, EnhancedCode{5, 5, 4}, Rcpt},
	{"rejecting commands from ", " due to pre-greeting traffic", 554, EnhancedCode{}, Connect}, // until 8.13
	{"rejecting commands from ", " seconds", 554, EnhancedCode{}, Connect},
	// 8.18, also where its fix of SMTP smuggling was brought to older versions
	{"rejecting server HELO from ", " due to traffic before response", 554, EnhancedCode{5, 5, 0}, Ehlo},
	{"rejecting server EHLO from ", " due to traffic before response", 554, EnhancedCode{5, 5, 0}, Ehlo},
	{"rejecting server DATA from ", " due to traffic before response", 554, EnhancedCode{5, 5, 0}, Data},
	{"collect: relay=", " not allowed, where=header, status=tempfail", 421, EnhancedCode{4, 5, 0}, EndOfData},
	{"collect: relay=", " not allowed, where=body, status=tempfail", 421, EnhancedCode{4, 5, 0}, EndOfData},
	{"collect: relay=", " not allowed, where=header+body, status=tempfail", 421, EnhancedCode{4, 5, 0}, EndOfData},
	{"AUTH failure (", "", 535, EnhancedCode{5, 7, 0}, Auth},
	{"SMTP MAIL command (", " tempfailed (due to previous checks)", 451, EnhancedCode{4, 3, 2}, Mail},
	{"SMTP VRFY command (", " tempfailed (due to previous checks)", 550, EnhancedCode{5, 7, 1}, Vrfy},
	{"SMTP EXPN command (", " tempfailed (due to previous checks)", 550, EnhancedCode{5, 7, 1}, OtherCommand},
	{"SMTP ETRN command (", " tempfailed (due to previous checks)", 451, EnhancedCode{4, 3, 2}, Etrn},
	{"SMTP AUTH command (", " tempfailed (due to previous checks)", 454, EnhancedCode{4, 3, 0}, Auth},
	{"SMTP STARTTLS command (", " tempfailed (due to previous checks)", 454, EnhancedCode{4, 7, 0}, StartTLS},
	{"AUTH decode64 error [", "", 501, EnhancedCode{5, 5, 4}, Auth},
	{"AUTH encode64 error [", `"]`, 454, EnhancedCode{4, 5, 4}, Auth},
	{"AUTH encode64 error [", "", 454, EnhancedCode{4, 5, 4}, Auth},
	{"invalid domain name (", "", 501, EnhancedCode{5, 0, 0}, Ehlo},
	// collect.c
	{"message size (", "", 552, EnhancedCode{5, 2, 3}, EndOfData},
	{"headers too large (", " during message collect", 552, EnhancedCode{5, 6, 0}, EndOfData},
	{"header overflow from ", " during message collect", 552, EnhancedCode{5, 6, 0}, EndOfData},
	{"ERROR: srv_features=tempfail, relay=", ", access temporarily disabled", 450, EnhancedCode{4, 3, 0}, NoCommand},
})

// impliedBySendmailMilter are implied by the words after "Milter: " and
// "Milter: connect: host=NAME, addr=IP, ".
var impliedBySendmailMilter = indexSendmailImplied([]sendmailImplied{
	{"initialization failed, rejecting commands", "", 554, EnhancedCode{}, Connect},
	{"initialization failed, temp failing commands", "", 451, EnhancedCode{4, 3, 2}, NoCommand},
	{"initialization failed, closing connection", "", 421, EnhancedCode{4, 7, 0}, Connect},
	{"rejecting commands", "", 554, EnhancedCode{}, Connect},
	{"temp failing commands", "commands", 451, EnhancedCode{4, 3, 2}, NoCommand},
	{"shutdown", "shutdown", 421, EnhancedCode{4, 7, 0}, Connect},
})

// impliedOfSendmailClient are implied by the words after a client.
var impliedOfSendmailClient = indexSendmailImplied([]sendmailImplied{
	{"probable open proxy: command=", "", 421, EnhancedCode{4, 7, 0}, OtherCommand},
	{"SMTP violation, input too long: ", "", 421, EnhancedCode{4, 7, 0}, OtherCommand},
	{"Possible SMTP RCPT flood, shutting down connection.", "", 421, EnhancedCode{4, 7, 0}, Rcpt},
})

// impliedBy returns what a line's words imply; nil for nothing.
func impliedBy(table *sendmailImpliedTable, text []byte) *sendmailImplied {
	if len(text) == 0 {
		return nil
	}
	for i := range table[text[0]] {
		t := &table[text[0]][i]
		if bytes.HasPrefix(text, []byte(t.prefix)) && bytes.HasSuffix(text, []byte(t.suffix)) {
			return t
		}
	}
	return nil
}

// sendmailParameterUnknown returns what is implied by words on a parameter of RCPT, whose
// name is letters, digits and hyphens (parse_esmtp_args()); nil for other words.
func sendmailParameterUnknown(text []byte) *sendmailImplied {
	name, ok := bytes.CutSuffix(text, []byte(impliedByUnknownParameter.suffix))
	if !ok {
		return nil
	}
	for _, c := range name {
		if !isAlphanumeric(c) && c != '-' {
			return nil
		}
	}
	return &impliedByUnknownParameter
}

var impliedByUnknownParameter = sendmailImplied{"", " parameter unrecognized", 555, EnhancedCode{5, 5, 4}, Rcpt}

// imply adds the reply that a line implies, if any.
func (l *sendmail) imply(id, name, text []byte, table *sendmailImpliedTable) {
	if t := impliedBy(table, text); t != nil {
		l.implied(id, name, text, t)
	}
}

// implied adds an implied reply.
func (l *sendmail) implied(id, name, text []byte, t *sendmailImplied) {
	s := l.session()
	if s.Logged {
		return // the dialogue shows it
	}
	e := Event{
		Kind: Reply, Direction: Sent, Code: t.code, Enhanced: t.enhanced, Command: t.command, Implied: true,
		Remote: name, QueueID: id, Text: text,
	}
	if t.quotes() {
		l.said = append(append(l.said, t.prefix...), t.suffix...)
		e.Said = l.said
	}
	s.Client.addTo(&e)
	switch {
	case t.command == NoCommand:
		s.Verdict = t.code
	case s.Verdict == t.code && bytes.HasSuffix(text, []byte(" tempfailed (due to previous checks)")):
		e.Repeat = true
		s.Verdict = 0
	case t.command == Connect:
		s.Announced = t.code
	case t.command == EndOfData:
		l.messages.remove(l.messageKey(id))
	}
	l.emit(e)
}
