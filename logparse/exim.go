package logparse

import "bytes"

// Exim writes its main log to a file of its own (Debian's exim4/mainlog, Red Hat's
// exim/main.log, cPanel's exim_mainlog), to syslog, or to both. These facts come from
// the sources of Exim 4.96 and 4.99; the files named in comments are there. The forms
// of versions before 4.83 and of 4.100 come from their ChangeLog and from logs.
//
//	YYYY-MM-DD HH:MM:SS[.mmm] [+ZZZZ] [[pid]] [message id] text
//
// The main log shows no positive replies to commands, no reply to a recipient that is
// refused after the first one too many, and no 452 for want of space. Most of Exim's
// own refusals show no code. The rejectlog repeats lines of the main log and reads
// like it.
//
// Strangers write quoted local parts, commands, HELO names (helo_accept_junk_hosts),
// certificates and answers to RFC 1413, and can imitate the fields of a line there. If
// this gives a line two readings, it is not understood.
//
// Repeats:
//   - -> and >> after a => or >> of the same message, host and confirmation: the
//     transport marks the first recipient of each end of data with = and the others
//     with - (transports/smtp.c). In LMTP each recipient has a reply of its own, and
//     equal confirmations look the same.
//   - == and ** after a line H=host [ip] SMTP error ... of the same message, host,
//     command and text, or, for a command that was not RCPT, after another recipient's
//     line in the same attempt. An attempt ends before a line of a recipient that it
//     has deferred already.
//   - a rejection that the process has just logged in the same words: through syslog
//     the main log and the reject log both arrive (syslog_duplication, on by default).
//     With syslog_duplication off, a command that a client repeats is lost if it comes
//     within the second that the line shows. A file that has the main log only has no
//     repeats.
//   - "dropped: too many ..." after the line of the error that was one too many.
//   - "HELO or EHLO required" (since 4.98), which follows "no HELO/EHLO given".
//
// Implied codes: 250 for a delivery without C= and for a message that came in over
// SMTP (<= with H=), 550 for one that was refused by fakereject "(=", the default
// code of an ACL's refusal that has no text (globals.c, acl_wherecodes), and the ones
// of exim_implied.go and exim_syntax.go.

// The forms of Exim's lines that look as if they showed a reply.
const (
	shapeEximArrival  = "exim_arrival"   // <= ... H=...
	shapeEximDelivery = "exim_delivery"  // => ... C=, == ..., ** ...
	shapeEximHost     = "exim_host"      // H=... SMTP error from remote mail server ...
	shapeEximRejected = "exim_rejected"  // H=... rejected RCPT ...
	shapeEximAuth     = "exim_auth"      // ... authenticator failed ...
	shapeEximSyntax   = "exim_syntax"    // SMTP syntax error in ...
	shapeEximCallout  = "exim_callout"   // sender verify fail for ...
	shapeEximClosed   = "exim_connected" // SMTP call from ... dropped, Connection from ... refused
)

var eximMTA = mtaSpec{
	name:     "exim",
	program:  []byte("exim"),
	programs: []string{"exim", "exim4"},
	ownsForm: eximOwnsForm,
	shapes:   []string{shapeEximArrival, shapeEximDelivery, shapeEximHost, shapeEximRejected, shapeEximAuth, shapeEximSyntax, shapeEximCallout, shapeEximClosed},
	judged:   "4.100.1",
	new:      newExim,
}

// eximStarts are the beginnings of lines that name no message.
var eximStarts = []string{
	"H=", "DSH=", "U=", "F=", "SMTP ", "Connection from [", "connection from ", "refused connection from ",
	"temporarily re", "rejected ", "unqualified ", "too many recipients: ", "no host name found for IP address ",
	"no IP address found for host ", "no MAIL in ", "cwd=/", "Start queue run: ", "End queue run: ",
	"unexpected disconnection while ", "ETRN ", "ATRN '", "TLS error on ", "VRFY failed for ", "configured error code starts with ",
	"spool directory space check failed", "log directory space check failed",
	"Error or EOF on input from ", "host name alias list truncated", "list matching forced to fail", "ident connection to ", "exim 4.",
}

// eximOwnsForm reports whether a line without a tag is one of the main log, by what
// follows its time.
func eximOwnsForm(env *Envelope) bool {
	if !env.Time.separated() {
		return false
	}
	b := cutEximPID(env.Message)
	if id, _ := cutEximMessageID(b); id != nil {
		return true
	}
	_, failed := cutEximAuthenticator(b)
	return failed || eximStartsWith(b, eximStarts)
}

// exim is a line of Exim, and what is remembered between its lines.
type exim struct {
	*line
	id       []byte // the message's; nil where the line names none
	repeated bool   // the line is a second copy

	rejections table[eximRejection] // by process
	errors     table[uint16]        // client and command to the code of its syntax error
	attempts   table[eximAttempt]   // by message
	deferred   table[uint32]        // message and recipient to the line of its last deferral
	shown      table[uint32]        // message, host and reply to the line that showed it
}

func newExim(l *line) grammar {
	return &exim{
		line: l, rejections: newTable[eximRejection](1024), errors: newTable[uint16](1024),
		attempts: newTable[eximAttempt](8192), deferred: newTable[uint32](8192), shown: newTable[uint32](8192),
	}
}

func (l *exim) tables() []remembered {
	return []remembered{&l.rejections, &l.errors, &l.attempts, &l.deferred, &l.shown}
}

