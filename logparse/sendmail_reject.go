package logparse

import "bytes"

// ruleset reads what follows "ruleset=" (parseaddr.c, rscheck()):
//
//	check_rcpt, arg1=<ann@dest.example>, relay=client.example [192.0.2.7], reject=550 5.7.1 <ann@dest.example>... Relaying denied
//
// The argument is the client's word: an address whose quotes and brackets end
// (parseaddr.c, prescan()), the client's name, or a header's text with anything in
// it. The reply is what the administrator and Sendmail say.
func (l *sendmail) ruleset(id, b []byte) (shape string) {
	name, rest, ok := bytes.Cut(b, []byte(", arg1="))
	if !ok || !bytes.Contains(rest, []byte(", reject=")) {
		return "" // discard, quarantine
	}
	command, verdict, unstructured := NoCommand, false, false
	switch string(name) {
	case "check_relay", "tls_client":
		verdict = true // said to later commands, but for a 421
	case "check_mail":
		command = Mail
	case "check_rcpt":
		command = Rcpt
	case "check_data":
		command = Data
	case "check_eom", "check_eoh":
		command, unstructured = EndOfData, true
	case "check_other":
		command, unstructured = OtherCommand, true
	case "check_etrn":
		command = Etrn
	case "check_vrfy":
		command = Vrfy
	case "check_expn":
		command = OtherCommand
	case "check_compat", "tls_server", "tls_rcpt", "try_tls", "authinfo", "trust_auth", "oc_rate", "oc_conc", "bcc":
		return "" // no answer to a client
	default:
		command, unstructured = EndOfData, true // a header's
	}
	client, text, ok := cutRuleset(rest, unstructured)
	if !ok {
		return shapeRuleset
	}
	e := Event{Direction: Sent, Count: 1, QueueID: id, Command: command, Text: text}
	if e.Remote, e.Addr, _, ok = cutClient(client); !ok {
		return "" // sendmail -bs, or no SMTP at all
	}
	if e.Code, e.Enhanced, ok = ParseReply(text); !ok || e.Code.Class() < 4 {
		return shapeRuleset
	}
	s := l.session()
	s.is(e.Addr)
	e.Authenticated = s.Client.Authenticated
	switch message := l.seed.add(id); {
	case s.Shown == l.seed.add(text):
		e.Repeat = true
	case verdict && e.Code == 421:
		e.Command, s.Told = Connect, e.Code
	case verdict:
		e.Implied, s.Verdict = true, e.Code
	case command == EndOfData:
		e.Repeat, s.Header, s.Told = s.Header == message, message, e.Code
		l.messages.remove(l.messageKey(id))
	}
	s.Shown = 0
	l.emit(e)
	return ""
}

// cutRuleset reads what follows ", arg1=". An unstructured argument may hold
// anything, so that the last client in the line is the one.
func cutRuleset(b []byte, unstructured bool) (client, reply []byte, ok bool) {
	if unstructured {
		relay := bytes.LastIndex(b, []byte(", relay="))
		if relay < 0 {
			return nil, nil, false
		}
		b = b[relay+len(", "):]
	} else if _, b, ok = cutAddresses(b); !ok {
		return nil, nil, false
	}
	if arg2, found := bytes.CutPrefix(b, []byte("arg2=")); found {
		if _, b, ok = cutAddresses(arg2); !ok {
			return nil, nil, false
		}
	}
	if b, ok = bytes.CutPrefix(b, []byte("relay=")); !ok {
		return nil, nil, false
	}
	return bytes.Cut(b, []byte(", reject="))
}

