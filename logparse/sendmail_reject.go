package logparse

import "bytes"

// ruleset reads what follows "ruleset=" (parseaddr.c, rscheck()):
//
//	check_rcpt, arg1=<ann@dest.example>, relay=client.example [192.0.2.7], reject=550 5.7.1 <ann@dest.example>... Relaying denied
//
// The argument is the client's word: an address whose quotes and brackets end
// (parseaddr.c, prescan()), the client's name, or a header's text with anything in
// it. The reply is what the administrator and Sendmail say.
func (l *sendmail) ruleset(id, b []byte) {
	name, rest, ok := bytes.Cut(b, []byte(", arg1="))
	if !ok || !bytes.Contains(rest, []byte(", reject=")) {
		return // discard, quarantine
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
		return // no answer to a client
	default:
		command, unstructured = EndOfData, true // a header's
	}
	client, text, ok := cutRuleset(rest, unstructured)
	if !ok {
		l.notUnderstood(shapeRuleset)
		return
	}
	e := Event{Direction: Sent, QueueID: id, Command: command, Text: text}
	if e.Remote, e.Addr, _, ok = cutClient(client); !ok {
		return // sendmail -bs, or no SMTP at all
	}
	if e.Code, e.Enhanced, ok = ParseReply(text); !ok || e.Code.Class() < 4 {
		l.notUnderstood(shapeRuleset)
		return
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
func (l *sendmail) filter(id, b []byte) {
	_, rest, ok := bytes.Cut(b, []byte(", "))
	if !ok {
		return
	}
	e := Event{Command: EndOfData}
	if action, ok := bytes.CutPrefix(rest, []byte("action=")); ok {
		action, rest, _ = bytes.Cut(action, []byte(", "))
		switch string(action) {
		case "connect":
			return // its code is not used (srvrsmtp.c, _FFR_MILTER_CONNECT_REPLYCODE)
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
		return
	}
	if !l.refuse(id, text, e) {
		l.notUnderstood(shapeMilter)
		return
	}
	l.session().Milter = true
}

// filtered reads what follows "Milter: " (srvrsmtp.c, MILTER_REPLY(), smtp() and
// smtp_data()):
//
//	from=<a@src.example>, reject=451 4.3.2 Please try again later
//	helo=client.example, reject=Command rejected
//	data, reject=550 5.7.1 Spam                    the answer to the whole message
//	cmd=data, reject=550 5.7.1 No
//	connect: host=client.example, addr=192.0.2.7, rejecting commands
func (l *sendmail) filtered(id, b []byte) {
	if rest, ok := bytes.CutPrefix(b, []byte("data, reject=")); ok {
		l.filterSaid(id, rest, Event{Command: EndOfData})
		return
	}
	if rest, ok := bytes.CutPrefix(b, []byte("cmd=data, reject=")); ok {
		l.filterSaid(id, rest, Event{Command: Data})
		return
	}
	if rest, ok := bytes.CutPrefix(b, []byte("helo=")); ok {
		i := bytes.LastIndex(rest, []byte(", reject="))
		if i < 0 {
			return
		}
		text := rest[i+len(", reject="):]
		if string(text) == "Command rejected" {
			if l.session().Logged {
				return // the dialogue shows it
			}
			text = commandRejected
		}
		l.filterSaid(id, text, Event{Implied: true})
		return
	}
	if rest, ok := bytes.CutPrefix(b, []byte("connect: host=")); ok {
		l.filteredConnection(id, rest)
		return
	}
	for i := range filteredCommands {
		rest, ok := bytes.CutPrefix(b, []byte(filteredCommands[i].before))
		if !ok {
			continue
		}
		if _, rest, ok = cutAddresses(rest); !ok {
			l.notUnderstood(shapeMilter)
			return
		}
		if text, ok := bytes.CutPrefix(rest, []byte("reject=")); ok {
			if string(text) == "421, errormode=4" {
				text = closingConnection
			}
			l.filterSaid(id, text, Event{Command: filteredCommands[i].command})
			return
		}
		return
	}
	l.imply(id, nil, b, impliedByMilter)
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
func (l *sendmail) filterSaid(id, text []byte, e Event) {
	s := l.session()
	e.Repeat, s.Milter = s.Milter, false
	if !l.refuse(id, text, e) {
		l.notUnderstood(shapeMilter)
		return
	}
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
	e.Direction, e.QueueID, e.Text = Sent, id, text
	s.Client.told(&e)
	l.emit(e)
	return true
}

// filteredConnection reads what follows "Milter: connect: host=", in which the
// name of a client stands:
//
//	client.example, addr=192.0.2.7, rejecting commands
//	client.example, addr=192.0.2.7, reject=550 5.7.1 No
func (l *sendmail) filteredConnection(id, b []byte) {
	name, rest, ok := bytes.Cut(b, []byte(", addr="))
	if !ok || len(name) == 0 || bytes.IndexByte(name, ' ') >= 0 {
		return
	}
	addr, what, ok := bytes.Cut(rest, []byte(", "))
	if !ok {
		return
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
				l.notUnderstood(shapeMilter)
				return
			}
			return
		}
	}
	l.imply(id, name, what, impliedByMilter)
}
