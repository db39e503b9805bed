package logparse

import "bytes"

// msmtp logs one line a mail, to a file of its own or by syslog (--syslog). What
// is known here was read in the strings, the manual page and real logs of msmtp
// 1.8.23. The log shows the reply that ended the session and no other: neither
// the dialogue, nor more than one refused recipient. A mail that is not accepted
// for one recipient goes to none, so its line ends the attempts to all of them.
// No line shows a reply again.
//
// Implied: where older versions log a mail as sent (exitcode=EX_OK) without
// smtpstatus, the server answered the end of data with 250, the only code that
// smtp_end_mail() takes for success.

const shapeMsmtp = "msmtp" // host=..., but not whole

var msmtpMTA = mtaSpec{
	anonymous: true,
	name:      "msmtp",
	program:   []byte("msmtp"),
	programs:  []string{"msmtp"},
	ownsForm:  msmtpOwnsForm,
	shapes:    []string{shapeMsmtp},
	new:       newMsmtp,
}

// msmtpOwnsForm reports whether a line is one of msmtp's log file, or rsyslog repeats it.
func msmtpOwnsForm(env *Envelope) bool {
	message := env.Message
	if rest, ok := bytes.CutPrefix(message, []byte("message repeated ")); ok {
		_, message, _ = bytes.Cut(rest, []byte(" times: [ "))
	}
	_, _, ok := cutMsmtpHost(cutMsmtpTime(env, message))
	return ok
}

// msmtp is a line of msmtp. Nothing is remembered between its lines.
type msmtp struct {
	*line
}

func newMsmtp(l *line) grammar { return &msmtp{line: l} }

func (l *msmtp) tables() []remembered { return nil }

// parse reads, after the time that logfile_time_format gives:
//
//	host=H tls=on auth=off [user=U ]from=F recipients=A,B [mailsize=N ][smtpstatus=451 smtpmsg='451 4.7.1 no' ][errormsg='...' ]exitcode=EX_...
func (l *msmtp) parse() {
	message := l.message
	if l.env.Program == nil {
		message = cutMsmtpTime(&l.env, message)
	}
	host, fields, ok := cutMsmtpHost(message)
	if !ok {
		return
	}
	m, ok := cutMsmtpMail(fields)
	if !ok {
		l.notUnderstood(shapeMsmtp)
		return
	}
	e := Event{Kind: Reply, Direction: Received, Deliveries: m.recipients, Remote: host, Text: m.reason}
	switch {
	case m.reply != nil:
		e.Text = m.reply
		e.Code, e.Enhanced, ok = parseReplyLines(m.reply, `\n`)
		if !ok {
			l.notUnderstood(shapeMsmtp)
			return
		}
		e.Command = EndOfData
		if !m.sent {
			e.Command = msmtpCommandOf(m.reason)
			e.unexpected()
		}
	case m.sent:
		e.Code, e.Implied = 250, true
		e.Command = EndOfData
	default:
		e.Kind = Delivery
		e.Cause = causeOf(msmtpCauses, m.reason)
	}
	l.emit(e)
}

// cutMsmtpTime passes over a time that the envelope does not know, in any form of
// strftime(3): names of days and months, numbers with a clock among them, such as 14:25
// or 20261123-142513, and names of zones. It returns b where no "host=" or "socket=" follows. A request that a web server
// logs has no clock before its method, which would be a zone:
//
//	192.0.2.7 GET host=...
func cutMsmtpTime(env *Envelope, b []byte) []byte {
	const longestTime = 64
	clock, digits := false, 0
	for i, word := 0, 0; i < len(b) && i < longestTime; i++ {
		switch {
		case i == word && (bytes.HasPrefix(b[i:], []byte("host=")) || bytes.HasPrefix(b[i:], []byte("socket="))):
			if i > 0 && !clock {
				return b
			}
			return b[i:]
		case env.Time.kind != timeNone, b[i] == ':' && i > 0 && b[i-1] == ']': // a program's tag
			return b
		case b[i] == ' ':
			if !isMsmtpTimeWord(b[word:i], clock) {
				return b
			}
			word = i + 1
		case !isAlphanumeric(b[i]) && bytes.IndexByte([]byte(":.,/+-[]"), b[i]) < 0:
			return b
		}
		if digits++; !isDigit(b[i]) {
			clock, digits = clock || b[i] == ':' && digits > 1, 0
		}
		clock = clock || digits == len("20261123")
	}
	return b
}

// isMsmtpTimeWord reports whether a word can be a part of a time. After the clock it may
// be a zone, which has capital letters alone.
func isMsmtpTimeWord(word []byte, clock bool) bool {
	if bytes.ContainsAny(word, "0123456789") {
		return true
	}
	return len(word) <= len("September") && (clock || len(word) < 2 || word[1] > 'Z')
}

// cutMsmtpHost reads "host=H tls=on auth=off ", or socket=.
func cutMsmtpHost(b []byte) (host, rest []byte, ok bool) {
	rest, ok = bytes.CutPrefix(b, []byte("host="))
	if !ok {
		rest, ok = bytes.CutPrefix(b, []byte("socket="))
	}
	if !ok {
		return nil, nil, false
	}
	host, rest, ok = bytes.Cut(rest, []byte(" tls="))
	if !ok || bytes.IndexByte(host, ' ') >= 0 {
		return nil, nil, false
	}
	_, auth, ok := bytes.Cut(rest, []byte(" "))
	return host, rest, ok && bytes.HasPrefix(auth, []byte("auth="))
}