// filter reads what follows "milter=": a milter's answer, which "Milter: " tells
// again (milter.c, milter_send_command() and milter_data()).
//
//	NAME, action=rcpt, reject=451 4.7.1 Try again later
//	NAME, reject=550 5.7.1 Spam
func (l *sendmail) filter(id, b []byte) (shape string) {
	_, rest, ok := bytes.Cut(b, []byte(", "))
	if !ok {
		return ""
	}
	e := Event{Command: EndOfData}
	if action, ok := bytes.CutPrefix(rest, []byte("action=")); ok {
		action, rest, _ = bytes.Cut(action, []byte(", "))
		switch string(action) {
		case "connect":
			return "" // its code is not used (srvrsmtp.c, _FFR_MILTER_CONNECT_REPLYCODE)
		case "helo":
			e.Command, e.Implied = NoCommand, true
		case "mail":
			e.Command = Mail
		case "rcpt":
			e.Command = Rcpt
		case "data":
			e.Command = Data
		case "unknown":
			e.Command = OtherCommand
		}
	}
	text, ok := bytes.CutPrefix(rest, []byte("reject="))
	if !ok {
		return ""
	}
	if !l.refuse(id, text, e) {
		return shapeMilter
	}
	l.session().Milter = true
	return ""
}

// filtered reads what follows "Milter: " (srvrsmtp.c, MILTER_REPLY(), smtp() and
// smtp_data()):
//
//	from=<a@src.example>, reject=451 4.3.2 Please try again later
//	helo=client.example, reject=Command rejected
//	data, reject=550 5.7.1 Spam                    the answer to the whole message
//	cmd=data, reject=550 5.7.1 No
//	connect: host=client.example, addr=192.0.2.7, rejecting commands
func (l *sendmail) filtered(id, b []byte) (shape string) {
	if rest, ok := bytes.CutPrefix(b, []byte("data, reject=")); ok {
		return l.filterSaid(id, rest, Event{Command: EndOfData})
	}
	if rest, ok := bytes.CutPrefix(b, []byte("cmd=data, reject=")); ok {
		return l.filterSaid(id, rest, Event{Command: Data})
	}
	if rest, ok := bytes.CutPrefix(b, []byte("helo=")); ok {
		i := bytes.LastIndex(rest, []byte(", reject="))
		if i < 0 {
			return ""
		}
		text := rest[i+len(", reject="):]
		if string(text) == "Command rejected" {
			if l.session().Logged {
				return "" // the dialogue shows it
			}
			text = commandRejected
		}
		return l.filterSaid(id, text, Event{Implied: true})
	}
	if rest, ok := bytes.CutPrefix(b, []byte("connect: host=")); ok {
		return l.filteredConnection(id, rest)
	}
	for i := range filteredCommands {
		rest, ok := bytes.CutPrefix(b, []byte(filteredCommands[i].before))
		if !ok {
			continue
		}
		if _, rest, ok = cutAddresses(rest); !ok {
			return shapeMilter
		}
		if text, ok := bytes.CutPrefix(rest, []byte("reject=")); ok {
			if string(text) == "421, errormode=4" {
				text = closingConnection
			}
			return l.filterSaid(id, text, Event{Command: filteredCommands[i].command})
		}
		return ""
	}
	l.imply(id, nil, b, impliedByMilter)
	return ""
}

// What Sendmail says for a milter that names no reply (srvrsmtp.c).
var (
	commandRejected   = []byte("550 5.0.0 Command rejected")
	closingConnection = []byte("421 4.3.0 closing connection")
)

var filteredCommands = []struct {
	before  string
	command Command
}{
	{"from=", Mail},
	{"to=", Rcpt},
	{"unknown=", OtherCommand},
}

// filterSaid adds what a milter had a client told, which may repeat a milter= line.
func (l *sendmail) filterSaid(id, text []byte, e Event) (shape string) {
	s := l.session()
	e.Repeat, s.Milter = s.Milter, false
	if !l.refuse(id, text, e) {
		return shapeMilter
	}
	return ""
}

