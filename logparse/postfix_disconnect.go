package logparse

import "bytes"

// disconnect reads the summary of a session (smtpd.c, smtpd_format_cmd_stats(),
// since Postfix 3.0), and forgets the session:
//
//	disconnect from NAME[IP] ehlo=1 mail=1 rcpt=2/3 data=1 quit=1 commands=6/7
//	disconnect from NAME[IP] ehlo=1 mail=1 rcpt=1 data=1 quit=1 commands=5 notes=bare_lf
//
// It is the only trace of most positive replies: n of ok/total are the commands
// that were obeyed. Some counts do not mean what they seem to:
//
//   - Each message had a 354, also one that was refused or cut off after it.
//   - A STARTTLS whose handshake failed had a 220 before.
//   - A RCPT that smtpd_recipient_limit refused with 452 counts as obeyed.
//   - The greeting was a 220 where any command was obeyed: smtpd logs each of the
//     other greetings that it goes on after.
//   - A command that failed without a line of its own is a refusal without code.
func (l *postfix) disconnect(rest []byte, early postfixEarly) {
	name, addr, rest, ok := cutHost(rest)
	if !ok {
		l.notUnderstood(shapePostfixDisconnect)
		return
	}
	s := l.session()
	defer l.sessions.remove(l.process)
	var room [maxPostfixCounts]postfixCount
	counts, ok := cutPostfixCounts(cutPort(rest), room[:0])
	if !ok {
		l.notUnderstood(shapePostfixDisconnect)
		return
	}
	sum := postfixSummary{line: l, s: s, event: Event{
		Direction: Sent, Implied: true, Repeat: s.shown(), Remote: name, Addr: addr,
	}}
	sum.tooEarly(early, counts)
	greeted := false
	for i := range counts {
		c := &counts[i]
		greeted = greeted || c.obeyed > 0
		sum.count(c.command, c.obeyed, c.refused)
	}
	if greeted && s.Explained[Connect] == 0 {
		sum.obeyed(Connect, 220, 1)
	}
}

// A postfixCount is the count of one command in a summary.
type postfixCount struct {
	command         []byte
	obeyed, refused int
}

// maxPostfixCounts is the limit on the counts in a summary. There is one for each of
// Postfix' commands.
const maxPostfixCounts = 20

// cutPostfixCounts appends to counts those of a summary but for their sum, which is the
// last one; what comes after it, such as notes since Postfix 3.9, is no count. ok is
// false where a count is damaged, and where the sum is missing, since the line was cut.
func cutPostfixCounts(b []byte, counts []postfixCount) (all []postfixCount, ok bool) {
	if len(b) == 0 { // before Postfix 3.0
		return counts, true
	}
	for len(b) > 0 && len(counts) < maxPostfixCounts {
		if b[0] != ' ' {
			return counts, false
		}
		field, _, _ := bytes.Cut(b[1:], []byte(" "))
		b = b[1+len(field):]
		count, ok := readPostfixCount(field)
		if !ok {
			return counts, false
		}
		if string(count.command) == "commands" {
			return counts, true
		}
		counts = append(counts, count)
	}
	return counts, false
}

// readPostfixCount reads "ehlo=1" and "rcpt=2/3".
func readPostfixCount(field []byte) (c postfixCount, ok bool) {
	command, digits, ok := bytes.Cut(field, []byte("="))
	if !ok {
		return c, false
	}
	obeyed, digits := cutNumber(digits)
	total := obeyed
	if len(digits) > 0 && digits[0] == '/' {
		total, digits = cutNumber(digits[1:])
	}
	if obeyed < 0 || total < obeyed || len(digits) > 0 {
		return c, false
	}
	return postfixCount{command, obeyed, total - obeyed}, true
}

// A postfixSummary makes events of the counts of one session.
type postfixSummary struct {
	line  *postfix
	s     *postfixSession
	event Event // what all have in common
	taken int   // messages by DATA
}

// A postfixCommand is one of smtpd's commands with the reply to one that is obeyed.
type postfixCommand struct {
	name    string
	command Command
	obeyed  Code
}

// postfixSummaryCommands are smtpd's commands (smtpd.c, smtpd_cmd_table). They leave
// out XCLIENT: Postfix counts an obeyed one as refused.
var postfixSummaryCommands = []postfixCommand{
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
	{"help", OtherCommand, 214},  // since Postfix 3.9; before, an unknown command
	{"unknown", OtherCommand, 0}, // is never obeyed
}

// postfixSummaryCommand returns the command with a name; one without a name if
// postfixSummaryCommands has none.
func postfixSummaryCommand(name []byte) *postfixCommand {
	for i := range postfixSummaryCommands {
		if c := &postfixSummaryCommands[i]; c.name == string(name) {
			return c
		}
	}
	return &postfixCommand{}
}

// count adds the events of one command's counts.
func (m *postfixSummary) count(name []byte, obeyed, refused int) {
	c := postfixSummaryCommand(name)
	if c.name == "" {
		return
	}
	messages := 0
	switch c.name {
	case "starttls":
		if m.s.HandshakeLost && refused > 0 {
			obeyed++
			refused--
		}
	case "auth":
		m.event.Authenticated = m.event.Authenticated || obeyed > 0
	case "data":
		messages = obeyed
		m.taken = messages
		obeyed += int(m.s.DataLost)
	case "bdat":
		// The last chunk of a message has the message's 250. A message began with a
		// client= line, and lines show its refusals as they show those of DATA.
		messages = max(0, min(obeyed, int(m.s.Queued)-m.taken-int(m.s.DataLost)))
		obeyed -= messages
		refused -= m.takeExplained(Data, refused)
	}
	m.obeyed(c.command, c.obeyed, obeyed)
	if messages > 0 {
		m.messages(messages)
	}
	m.refused(c.command, refused)
}

// obeyed adds n replies to commands that were obeyed; none if code is 0.
func (m *postfixSummary) obeyed(c Command, code Code, n int) {
	if code == 0 {
		return
	}
	e := m.event
	e.Command, e.Code, e.Dialogue = c, code, true
	m.line.emitTimes(n, e)
}

// messages adds the 250 to messages that Postfix itself accepted; a proxy's
// answer has a line of its own.
func (m *postfixSummary) messages(n int) {
	e := m.event
	e.Command, e.Code, e.Enhanced = EndOfData, 250, EnhancedCode{2, 0, 0}
	e.Authenticated = e.Authenticated || m.s.Authenticated
	m.line.emitTimes(n-int(m.s.Accepted), e)
}

// refused adds those of n refusals that no line of its own showed.
func (m *postfixSummary) refused(c Command, n int) {
	n -= m.takeExplained(c, n)
	if n == 0 || m.s.shown() {
		return
	}
	e := m.event
	e.Kind, e.Command, e.Implied = Refusal, c, false
	e.Authenticated = e.Authenticated || m.s.Authenticated
	m.line.emitTimes(n, e)
}

// takeExplained returns how many of n refused commands had lines of their own, and
// forgets as many of these lines.
func (m *postfixSummary) takeExplained(c Command, n int) int {
	explained := min(n, int(m.s.Explained[c]))
	m.s.Explained[c] -= uint32(explained)
	return explained
}
