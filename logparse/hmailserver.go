package logparse

import "bytes"

// hMailServer logs, with the SMTP option of its logging on, the whole dialogue in
// Logs\hmailserver_YYYY-MM-DD.log (Logger.cpp): tab-separated, the texts in
// quotes that are not escaped, times of the local clock.
//
//	"SMTPD"	2144	17	"2026-11-23 14:18:21.941"	"198.51.100.7"	"RECEIVED: RCPT TO:<ann@dest.example>"
//	"SMTPD"	2144	17	"2026-11-23 14:18:21.942"	"198.51.100.7"	"SENT: 550 Unknown user"
//	"SMTPC"	4404	157	"2026-11-23 14:18:22.763"	"198.51.100.9"	"RECEIVED: 250-mx.example[nl]250 SIZE 1000"
//
// SMTPD is the server, SMTPC the client; then come thread, session and the
// peer's address. [nl] stands for the line ends of a reply. Its non-standard
// codes, 453 and 458 among them, are codes like others.
//
// The log shows no names of servers (so Remote is empty) and no message's end as
// the server gets it. Deliveries that fail without a session have lines of
// "APPLICATION", which are not read. No reply is implied, and none repeated but
// by rows of a reply that was logged line by line: there the last one counts.
//
// The grammar is that of Logger.cpp and of lines that others published.

const shapeSession = "session" // "SMTPD" or "SMTPC" and other fields

var hMailServerMTA = mtaSpec{
	name:     "hmailserver",
	ownsForm: func(env *Envelope) bool { return isHMailServer(env.Message) },
	shapes:   []string{shapeSession},
	new:      newHMailServer,
}

type hMailServer struct {
	*line
	sessions table[dialogue]
	buffer   []byte // a reply of several lines
}

func newHMailServer(l *line) grammar {
	return &hMailServer{line: l, sessions: newTable[dialogue](4096)}
}

func (l *hMailServer) tables() []remembered { return []remembered{&l.sessions} }

// isHMailServer tells whether a message begins with one of hMailServer's logs'
// names in quotes and a tab.
func isHMailServer(message []byte) bool {
	if len(message) < len(`"SMTPD"	`) || message[0] != '"' {
		return false
	}
	name, rest, ok := bytes.Cut(message[1:], []byte(`"`))
	if !ok || len(rest) == 0 || rest[0] != '\t' {
		return false
	}
	switch string(name) {
	case "SMTPD", "SMTPC", "APPLICATION", "TCPIP", "DEBUG", "ERROR", "POP3D", "POP3C", "IMAPD", "EVENT":
		return true
	}
	return false
}

func (l *hMailServer) parse() {
	server := bytes.HasPrefix(l.message, []byte(`"SMTPD"`))
	if !server && !bytes.HasPrefix(l.message, []byte(`"SMTPC"`)) {
		return
	}
	var field [6][]byte // name, thread, session, time, address, text
	rest := l.message
	for i := range field[:5] {
		var ok bool
		if field[i], rest, ok = bytes.Cut(rest, []byte("\t")); !ok {
			l.notUnderstood(shapeSession)
			return
		}
	}
	field[5] = rest
	for _, i := range [...]int{0, 3, 4, 5} {
		field[i] = bytes.TrimSuffix(bytes.TrimPrefix(field[i], []byte(`"`)), []byte(`"`))
	}
	l.program = field[0]
	l.env.Time, _, _ = cutRFC3339(field[3])
	text, sent := bytes.CutPrefix(field[5], []byte("SENT: "))
	if !sent {
		var ok bool
		if text, ok = bytes.CutPrefix(field[5], []byte("RECEIVED: ")); !ok {
			l.notUnderstood(shapeSession)
			return
		}
	}
	s := l.sessions.put(l.seed.add(field[0]).add(field[2]).add(field[4]))
	if sent != server {
		s.command(bytes.TrimPrefix(text, []byte("[nl]"))) // "[nl]." ends a message
		return
	}
	l.reply(s, server, field[4], text)
}

// reply reads a reply. A session's numbers are used again after a restart, so 220
// that answers no STARTTLS is the greeting of a new one, and so is a refusal of
// which nothing was heard before.
func (l *hMailServer) reply(s *dialogue, server bool, addr, text []byte) {
	text, lines := l.joined(text)
	s.greeted(text)
	more := lines == 1 && isFirstOfMany(text)
	e, ok := s.reply(text, more)
	if !ok {
		if server {
			l.notUnderstood(shapeSession)
			return
		}
		return // what another server says need not be SMTP
	}
	e.Addr, e.Repeat = addr, more // the last line counts
	if server {
		e.Authenticated = s.Authenticated
	} else {
		e.Direction, e.Deliveries = Received, s.ended(&e)
	}
	l.emit(e)
}

// joined returns the lines of a reply with blanks between them.
func (l *hMailServer) joined(text []byte) (reply []byte, lines int) {
	text = bytes.TrimSuffix(text, []byte("[nl]"))
	before, after, more := bytes.Cut(text, []byte("[nl]"))
	if !more {
		return text, 1
	}
	l.buffer = l.buffer[:0]
	for lines = 1; more; lines++ {
		l.buffer = append(append(l.buffer, before...), ' ')
		before, after, more = bytes.Cut(after, []byte("[nl]"))
	}
	l.buffer = append(l.buffer, before...)
	return l.buffer, lines
}