// refuse adds a milter's refusal. To one without an enhanced code, Sendmail adds
// that of its class (err.c, usrerr()).
func (l *sendmail) refuse(id, text []byte, e Event) (ok bool) {
	if e.Code, e.Enhanced, ok = ParseReply(text); !ok || e.Code.Class() < 4 {
		return false
	}
	if e.Enhanced.Class == 0 {
		e.Enhanced.Class = uint8(e.Code.Class())
	}
	if e.Command == EndOfData {
		l.messages.remove(l.messageKey(id))
	}
	s := l.session()
	if e.Implied && e.Code != 421 { // said at once
		s.Verdict, e.Command = e.Code, NoCommand
	} else {
		e.Implied, s.Told = false, e.Code
	}
	e.Direction, e.Count, e.QueueID, e.Text = Sent, 1, id, text
	e.Addr, e.Authenticated = s.Client.address(), s.Client.Authenticated
	l.emit(e)
	return true
}

// filteredConnection reads what follows "Milter: connect: host=", in which the
// name of a client stands:
//
//	client.example, addr=192.0.2.7, rejecting commands
//	client.example, addr=192.0.2.7, reject=550 5.7.1 No
func (l *sendmail) filteredConnection(id, b []byte) (shape string) {
	name, rest, ok := bytes.Cut(b, []byte(", addr="))
	if !ok || len(name) == 0 || bytes.IndexByte(name, ' ') >= 0 {
		return ""
	}
	addr, what, ok := bytes.Cut(rest, []byte(", "))
	if !ok {
		return ""
	}
	addr = bytes.TrimPrefix(addr, []byte("IPv6:"))
	if name[0] == '[' {
		name = addr
	}
	l.session().is(addr)
	// _FFR_MILTER_CONNECT_REPLYCODE
	for _, before := range []string{"reject=", "temp failing commands=", "shutdown="} {
		if text, ok := bytes.CutPrefix(what, []byte(before)); ok {
			if !l.refuse(id, text, Event{Command: Connect, Remote: name, Implied: true}) {
				return shapeMilter
			}
			return ""
		}
	}
	l.imply(id, name, what, impliedByMilter)
	return ""
}

// refusal reads a line whose words tell a reply, though not its code.
func (l *sendmail) refusal(id, text []byte) {
	if bytes.HasPrefix(text, []byte("<")) {
		l.userError(id, text)
		return
	}
	if name, addr, rest, ok := cutClient(text); ok {
		if what, ok := bytes.CutPrefix(rest, []byte(": ")); ok {
			l.session().is(addr)
			l.imply(id, name, what, impliedOfClient)
		}
		return
	}
	// The client stands behind all that it could write.
	var client []byte
	switch {
	case bytes.HasPrefix(text, []byte("rejecting ")):
		_, client, _ = bytes.Cut(text, []byte(" from "))
	case bytes.HasPrefix(text, []byte("AUTH ")):
		client = afterLast(text, ", relay=")
	case bytes.HasPrefix(text, []byte("invalid domain name (")):
		client = afterLast(text, " from ")
	case bytes.HasPrefix(text, []byte("message size (")) && l.session().Client.Len == 0,
		bytes.HasSuffix(text, []byte(" from local during message collect")):
		return // a user's of this host
	}
	name, addr, _, ok := cutClient(client)
	if ok {
		l.session().is(addr)
	}
	l.imply(id, name, text, impliedBySendmail)
}

// afterLast returns what follows the last separator; nil where there is none.
func afterLast(b []byte, separator string) []byte {
	if i := bytes.LastIndex(b, []byte(separator)); i >= 0 {
		return b[i+len(separator):]
	}
	return nil
}

// A sendmailImplied is a reply that a line's first words imply.
type sendmailImplied struct {
	before, after string // the words, and the last ones
	code          Code
	enhanced      EnhancedCode
	command       Command
}

