package logparse

import "bytes"

// disconnect reads the summary of a session (smtpd.c, smtpd_format_cmd_stats(),
// since Postfix 3.0), and forgets the session:
//
//	disconnect from NAME[IP] ehlo=1 mail=1 rcpt=2/3 data=1 quit=1 commands=6/7
//
// It is the only trace of most positive replies: n of ok/total are the commands
// that were obeyed. Some things are not as they look. A 354 precedes each
// message, also those that were refused or cut off after it. A STARTTLS whose
// handshake failed was answered 220 before. An XCLIENT counts as refused where
// it was obeyed. RCPT counts as obeyed where smtpd_recipient_limit refused it
// with 452. The greeting was a 220 where any command was obeyed: smtpd logs each
// of the other greetings that it goes on after. Commands that failed and of
// which no other line told are refusals without code.
func (l *postfixLine) disconnect(rest []byte) (shape string) {
	name, addr, rest, ok := cutHost(rest)
	if !ok {
		return shapeDisconnect
	}
	s := l.session()
	defer func() { *s = session{} }()
	counts, ok := cutCounts(cutPort(rest))
	if !ok {
		return shapeDisconnect
	}
	sum := summary{line: l, s: s, event: Event{
		Direction: Sent, Implied: true, Repeat: s.shown(), Remote: name, Addr: addr,
	}}
	greeted := false
	for _, c := range counts {
		greeted = greeted || c.obeyed > 0
		sum.count(c.command, c.obeyed, c.refused)
	}
	if greeted && s.Explained[Connect] == 0 {
		sum.obeyed(Connect, 220, 1)
	}
	return ""
}

// commandCount is " rcpt=2/3" of a summary.
type commandCount struct {
	command         []byte
	obeyed, refused int
}

// cutCounts reads the counts of a summary, of which Postfix has one for each of
// its commands; ok is false where any of them is damaged. Their sum, the last
// one, is left out.
func cutCounts(b []byte) (counts [20]commandCount, ok bool) {
	for n := 0; len(b) > 0; n++ {
		if b[0] != ' ' || n == len(counts) {
			return counts, false
		}
		var field []byte
		field, b = cutField(b[1:])
		command, digits, ok := bytes.Cut(field, []byte("="))
		if !ok {
			return counts, false
		}
		obeyed, digits := cutNumber(digits)
		total := obeyed
		if len(digits) > 0 && digits[0] == '/' {
			total, digits = cutNumber(digits[1:])
		}
		if obeyed < 0 || total < obeyed || len(digits) > 0 {
			return counts, false
		}
		if string(command) != "commands" {
			counts[n] = commandCount{command, obeyed, total - obeyed}
		}
	}
	return counts, true
}

// cutField cuts at a blank, which stays with the rest.
func cutField(b []byte) (field, rest []byte) {
	if i := bytes.IndexByte(b, ' '); i >= 0 {
		return b[:i], b[i:]
	}
	return b, nil
}

// A summary makes events of the counts of one session.
type summary struct {
	line  *postfixLine
	s     *session
	event Event // what all have in common
}

// count takes the counts of one command.
func (m *summary) count(command []byte, obeyed, refused int) {
	switch string(command) {
	case "ehlo", "helo":
		m.obeyed(Ehlo, 250, obeyed)
		m.refused(Ehlo, refused)
	case "starttls":
		if m.s.HandshakeLost && refused > 0 {
			obeyed, refused = obeyed+1, refused-1
		}
		m.obeyed(StartTLS, 220, obeyed)
		m.refused(StartTLS, refused)
	case "auth":
		m.event.Authenticated = m.event.Authenticated || obeyed > 0
		m.obeyed(Auth, 235, obeyed)
		m.refused(Auth, refused)
	case "mail":
		m.obeyed(Mail, 250, obeyed)
		m.refused(Mail, refused)
	case "rcpt":
		m.obeyed(Rcpt, 250, obeyed)
		m.refused(Rcpt, refused)
	case "data":
		m.obeyed(Data, 354, obeyed+int(m.s.DataLost))
		m.messages(obeyed)
		m.refused(Data, refused)
	case "bdat":
		// A message may come in several chunks, each answered 250.
		m.obeyed(OtherCommand, 250, obeyed)
		m.refused(OtherCommand, refused)
	case "rset":
		m.obeyed(Rset, 250, obeyed)
		m.refused(Rset, refused)
	case "noop", "xforward":
		m.obeyed(OtherCommand, 250, obeyed)
		m.refused(OtherCommand, refused)
	case "vrfy":
		m.obeyed(Vrfy, 252, obeyed)
		m.refused(Vrfy, refused)
	case "etrn":
		m.obeyed(Etrn, 250, obeyed)
		m.refused(Etrn, refused)
	case "quit":
		m.obeyed(Quit, 221, obeyed)
	case "unknown":
		m.refused(OtherCommand, refused)
	}
}

func (m *summary) obeyed(c Command, code Code, n int) {
	e := m.event
	e.Command, e.Code, e.Count, e.Dialogue = c, code, n, true
	m.line.emit(e)
}

// messages adds the 250 to messages that Postfix itself accepted; a proxy's
// answer has a line of its own.
func (m *summary) messages(n int) {
	e := m.event
	e.Command, e.Code, e.Enhanced = EndOfData, 250, EnhancedCode{2, 0, 0}
	e.Count = max(0, n-int(m.s.Accepted))
	e.Authenticated = e.Authenticated || m.s.Authenticated
	m.line.emit(e)
}

func (m *summary) refused(c Command, n int) {
	told := min(n, int(m.s.Explained[c]))
	m.s.Explained[c] -= uint32(told)
	if m.s.shown() {
		return
	}
	e := m.event
	e.Kind, e.Command, e.Count, e.Implied = Refusal, c, n-told, false
	e.Authenticated = e.Authenticated || m.s.Authenticated
	m.line.emit(e)
}
