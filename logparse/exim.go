package logparse

import "bytes"

// Exim writes its main log to a file of its own (Debian's exim4/mainlog, Red Hat's
// exim/main.log, cPanel's exim_mainlog), to syslog, or to both. What is known here
// was read in the source of Exim 4.96; the files named in comments are there. The
// forms of versions before 4.83 are those of their ChangeLog and of logs.
//
//	YYYY-MM-DD HH:MM:SS[.mmm] [+ZZZZ] [[pid]] [message id] text
//
// The main log never shows positive replies to commands, the reply to a recipient
// that is refused after the first one too many, 452 for want of space, and most of
// Exim's own refusals show no code. The rejectlog repeats lines of the main log and
// reads like it.
//
// What strangers write in quoted local parts, HELO names (helo_accept_junk_hosts),
// certificates and answers to RFC 1413 can imitate the fields of a line. Where a line
// can be read in two ways for it, a refusal is counted without a code, and anything
// else is not understood.
//
// Repeats:
//   - -> and >> after a => or >> of the same message, host and confirmation: the
//     transport marks the first recipient of each end of data with = and the others
//     with - (transports/smtp.c). In LMTP, where each has a reply of its own, equal
//     confirmations cannot be told apart.
//   - == and ** after a line H=host [ip] SMTP error ... of the same message, host,
//     command and text, or, for a command that was not RCPT, after another recipient's
//     line in the same attempt. An attempt ends before a line of a recipient that it
//     has deferred already.
//   - a rejection that the process has just logged in the same words: through syslog
//     the main log and the reject log both arrive (syslog_duplication, on by default).
//     Where it is off, a command that a client repeats is lost if it comes within the
//     second that the line shows. A file that has the main log only has no repeats.
//   - "dropped: too many ..." after the line of the error that was one too many.
//
// Implied codes: 250 for a delivery without C= and for a message that came in over
// SMTP (<= with H=), 550 for one that was refused by fakereject "(=", the default
// code of an ACL's refusal that has no text (globals.c, acl_wherecodes), and the ones
// of exim_implied.go.

// The forms of Exim's lines that look as if they told a reply.
const (
	shapeEximDelivery = "exim_delivery"  // => ... C=, == ..., ** ...
	shapeEximHost     = "exim_host"      // H=... SMTP error from remote mail server ...
	shapeEximRejected = "exim_rejected"  // H=... rejected RCPT ...
	shapeEximAuth     = "exim_auth"      // ... authenticator failed ...
	shapeEximSyntax   = "exim_syntax"    // SMTP syntax error in ...
	shapeEximCallout  = "exim_callout"   // sender verify fail for ...
	shapeEximClosed   = "exim_connected" // SMTP call from ... dropped, Connection from ... refused
)

var eximMTA = mtaSpec{
	name:        "exim",
	program:     []byte("exim"),
	ownsProgram: func(program []byte) bool { return string(program) == "exim" || string(program) == "exim4" },
	ownsForm:    func(env *Envelope) bool { return env.Time.separated() && isEximMessage(env.Message) },
	shapes:      []string{shapeEximDelivery, shapeEximHost, shapeEximRejected, shapeEximAuth, shapeEximSyntax, shapeEximCallout, shapeEximClosed},
	new:         newExim,
}

// exim is a line of Exim, and what is remembered between its lines.
type exim struct {
	*line
	id       []byte // the message's; nil where the line names none
	repeated bool   // the line is a second copy

	rejections table[rejection] // by process
	errors     table[uint16]    // client and command to the code of its syntax error
	attempts   table[attempt]   // by message
	deferred   table[uint32]    // message and recipient to the line of its last deferral
	shown      table[uint32]    // message, host and reply to the line that showed it
}

func newExim(l *line) grammar {
	return &exim{
		line: l, rejections: newTable[rejection](1024), errors: newTable[uint16](1024),
		attempts: newTable[attempt](8192), deferred: newTable[uint32](8192), shown: newTable[uint32](8192),
	}
}

func (l *exim) tables() []remembered {
	return []remembered{&l.rejections, &l.errors, &l.attempts, &l.deferred, &l.shown}
}

// A rejection is the last line of a process if it goes to the reject log too.
type rejection struct{ Line hash }

func (l *exim) parse() {
	b := l.message
	tagged := l.env.Program != nil
	if tagged {
		if b = firstChunk(b); b == nil {
			return // headers of a refused message, or the end of a long line
		}
	}
	key := l.process()
	record := l.seed.add(b)
	if _, rest, ok := cutTime(b); ok {
		b = bytes.TrimLeft(rest, " ")
	}
	b = cutEximPID(b)
	l.id, b = cutMessageID(b)
	l.repeated = false
	if tagged && isRejection(b) {
		l.repeated = l.duplicate(key, record)
	} else if tagged {
		l.rejections.remove(key)
	}
	l.text(b)
}

// duplicate tells whether the line is the reject log's copy of the one that its
// process logged before. Of lines that the logger counts, every second one is.
func (l *exim) duplicate(process hash, record hash) bool {
	last := l.rejections.put(process)
	lines := l.count
	if last.Line == record {
		lines++
	}
	copies := lines / 2
	if last.Line = 0; lines%2 == 1 {
		last.Line = record
	}
	if copies == l.count {
		return true
	}
	l.count -= copies
	return false
}