// impliedBySendmail are the replies that lines of constant words imply. Each has
// one in the source, srvrsmtp.c. "low on space" has none: it is also logged when
// a client has gone (queue.c, pickqdir()).
var impliedBySendmail = []sendmailImplied{
	{"Too many recipients", "Too many recipients", 452, EnhancedCode{4, 5, 3}, Rcpt},
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
	{"AUTH encode64 error [", "", 454, EnhancedCode{4, 5, 4}, Auth},
	{"invalid domain name (", "", 501, EnhancedCode{5, 0, 0}, Ehlo},
	// collect.c
	{"message size (", ")", 552, EnhancedCode{5, 2, 3}, EndOfData},
	{"headers too large (", " during message collect", 552, EnhancedCode{5, 6, 0}, EndOfData},
	{"header overflow from ", " during message collect", 552, EnhancedCode{5, 6, 0}, EndOfData},
	{"ERROR: srv_features=tempfail, relay=", "", 450, EnhancedCode{4, 3, 0}, NoCommand},
}

// impliedByMilter are those of "Milter: " and "Milter: connect: host=NAME, addr=IP, ".
var impliedByMilter = []sendmailImplied{
	{"initialization failed, rejecting commands", "", 554, EnhancedCode{}, Connect},
	{"initialization failed, temp failing commands", "", 451, EnhancedCode{4, 3, 2}, NoCommand},
	{"initialization failed, closing connection", "", 421, EnhancedCode{4, 7, 0}, Connect},
	{"rejecting commands", "", 554, EnhancedCode{}, Connect},
	{"temp failing commands", "commands", 451, EnhancedCode{4, 3, 2}, NoCommand},
	{"shutdown", "shutdown", 421, EnhancedCode{4, 7, 0}, Connect},
}

// impliedOfClient are those of lines that begin with a client.
var impliedOfClient = []sendmailImplied{
	{"probable open proxy: command=", "", 421, EnhancedCode{4, 7, 0}, OtherCommand},
	{"SMTP violation, input too long: ", "", 421, EnhancedCode{4, 7, 0}, OtherCommand},
	{"Possible SMTP RCPT flood, shutting down connection.", "", 421, EnhancedCode{4, 7, 0}, Rcpt},
}

// imply adds the reply that a line implies, if any.
func (l *sendmail) imply(id, name, text []byte, table []sendmailImplied) {
	for i := range table {
		t := &table[i]
		if !bytes.HasPrefix(text, []byte(t.before)) || !bytes.HasSuffix(text, []byte(t.after)) {
			continue
		}
		s := l.session()
		if s.Logged {
			return // the dialogue shows it
		}
		e := Event{
			Kind: Reply, Direction: Sent, Code: t.code, Enhanced: t.enhanced, Command: t.command, Count: 1, Implied: true,
			Remote: name, Addr: s.Client.address(), Authenticated: s.Client.Authenticated, QueueID: id, Text: text,
		}
		switch {
		case t.command == NoCommand:
			s.Verdict = t.code
		case s.Verdict == t.code && bytes.HasSuffix(text, []byte(" tempfailed (due to previous checks)")):
			e.Repeat = true
			s.Verdict = 0
		case t.command == Connect:
			s.Told = t.code
		case t.command == EndOfData:
			l.messages.remove(l.messageKey(id))
		}
		l.emit(e)
		return
	}
}

// userError reads what Sendmail said of a recipient (err.c, usrerr()). It logs no
// code, and of its own refusals only this one has words that no other has.
//
//	<nobody@dest.example>... User unknown
func (l *sendmail) userError(id, text []byte) {
	s := l.session()
	var a addressReader
	end := 0
	for end < len(text) && !a.outside(text[end]) {
		end++
	}
	words, ok := bytes.CutPrefix(text[end:], []byte("... "))
	if !ok || s.Logged {
		return
	}
	e := Event{
		Kind: Refusal, Direction: Sent, Command: Rcpt, Count: 1, QueueID: id, Text: words,
		Addr: s.Client.address(), Authenticated: s.Client.Authenticated,
	}
	if string(words) == "User unknown" {
		e.Kind, e.Code, e.Enhanced, e.Implied = Reply, 550, EnhancedCode{5, 1, 1}, true
	}
	l.emit(e)
}
