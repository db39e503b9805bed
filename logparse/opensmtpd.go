package logparse

import "bytes"

// OpenSMTPD logs by syslog as "smtpd", with -d to standard error. What is known
// here was read in the source of 6.8.0p2 and 7.6.0p1, which log alike; the files
// named in comments are there below usr.sbin/smtpd. 6.0.0 to 6.3, also read, write
// "event=" before what they log, and more of the client.
//
//	ID smtp ...                     a session with a client (smtp_session.c)
//	ID mta ...                      one with another server (mta_session.c, mta.c)
//	ID mda delivery ...             a delivery by a command of this host (mda.c)
//	smtp-out: Error on session ID   of one with another server, once it has sent mail
//	smtp: POINTER: >>> 250 ...      traced dialogue (smtpd -T, smtpctl trace)
//
// To clients, it logs the refusals of every command and two positive replies: to a
// message (250) and to a login (235). Which command another server refused is known
// only before MAIL. Its replies to QUIT, and to an EHLO after which HELO is tried,
// are not logged.

// The forms of OpenSMTPD's lines that look as if they showed a reply.
const (
	shapeOpenSMTPDDelivery = "mta_delivery"   // ID mta delivery evpid=...
	shapeOpenSMTPDRejected = "mta_rejected"   // ID mta error reason=... rejected: ...
	shapeOpenSMTPDFailed   = "failed_command" // ID smtp failed-command ..., bad-input ...
)

var openSMTPDMTA = mtaSpec{
	name:     "opensmtpd",
	program:  []byte("smtpd"),
	programs: []string{"smtpd"},
	ownsForm: openSMTPDOwnsForm,
	shapes:   []string{shapeOpenSMTPDDelivery, shapeOpenSMTPDRejected, shapeOpenSMTPDFailed},
	new:      newOpenSMTPD,
}

// openSMTPD is a line of OpenSMTPD, and what is remembered between its lines.
type openSMTPD struct {
	*line
	before    openSMTPDProcess // what the line before left
	sessions  table[openSMTPDSession]
	processes table[openSMTPDProcess]
	dialogues table[dialogue] // by process and the pointer that names the session there
}

func newOpenSMTPD(l *line) grammar {
	return &openSMTPD{
		line:      l,
		sessions:  newTable[openSMTPDSession](4096),
		processes: newTable[openSMTPDProcess](256),
		dialogues: newTable[dialogue](1024),
	}
}

func (l *openSMTPD) tables() []remembered {
	return []remembered{&l.sessions, &l.processes, &l.dialogues}
}

// An openSMTPDSession is what the lines of a session, in either role, show at its
// beginning. Its fields are exported for encoding/binary.
type openSMTPDSession struct {
	Peer          host
	LMTP          bool // as a client
	Authenticated bool // the client
}

func (s *openSMTPDSession) valid() bool { return s.Peer.valid() }

// An openSMTPDProcess is what a process' last line was. Its fields are exported for
// encoding/binary.
type openSMTPDProcess struct {
	Delivered hash // a delivery, with its session, message and reply
	Traced    Code // another server's reply, in the dialogue
}

// openSMTPDOwnsForm reports whether a line without a tag is one of a session.
func openSMTPDOwnsForm(env *Envelope) bool {
	if id, rest := cutOpenSMTPDSession(env.Message); id != nil {
		role, _, _ := bytes.Cut(rest, []byte(" "))
		return string(role) == "smtp" || string(role) == "mta" || string(role) == "mda"
	}
	return bytes.HasPrefix(env.Message, []byte("smtp-out: ")) || bytes.HasPrefix(env.Message, []byte("smtp-in: ")) ||
		bytes.HasPrefix(env.Message, []byte("smtp: 0x")) || bytes.HasPrefix(env.Message, []byte("mta: 0x"))
}

func (l *openSMTPD) parse() {
	process := l.processes.put(l.process())
	l.before = *process
	*process = openSMTPDProcess{}
	id, rest := cutOpenSMTPDSession(l.message)
	if id == nil {
		l.withoutSession(process)
		return
	}
	role, rest, _ := bytes.Cut(rest, []byte(" "))
	verb, rest, _ := bytes.Cut(rest, []byte(" "))
	verb = bytes.TrimPrefix(verb, []byte("event="))
	switch string(role) {
	case "smtp":
		l.server(process, id, verb, rest)
	case "mta":
		l.client(process, id, verb, rest)
	case "mda":
		if string(verb) == "delivery" {
			l.emit(Event{Kind: Delivery, Direction: Received, Deliveries: 1, Cause: CauseLocal})
		}
	}
}

// withoutSession reads a line that does not begin with a session's id.
func (l *openSMTPD) withoutSession(process *openSMTPDProcess) {
	if rest, ok := bytes.CutPrefix(l.message, []byte("smtp-out: Error on session ")); ok {
		id, rest := cutOpenSMTPDID(rest)
		reason, ok := bytes.CutPrefix(rest, []byte(": ")) // before 6.0, also where nothing was sent
		if !ok {
			_, reason, ok = bytes.Cut(rest, []byte(" sent: ")) // after N messages sent: REASON
		}
		if id != nil && ok {
			l.rejected(id, reason)
		}
	} else if rest, ok := bytes.CutPrefix(l.message, []byte("warn: ")); ok {
		l.ownBounce(rest)
	} else if !l.sentence(process) {
		l.trace(process)
	}
}

// cutOpenSMTPDSession reads "0123456789abcdef ".
func cutOpenSMTPDSession(b []byte) (id, rest []byte) {
	id, rest = cutOpenSMTPDID(b)
	if len(rest) == 0 || rest[0] != ' ' {
		return nil, nil
	}
	return id, rest[1:]
}

// cutOpenSMTPDID reads the 16 digits of a session's or envelope's id.
func cutOpenSMTPDID(b []byte) (id, rest []byte) {
	const digits = 16
	if len(b) < digits {
		return nil, nil
	}
	for _, c := range b[:digits] {
		if !isDigit(c) && (c < 'a' || c > 'f') {
			return nil, nil
		}
	}
	return b[:digits], b[digits:]
}

func (l *openSMTPD) session(id []byte) *openSMTPDSession {
	return l.sessions.put(l.seed.add(l.env.Host).add(id))
}

// openSMTPDSocket is where local clients, the sendmail command and the bounce agent,
// reach the server (smtpd.h).
var openSMTPDSocket = []byte("/var/run/smtpd.sock")

// openSMTPDAddr returns an address from the form that to.c writes, "192.0.2.1",
// "[2001:db8::1]" (before 6.0 "IPv6:2001:db8::1") or "local".
func openSMTPDAddr(b []byte) []byte {
	if string(b) == "local" {
		return openSMTPDSocket
	}
	if n := len(b); n > 1 && b[0] == '[' && b[n-1] == ']' {
		return b[1 : n-1]
	}
	return bytes.TrimPrefix(b, []byte("IPv6:"))
}