// An msmtpMail is what a line shows of a mail.
type msmtpMail struct {
	recipients int
	reply      []byte // nil where the line has none
	reason     []byte // why the mail was not sent
	sent       bool
}

// cutMsmtpMail reads the fields from " from=" on. Quotes and control characters in
// smtpmsg are question marks, so no server can end its own words. The reason can
// have quotes of its own, around an address.
func cutMsmtpMail(b []byte) (m msmtpMail, ok bool) {
	_, b, ok = bytes.Cut(b, []byte(" from="))
	_, b, sender := cutMsmtpAddresses(b)
	b, list := bytes.CutPrefix(b, []byte("recipients="))
	to, b, recipients := cutMsmtpAddresses(b)
	if !ok || !sender || !list || !recipients {
		return m, false
	}
	m.recipients = countMsmtpAddresses(to)
	if size, ok := bytes.CutPrefix(b, []byte("mailsize=")); ok {
		_, b = cutNumber(size)
		b = bytes.TrimPrefix(b, []byte(" "))
	}
	if rest, ok := bytes.CutPrefix(b, []byte("smtpstatus=")); ok {
		status, rest, quoted := bytes.Cut(rest, []byte(" smtpmsg='"))
		reply, rest, whole := bytes.Cut(rest, []byte("' "))
		if !quoted || !whole || !bytes.HasPrefix(reply, status) {
			return m, false
		}
		m.reply = reply
		b = rest
	}
	i := bytes.LastIndex(b, []byte("exitcode="))
	if i < 0 {
		return m, false
	}
	if reason, ok := bytes.CutPrefix(b[:i], []byte("errormsg='")); ok {
		m.reason = bytes.TrimSuffix(reason, []byte("' "))
	}
	exit := bytes.TrimRight(b[i+len("exitcode="):], " ")
	m.sent = string(exit) == "EX_OK"
	return m, bytes.IndexByte(exit, ' ') < 0
}

// cutMsmtpAddresses reads addresses up to a blank. A local part may be quoted and
// hold any.
func cutMsmtpAddresses(b []byte) (list, rest []byte, ok bool) {
	i := indexUnquoted(b, " ")
	if i < 0 {
		return nil, nil, false
	}
	return b[:i], b[i+1:], true
}

// countMsmtpAddresses counts the addresses of a list with commas. A local part may
// be quoted and hold any.
func countMsmtpAddresses(b []byte) int {
	for n := 1; ; n++ {
		i := indexUnquoted(b, ",")
		if i < 0 {
			return n
		}
		b = b[i+1:]
	}
}

// msmtpCommandOf returns the command that failed (smtp.c).
func msmtpCommandOf(reason []byte) Command {
	if command, ok := bytes.CutPrefix(reason, []byte("command ")); ok {
		return commandOf(command)
	}
	for i := range msmtpCommands {
		if bytes.HasPrefix(reason, []byte(msmtpCommands[i].prefix)) {
			return msmtpCommands[i].command
		}
	}
	return NoCommand
}

var msmtpCommands = []struct {
	prefix  string
	command Command
}{
	{"cannot get initial OK message from server", Connect},
	{"SMTP server does not accept EHLO or HELO", Ehlo},
	{"authentication failed (method ", Auth},
	{"envelope from address ", Mail},
	{"recipient address ", Rcpt},
	{"the server does not accept mail data", Data},
	{"the server did not accept the mail", EndOfData},
	{"delivery to one or more recipients failed", EndOfData}, // LMTP
}

// msmtpCauses are why no reply ended a mail (net.c, tls.c, smtp.c).
var msmtpCauses = []causeRule{
	{prefix: "network ", suffix: "the operation timed out", cause: CauseTimeout},
	{prefix: "network ", cause: CauseLostConnection},
	{prefix: "the server sent an empty reply", cause: CauseLostConnection},
	{prefix: "cannot connect to ", suffix: "timed out", cause: CauseTimeout},
	{prefix: "cannot connect to ", suffix: ": Connection refused", cause: CauseRefused},
	{prefix: "cannot connect to ", cause: CauseUnreachable},
	{prefix: "proxy failure: ", cause: CauseUnreachable},
	{prefix: "cannot locate host ", cause: CauseDNS},
	{prefix: "TLS ", cause: CauseTLS},
	{prefix: "cannot read from TLS connection", cause: CauseTLS},
	{prefix: "cannot write to TLS connection", cause: CauseTLS},
	{prefix: "cannot initialize TLS ", cause: CauseTLS},
	{prefix: "cannot set ", cause: CauseTLS},
	{prefix: "the server does not support TLS", cause: CauseTLS},
	{prefix: "authentication ", cause: CauseAuth},
	{prefix: "cannot use a secure authentication method", cause: CauseAuth},
	{prefix: "cannot find a usable authentication method", cause: CauseAuth},
	{prefix: "the server does not support authentication", cause: CauseAuth},
	{prefix: "cannot open", cause: CauseSystem},
	{prefix: "cannot create temporary file", cause: CauseSystem},
}
