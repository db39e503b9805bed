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
// smtpstatus, the end of data was answered 250, which is the only code that
// smtp_end_mail() takes for success.

const shapeMsmtp = "msmtp" // host=..., but not whole

var msmtpMTA = mtaSpec{
	name:        "msmtp",
	program:     []byte("msmtp"),
	ownsProgram: func(program []byte) bool { return string(program) == "msmtp" },
	ownsForm:    func(env *Envelope) bool { return msmtpStart(env, env.Message) >= 0 },
	shapes:      []string{shapeMsmtp},
	new:         newMsmtp,
}

type msmtp struct {
	*line
}

func newMsmtp(l *line) grammar { return &msmtp{line: l} }

func (l *msmtp) tables() []remembered { return nil }

// parse reads, after the time that logfile_time_format gives:
//
//	host=H tls=on auth=off [user=U ]from=F recipients=A,B [mailsize=N ][smtpstatus=451 smtpmsg='451 4.7.1 no' ][errormsg='...' ]exitcode=EX_...
//
// Quotes and control characters in smtpmsg are question marks, so no server can
// end its own words.
func (l *msmtp) parse() {
	m := l.message
	if l.env.Program == nil {
		m = m[max(msmtpStart(&l.env, m), 0):]
	}
	host, rest, ok := cutMsmtpHost(m)
	if !ok {
		return
	}
	_, rest, ok = bytes.Cut(rest, []byte(" from="))
	_, rest, sender := cutAddressWord(rest)
	rest, list := bytes.CutPrefix(rest, []byte("recipients="))
	to, rest, recipients := cutAddressWord(rest)
	if !ok || !sender || !list || !recipients {
		l.notUnderstood(shapeMsmtp)
		return
	}
	if size, ok := bytes.CutPrefix(rest, []byte("mailsize=")); ok {
		_, rest = cutNumber(size)
		rest = bytes.TrimPrefix(rest, []byte(" "))
	}
	status, told := bytes.CutPrefix(rest, []byte("smtpstatus="))
	var text, reason []byte
	if told {
		var quoted, whole bool
		status, rest, quoted = bytes.Cut(status, []byte(" smtpmsg='"))
		text, rest, whole = bytes.Cut(rest, []byte("' "))
		if !quoted || !whole {
			l.notUnderstood(shapeMsmtp)
			return
		}
	}
	// A quote here can be of an address.
	rest, exit, ok := cutLast(rest, "exitcode=")
	if !ok || bytes.IndexByte(bytes.TrimRight(exit, " "), ' ') >= 0 {
		l.notUnderstood(shapeMsmtp)
		return
	}
	if quoted, ok := bytes.CutPrefix(rest, []byte("errormsg='")); ok {
		reason = bytes.TrimSuffix(quoted, []byte("' "))
	}

	sent := string(bytes.TrimRight(exit, " ")) == "EX_OK"
	e := Event{Kind: Delivery, Direction: Received, Deliveries: addresses(to), Remote: host, Text: reason}
	switch {
	case told:
		e.Kind, e.Text = Reply, text
		e.Code, e.Enhanced, ok = parseReplyLines(text, `\n`)
		if !ok || !bytes.HasPrefix(text, status) {
			l.notUnderstood(shapeMsmtp)
			return
		}
		if e.Command = EndOfData; !sent {
			e.Command = commandOfReason(reason)
			e.Dialogue = e.Code.Class() < 4
		}
	case sent:
		e.Kind, e.Code, e.Implied, e.Command = Reply, 250, true, EndOfData
	default:
		e.Cause = causeOf(msmtpCauses, reason)
	}
	l.emit(e)
}

// msmtpStart returns where "host=H tls=..." begins in a line of the log file; -1
// where it doesn't. Before it may stand a time that the envelope does not know, in
// any form of strftime(3): numbers, and names of days, months and zones.
func msmtpStart(env *Envelope, b []byte) int {
	const longestTime = 64
	for i, word := 0, 0; i < len(b) && i < longestTime; i++ {
		switch {
		case i == word && (bytes.HasPrefix(b[i:], []byte("host=")) || bytes.HasPrefix(b[i:], []byte("socket="))):
			if _, _, ok := cutMsmtpHost(b[i:]); ok {
				return i
			}
			return -1
		case env.Time.kind != timeNone:
			return -1
		case b[i] == ' ':
			if i-word > len("September") && !bytes.ContainsAny(b[word:i], "0123456789") {
				return -1
			}
			word = i + 1
		case !isAlphanumeric(b[i]) && bytes.IndexByte([]byte(":.,/+-[]"), b[i]) < 0:
			return -1
		}
	}
	return -1
}

// cutMsmtpHost reads "host=H tls=on auth=off ", or socket=.
func cutMsmtpHost(b []byte) (host, rest []byte, ok bool) {
	rest, ok = bytes.CutPrefix(b, []byte("host="))
	if !ok {
		if rest, ok = bytes.CutPrefix(b, []byte("socket=")); !ok {
			return nil, nil, false
		}
	}
	host, rest, ok = bytes.Cut(rest, []byte(" tls="))
	if !ok || bytes.IndexByte(host, ' ') >= 0 {
		return nil, nil, false
	}
	_, auth, ok := bytes.Cut(rest, []byte(" "))
	return host, rest, ok && bytes.HasPrefix(auth, []byte("auth="))
}

// cutLast cuts around the last key in b.
func cutLast(b []byte, key string) (before, after []byte, ok bool) {
	i := bytes.LastIndex(b, []byte(key))
	if i < 0 {
		return b, nil, false
	}
	return b[:i], b[i+len(key):], true
}

// cutAddressWord reads addresses up to a blank. Quotes in a local part may hold any.
func cutAddressWord(b []byte) (word, rest []byte, ok bool) {
	i := indexUnquoted(b, " ")
	if i < 0 {
		return nil, nil, false
	}
	return b[:i], b[i+1:], true
}

// addresses counts the addresses of a list with commas, in whose local parts
// quotes may hold any.
func addresses(b []byte) (n int) {
	for n = 1; ; n++ {
		i := indexUnquoted(b, ",")
		if i < 0 {
			return n
		}
		b = b[i+1:]
	}
}

// commandOfReason returns the command that failed (smtp.c).
func commandOfReason(reason []byte) Command {
	if command, ok := bytes.CutPrefix(reason, []byte("command ")); ok {
		return commandOf(command)
	}
	for i := range msmtpCommands {
		if bytes.HasPrefix(reason, []byte(msmtpCommands[i].before)) {
			return msmtpCommands[i].command
		}
	}
	return NoCommand
}

var msmtpCommands = []struct {
	before  string
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
