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
// handshake failed was answered 220 before. RCPT counts as obeyed where smtpd_recipient_limit refused it
// with 452. The greeting was a 220 where any command was obeyed: smtpd logs each
// of the other greetings that it goes on after. Commands that failed and of
// which no other line told are refusals without code.
func (l *postfix) disconnect(rest []byte) {
	name, addr, rest, ok := cutHost(rest)
	if !ok {
		l.notUnderstood(shapeDisconnect)
		return
	}
	s := l.session()
	defer l.sessions.remove(l.process)
	counts, ok := cutCounts(cutPort(rest))
	if !ok {
		l.notUnderstood(shapeDisconnect)
		return
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
}

// commandCount is " rcpt=2/3" of a summary.
type commandCount struct {
	command         []byte
	obeyed, refused int
}

// cutCounts reads the counts of a summary, of which Postfix has one for each of
// its commands; ok is false where any of them is damaged, or where their sum,
// the last one, is missing, since the line was cut. The sum is left out.
func cutCounts(b []byte) (counts [20]commandCount, ok bool) {
	if len(b) == 0 { // before Postfix 3.0
		return counts, true
	}
	whole := false
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
		if whole = string(command) == "commands"; !whole {
			counts[n] = commandCount{command, obeyed, total - obeyed}
		}
	}
	return counts, whole
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
	line  *postfix
	s     *session
	event Event // what all have in common
	taken int   // messages by DATA
}

// summaryCommands are smtpd's commands (smtpd.c, smtpd_cmd_table) with the reply
// to one that is obeyed. XCLIENT is left out, which counts as refused where it
// was obeyed.
var summaryCommands = []struct {
	name    string
	command Command
	obeyed  Code
}{
	{"ehlo", Ehlo, 250},
	{"helo", Ehlo, 250},
	{"starttls", StartTLS, 220},
	{"auth", Auth, 235},
	{"mail", Mail, 250},
	{"rcpt", Rcpt, 250},
	{"data", Data, 354},
	{"bdat", OtherCommand, 250}, // for each chunk but a message's last one
	{"rset", Rset, 250},
	{"noop", OtherCommand, 250},
	{"vrfy", Vrfy, 252},
	{"etrn", Etrn, 250},
	{"xforward", OtherCommand, 250},
	{"quit", Quit, 221},
	{"unknown", OtherCommand, 0}, // is never obeyed
}

// count takes the counts of one command.
func (m *summary) count(name []byte, obeyed, refused int) {
	for i := range summaryCommands {
		c := &summaryCommands[i]
		if string(name) != c.name {
			continue
		}
		messages := 0
		if c.name == "bdat" {
			// The last chunk of a message has its 250, and its refusals are told
			// of as those of DATA are. A message began with a client= line.
			messages = max(0, min(obeyed, int(m.s.Queued)-m.taken-int(m.s.DataLost)))
			obeyed -= messages
			refused -= m.told(Data, refused)
		}
		switch c.command {
		case StartTLS:
			if m.s.HandshakeLost && refused > 0 {
				obeyed, refused = obeyed+1, refused-1
			}
		case Auth:
			m.event.Authenticated = m.event.Authenticated || obeyed > 0
		case Data:
			messages, m.taken = obeyed, obeyed
			obeyed += int(m.s.DataLost)
		}
		m.obeyed(c.command, c.obeyed, obeyed)
		m.messages(messages)
		m.refused(c.command, refused)
		return
	}
}

func (m *summary) obeyed(c Command, code Code, n int) {
	if code == 0 {
		return
	}
	e := m.event
	e.Command, e.Code, e.Dialogue = c, code, true
	m.line.emitTimes(n, e)
}

// messages adds the 250 to messages that Postfix itself accepted; a proxy's
// answer has a line of its own.
func (m *summary) messages(n int) {
	e := m.event
	e.Command, e.Code, e.Enhanced = EndOfData, 250, EnhancedCode{2, 0, 0}
	e.Authenticated = e.Authenticated || m.s.Authenticated
	m.line.emitTimes(n-int(m.s.Accepted), e)
}

// told returns of how many of n refused commands lines of their own told.
func (m *summary) told(c Command, n int) int {
	told := min(n, int(m.s.Explained[c]))
	m.s.Explained[c] -= uint32(told)
	return told
}

func (m *summary) refused(c Command, n int) {
	n -= m.told(c, n)
	if m.s.shown() {
		return
	}
	e := m.event
	e.Kind, e.Command, e.Implied = Refusal, c, false
	e.Authenticated = e.Authenticated || m.s.Authenticated
	m.line.emitTimes(n, e)
}
