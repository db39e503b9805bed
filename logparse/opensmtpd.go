package logparse

import "bytes"

// OpenSMTPD logs by syslog as "smtpd", with -d to standard error. What is known here was read in the source
// of 6.8.0p2 and 7.6.0p1, which log alike; the files named in comments are there
// below usr.sbin/smtpd. Versions before 6.4 write "event=" before what they log;
// those lines are not understood.
//
//	ID smtp ...                     a session with a client (smtp_session.c)
//	ID mta ...                      one with another server (mta_session.c, mta.c)
//	ID mda delivery ...             a delivery by a command of this host (mda.c)
//	smtp-out: Error on session ID   of one with another server, once it has sent mail
//	smtp: POINTER: >>> 250 ...      traced dialogue (smtpd -T, smtpctl trace)
//
// Refusals of every command are logged, and of the positive replies to clients
// two: a message (250) and a login (235). Which command another server refused
// is known before MAIL only. Its replies to QUIT, and to an EHLO after which HELO
// is tried, are not logged.

// The forms of OpenSMTPD's lines that look as if they told a reply.
const (
	shapeSMTPDDelivery = "mta_delivery"   // ID mta delivery evpid=...
	shapeSMTPDRejected = "mta_rejected"   // ID mta error reason=... rejected: ...
	shapeSMTPDFailed   = "failed_command" // ID smtp failed-command ..., bad-input ...
	shapeSMTPDEvent    = "event"          // ID smtp event=..., ID mta event=...
)

var openSMTPDMTA = mtaSpec{
	name:        "opensmtpd",
	program:     []byte("smtpd"),
	ownsProgram: func(program []byte) bool { return string(program) == "smtpd" },
	ownsForm:    func(env *Envelope) bool { return isOpenSMTPD(env.Message) },
	shapes:      []string{shapeSMTPDDelivery, shapeSMTPDRejected, shapeSMTPDFailed, shapeSMTPDEvent},
	new:         newOpenSMTPD,
}

// openSMTPD is a line of OpenSMTPD, and what is remembered between its lines.
type openSMTPD struct {
	*line
	before    smtpdProcess // what the line before left
	sessions  table[smtpdSession]
	processes table[smtpdProcess]
	dialogues table[dialogue] // by process and the pointer that names the session there
}

func newOpenSMTPD(l *line) grammar {
	return &openSMTPD{
		line: l, sessions: newTable[smtpdSession](4096), processes: newTable[smtpdProcess](256), dialogues: newTable[dialogue](1024),
	}
}

func (l *openSMTPD) tables() []remembered {
	return []remembered{&l.sessions, &l.processes, &l.dialogues}
}

// A smtpdSession is what the lines of a session, in either role, tell at its
// beginning. Its fields are exported for encoding/binary.
type smtpdSession struct {
	Peer          host
	LMTP          bool // as a client
	Authenticated bool // the client
}

// valid tells whether what was read from a state can be used.
func (s *smtpdSession) valid() bool { return s.Peer.valid() }

// A smtpdProcess is what a process' last line was. Its fields are exported for
// encoding/binary.
type smtpdProcess struct {
	Delivered hash // a delivery, with its session, message and reply
	Traced    Code // another server's reply, in the dialogue
}

// isOpenSMTPD tells whether a line without a tag is one of a session.
func isOpenSMTPD(message []byte) bool {
	if id, rest := cutSessionID(message); id != nil {
		role, _, _ := bytes.Cut(rest, []byte(" "))
		return string(role) == "smtp" || string(role) == "mta" || string(role) == "mda"
	}
	for _, prefix := range []string{"smtp-out: ", "smtp: 0x", "mta: 0x"} {
		if bytes.HasPrefix(message, []byte(prefix)) {
			return true
		}
	}
	return false
}

func (l *openSMTPD) parse() {
	process := l.processes.put(l.process())
	l.before, *process = *process, smtpdProcess{}
	id, rest := cutSessionID(l.message)
	if id == nil {
		l.withoutSession(process)
		return
	}
	role, rest, _ := bytes.Cut(rest, []byte(" "))
	verb, rest, _ := bytes.Cut(rest, []byte(" "))
	switch string(role) {
	case "smtp":
		l.server(id, verb, rest)
		return
	case "mta":
		l.client(process, id, verb, rest)
		return
	case "mda":
		if string(verb) == "delivery" {
			l.emit(Event{Kind: Delivery, Direction: Received, Deliveries: 1, Cause: CauseLocal})
		}
	}
}

func (l *openSMTPD) withoutSession(process *smtpdProcess) {
	if rest, ok := bytes.CutPrefix(l.message, []byte("smtp-out: Error on session ")); ok {
		id, rest := cutSessionID(rest)
		_, reason, ok := bytes.Cut(rest, []byte(" sent: ")) // after N messages sent: REASON
		if id == nil || !ok {
			return
		}
		l.rejected(id, reason)
		return
	}
	if rest, ok := bytes.CutPrefix(l.message, []byte("warn: ")); ok {
		l.ownBounce(rest)
		return
	}
	l.trace(process)
}

// cutSessionID reads "0123456789abcdef ".
func cutSessionID(b []byte) (id, rest []byte) {
	const digits = 16
	if len(b) <= digits || b[digits] != ' ' {
		return nil, nil
	}
	for _, c := range b[:digits] {
		if !isDigit(c) && (c < 'a' || c > 'f') {
			return nil, nil
		}
	}
	return b[:digits], b[digits+1:]
}

func (l *openSMTPD) session(id []byte) *smtpdSession {
	return l.sessions.put(l.seed.add(l.env.Host).add(id))
}

// smtpdSocket is where local clients, the sendmail command and the bounce agent,
// reach the server: smtpd.h.
var smtpdSocket = []byte("/var/run/smtpd.sock")

// smtpdAddr returns an address from the form that to.c writes, "192.0.2.1",
// "[2001:db8::1]" or "local".
func smtpdAddr(b []byte) []byte {
	if string(b) == "local" {
		return smtpdSocket
	}
	if n := len(b); n > 1 && b[0] == '[' && b[n-1] == ']' {
		return b[1 : n-1]
	}
	return b
}
