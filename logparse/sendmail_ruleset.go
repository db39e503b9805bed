package logparse

import "bytes"

// A sendmailRuleset is a ruleset that can refuse something.
type sendmailRuleset struct {
	command Command // that the refusal answers
	// later is true where the refusal answers later commands, but for a 421.
	later        bool
	unstructured bool // its argument is no address
	unanswered   bool // the refusal is no answer to a client
}

// sendmailRulesets are all but those of headers, which have any name.
var sendmailRulesets = map[string]sendmailRuleset{
	"check_relay":  {later: true},
	"tls_client":   {later: true},
	"check_mail":   {command: Mail},
	"check_rcpt":   {command: Rcpt},
	"check_data":   {command: Data},
	"check_eom":    {command: EndOfData, unstructured: true},
	"check_eoh":    {command: EndOfData, unstructured: true},
	"check_other":  {command: OtherCommand, unstructured: true},
	"check_etrn":   {command: Etrn, unstructured: true},
	"check_vrfy":   {command: Vrfy, unstructured: true},
	"check_expn":   {command: OtherCommand, unstructured: true},
	"check_compat": {unanswered: true},
	"tls_server":   {unanswered: true},
	"tls_rcpt":     {unanswered: true},
	"try_tls":      {unanswered: true},
	"authinfo":     {unanswered: true},
	"trust_auth":   {unanswered: true},
	"oc_rate":      {unanswered: true},
	"oc_conc":      {unanswered: true},
	"bcc":          {unanswered: true},
}

// ruleset reads what follows "ruleset=" (parseaddr.c, rscheck()):
//
//	check_rcpt, arg1=<ann@dest.example>, relay=client.example [192.0.2.7], reject=550 5.7.1 <ann@dest.example>... Relaying denied
//
// The argument is the client's word: an address whose quotes and brackets end
// (parseaddr.c, prescan()), the client's name, or a header's text with anything in
// it. The reply is what the administrator and Sendmail say.
func (l *sendmail) ruleset(id, b []byte) {
	called, arg, ok := bytes.Cut(b, []byte(", arg1="))
	if !ok || !bytes.Contains(arg, []byte(", reject=")) {
		return // discard, quarantine
	}
	ruleset, ok := sendmailRulesets[string(called)]
	if !ok {
		ruleset = sendmailRuleset{command: EndOfData, unstructured: true} // a header's
	}
	if ruleset.unanswered {
		return
	}
	client, text, ok := cutSendmailRuleset(arg, ruleset.unstructured)
	if !ok {
		l.notUnderstood(shapeSendmailRuleset)
		return
	}
	e := Event{Kind: Reply, Direction: Sent, QueueID: id, Command: ruleset.command, Text: text}
	name, addr, rest, ok := cutSendmailClient(client)
	if !ok && bytes.IndexByte(client, '[') < 0 {
		return // sendmail -bs, or no SMTP at all
	}
	e.Code, e.Enhanced, _ = ParseReply(text)
	if !ok || len(rest) > 0 || e.Code.Class() < 4 || l.ends != nil && !l.ends.said(e.Code) {
		l.notUnderstood(shapeSendmailRuleset)
		return
	}
	if l.ends == nil && !refusesAddress(e.Code, text, arg) && l.mayBeOfRecipient(text) {
		return
	}
	s := l.session()
	// A line that ends in words on a recipient may be a client's but for the code.
	if l.ends == nil {
		s.switchTo(addr)
		e.Remote = name
	} else if bytes.Equal(addr, s.Client.Addr.bytes()) {
		e.Remote = name
	}
	s.Client.addTo(&e)
	switch {
	case s.LastText == l.seed.add(text):
		e.Repeat = true
	case ruleset.later && e.Code == 421:
		e.Command = Connect
		s.Announced = e.Code
	case ruleset.later:
		e.Implied = true
		s.Verdict = e.Code
	case e.Command == EndOfData:
		message := l.seed.add(id)
		e.Repeat = s.Header == message
		s.Header = message
		s.Announced = e.Code
		l.messages.remove(l.messageKey(id))
	}
	s.LastText = 0
	l.emit(e)
}

// refusesAddress reports whether a refusal has the ruleset's argument and "... " in front
// of its words, as Sendmail writes it. All that a client gains by a recipient that looks
// like such a line is one more refusal of an address.
func refusesAddress(code Code, text, arg []byte) bool {
	_, rest, ok := cutSendmailAddresses(arg)
	if !ok || code%100 != 50 && code%100 != 53 || len(text) < len("550 ") {
		return false
	}
	words, ok := bytes.CutPrefix(sendmailWords(text), arg[:len(arg)-len(rest)-len(", ")])
	return ok && bytes.HasPrefix(words, sendmailDots)
}

// cutSendmailRuleset reads what follows ", arg1=". An unstructured argument may
// hold anything, so that the last client in the line is the one, unless the reply
// quotes the argument.
func cutSendmailRuleset(b []byte, unstructured bool) (client, reply []byte, ok bool) {
	if unstructured {
		arg, last, ok := cutSendmailLast(b, ", relay=")
		if _, between, quoted := bytes.Cut(arg, b[len(arg):]); !ok || quoted && mayBeRefusal(between) {
			return nil, nil, false
		}
		b = last
		return bytes.Cut(b, []byte(", reject="))
	}
	_, b, ok = cutSendmailAddresses(b)
	if arg2, found := bytes.CutPrefix(b, []byte("arg2=")); found {
		_, b, ok = cutSendmailAddresses(arg2)
	}
	b, found := bytes.CutPrefix(b, []byte("relay="))
	if !ok || !found {
		return nil, nil, false
	}
	return bytes.Cut(b, []byte(", reject="))
}

// mayBeRefusal reports whether a client and a refusal stand in b.
func mayBeRefusal(b []byte) bool {
	_, b, ok := bytes.Cut(b, []byte(", relay="))
	return ok && (bytes.Contains(b, []byte(", reject=4")) || bytes.Contains(b, []byte(", reject=5")))
}