func (l *exim) parse() {
	b := l.message
	tagged := l.env.Program != nil
	if tagged {
		b = firstEximChunk(b)
		if b == nil {
			return // headers of a refused message, or the end of a long line
		}
	}
	record := l.seed.add(b)
	// Exim's own time. A command can look like another one: "ETRN 23 14:24:10".
	if _, rest, ok := cutRFC3339(b); ok {
		b = bytes.TrimLeft(rest, " ")
	}
	b = cutEximPID(b)
	l.id, b = cutEximMessageID(b)
	l.repeated = tagged && l.duplicate(b, record)
	l.started(b)
	l.text(b)
}

// text reads what follows time, process and message id.
func (l *exim) text(b []byte) {
	if l.id != nil && len(b) > 3 && b[2] == ' ' {
		mark, rest := b[:2], b[3:]
		switch string(mark) {
		case "=>", "->", ">>", "==", "**":
			l.recipient(mark, rest)
			return
		case "<=":
			l.arrival(rest, 250)
			return
		case "(=":
			l.arrival(rest, 550)
			return
		case "*>": // exim -N delivers nothing
			return
		}
	}
	b = bytes.TrimPrefix(bytes.TrimLeft(b, " "), []byte("DS")) // log_selector = +dnssec
	switch {
	case bytes.HasPrefix(b, []byte("H=")):
		l.host(b[len("H="):])
	case bytes.HasPrefix(b, []byte("U=")): // a dialogue on standard input
		if i := bytes.IndexByte(b, ' '); i >= 0 {
			l.refused(eximHost{}, b[i:])
		}
	case eximStartsWith(b, eximErrors): // before 4.83, instead of H=...: SMTP error ...
		l.hostError(eximHost{}, b)
	default:
		l.implied(b)
	}
}

// host reads what follows "H=" at the start of a line: a server that was delivered
// to, or a client.
func (l *exim) host(b []byte) {
	h, rest, ok := cutEximHost(b)
	if !ok {
		if bytes.Contains(b, []byte("rejected ")) {
			l.notUnderstood(shapeEximRejected)
		}
		return
	}
	text, blank := bytes.CutPrefix(bytes.TrimPrefix(rest, []byte(":")), []byte(" "))
	if blank && announcesEximReply(text) && !h.client() {
		l.hostError(h, text)
		return
	}
	if bytes.HasPrefix(rest, []byte(" ")) {
		l.refused(h, rest)
	}
}

// firstEximChunk drops the mark of a record that was cut for syslog, at a new line
// or for its length (log.c, write_syslog()); it is nil for further chunks:
//
//	[1\12] 2026-11-23 14:29:49 H=...
//	[2/3] and the rest of a long line
func firstEximChunk(b []byte) []byte {
	if len(b) == 0 || b[0] != '[' {
		return b
	}
	n, rest := cutNumber(b[1:])
	if n < 1 || len(rest) == 0 || rest[0] != '\\' && rest[0] != '/' {
		return b
	}
	of, rest := cutNumber(rest[1:])
	rest, ok := bytes.CutPrefix(rest, []byte("] "))
	switch {
	case !ok || of < n:
		return b
	case n > 1:
		return nil
	}
	return rest
}

// cutEximPID drops "[1234] ".
func cutEximPID(b []byte) []byte {
	if len(b) > 2 && b[0] == '[' && isDigit(b[1]) {
		if _, rest := cutNumber(b[1:]); len(rest) > 1 && rest[0] == ']' && rest[1] == ' ' {
			return rest[2:]
		}
	}
	return b
}

// cutEximMessageID reads "1xVUxo-0001BI-1d ", or "1rdFvR-000000001Xq-2abc " since 4.97.
func cutEximMessageID(b []byte) (id, rest []byte) {
	for _, form := range [2][2]int{{6, 2}, {11, 4}} {
		n := 6 + 1 + form[0] + 1 + form[1]
		if len(b) > n && b[n] == ' ' && b[6] == '-' && b[7+form[0]] == '-' &&
			isEximIDPart(b[:6]) && isEximIDPart(b[7:7+form[0]]) && isEximIDPart(b[8+form[0]:n]) {
			return b[:n], b[n+1:]
		}
	}
	return nil, b
}

func isEximIDPart(b []byte) bool {
	for _, c := range b {
		if !isAlphanumeric(c) {
			return false
		}
	}
	return true
}

// cutEximAuthenticator cuts "NAME authenticator failed " from the start of b. The name has
// letters, digits and "_" (readconf_readname()); an address may stand there too.
func cutEximAuthenticator(b []byte) (rest []byte, ok bool) {
	name, rest, ok := bytes.Cut(b, []byte(" "))
	if !ok {
		return nil, false
	}
	for _, c := range name {
		if !isAlphanumeric(c) && c != '_' {
			return nil, false
		}
	}
	return bytes.CutPrefix(rest, []byte("authenticator failed "))
}

// eximStartsWith reports whether b begins with one of some words.
func eximStartsWith(b []byte, words []string) bool {
	for _, start := range words {
		if startsWith(b, start) {
			return true
		}
	}
	return false
}

// eximField returns the field at the start of b, which a blank or the colon before a
// text ends.
func eximField(b []byte) []byte {
	field, _, _ := bytes.Cut(b, []byte(" "))
	return bytes.TrimSuffix(field, []byte(":"))
}