// isRejection tells whether a line goes to the reject log too: those in the source
// that have LOG_REJECT.
func isRejection(b []byte) bool {
	switch {
	case bytes.HasPrefix(b, []byte("H=")), bytes.HasPrefix(b, []byte("U=")), bytes.HasPrefix(b, []byte("DSH=")),
		bytes.HasPrefix(b, []byte("F=")):
		return bytes.Contains(b, []byte("rejected ")) || bytes.Contains(b, []byte(" sender verify "))
	case bytes.HasPrefix(b, []byte("SMTP protocol synchronization error")),
		bytes.HasPrefix(b, []byte("SMTP protocol violation: ")),
		bytes.HasPrefix(b, []byte("SMTP call from ")), bytes.HasPrefix(b, []byte("refused connection from ")),
		bytes.HasPrefix(b, []byte("rejected ")), bytes.HasPrefix(b, []byte("temporarily rejected ")),
		bytes.HasPrefix(b, []byte("temporarily refused connection from ")),
		bytes.HasPrefix(b, []byte("too many recipients: ")), bytes.HasPrefix(b, []byte("unqualified ")),
		bytes.HasPrefix(b, []byte("connection from ")):
		return true
	}
	_, rest, ok := bytes.Cut(b, []byte(" "))
	return ok && bytes.HasPrefix(rest, []byte("authenticator failed for "))
}

// text reads what follows time, process and message id.
func (l *exim) text(b []byte) {
	if len(b) > 3 && b[2] == ' ' && l.id != nil {
		rest := b[3:]
		switch string(b[:2]) {
		case "=>", "->", ">>":
			l.delivered(b[0], rest)
			return
		case "==":
			l.deferral(rest)
			return
		case "**":
			l.failure(rest)
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
	if rest, ok := bytes.CutPrefix(b, []byte("H=")); ok {
		l.host(rest)
		return
	}
	if bytes.HasPrefix(b, []byte("U=")) { // a dialogue on standard input
		if i := bytes.IndexByte(b, ' '); i >= 0 {
			l.refused(eximHost{}, b[i:])
			return
		}
		return
	}
	if isRemoteError(b) { // before 4.83, instead of H=...: SMTP error ...
		l.hostError(eximHost{}, b)
		return
	}
	l.implied(b)
}

// host reads what a line says of a host: of one that was delivered to, or of a
// client.
func (l *exim) host(b []byte) {
	h, rest, ok := cutEximHost(b)
	if !ok {
		if bytes.Contains(b, []byte("rejected ")) {
			l.notUnderstood(shapeEximRejected)
			return
		}
		return
	}
	text := bytes.TrimPrefix(rest, []byte(":"))
	if text, ok := bytes.CutPrefix(text, []byte(" ")); ok && isRemoteError(text) && !h.client() {
		l.hostError(h, text)
		return
	}
	if !bytes.HasPrefix(rest, []byte(" ")) {
		return
	}
	l.refused(h, rest)
}

// firstChunk takes off the mark of a record that was cut for syslog, at a new line
// or for its length (log.c, write_syslog()); it is nil for further chunks:
//
//	[1\12] 2026-11-23 14:29:49 H=...
//	[2/3] and the rest of a long line
func firstChunk(b []byte) []byte {
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

// cutMessageID reads "1xVUxo-0001BI-1d ", or "1rdFvR-000000001Xq-2abc " since 4.97.
func cutMessageID(b []byte) (id, rest []byte) {
	for _, form := range [2][2]int{{6, 2}, {11, 4}} {
		n := 6 + 1 + form[0] + 1 + form[1]
		if len(b) > n && b[n] == ' ' && b[6] == '-' && b[7+form[0]] == '-' &&
			isWord(b[:6]) && isWord(b[7:7+form[0]]) && isWord(b[8+form[0]:n]) {
			return b[:n], b[n+1:]
		}
	}
	return nil, b
}

func isWord(b []byte) bool {
	for _, c := range b {
		if !isAlphanumeric(c) {
			return false
		}
	}
	return true
}

// isEximMessage knows a line of the main log that has no tag, by what follows its
// time.
func isEximMessage(b []byte) bool {
	b = cutEximPID(b)
	if id, _ := cutMessageID(b); id != nil {
		return true
	}
	for _, start := range eximStarts {
		if bytes.HasPrefix(b, []byte(start)) {
			return true
		}
	}
	_, rest, ok := bytes.Cut(b, []byte(" "))
	return ok && bytes.HasPrefix(rest, []byte("authenticator failed "))
}

// eximStarts are the beginnings of lines that name no message.
var eximStarts = []string{
	"H=", "DSH=", "U=", "F=", "SMTP ", "Connection from [", "connection from ", "refused connection from ",
	"temporarily re", "rejected ", "unqualified ", "too many recipients: ", "no host name found for IP address ",
	"no IP address found for host ", "no MAIL in ", "cwd=/", "Start queue run: ", "End queue run: ",
	"unexpected disconnection while ", "ETRN ", "TLS error on ", "VRFY failed for ", "configured error code starts with ",
	"spool directory space check failed", "log directory space check failed",
	"host name alias list truncated", "list matching forced to fail", "ident connection to ", "exim 4.",
}
