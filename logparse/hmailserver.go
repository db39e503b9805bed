package logparse

import "bytes"

// hMailServer logs the whole dialogue in Logs\hmailserver_YYYY-MM-DD.log if the SMTP
// option of its logging is on (Logger.cpp): tab-separated, the texts in quotes that
// are not escaped, times of the local clock.
//
//	"SMTPD"	2144	17	"2026-11-23 14:18:21.941"	"198.51.100.7"	"RECEIVED: RCPT TO:<ann@dest.example>"
//	"SMTPD"	2144	17	"2026-11-23 14:18:21.942"	"198.51.100.7"	"SENT: 550 Unknown user"
//	"SMTPC"	4404	157	"2026-11-23 14:18:22.763"	"198.51.100.9"	"RECEIVED: 250-mx.example[nl]250 SIZE 1000"
//
// SMTPD is the server, SMTPC the client; thread, session and the peer's address
// follow. [nl] stands for the line ends of a reply. Its non-standard codes, such as
// 453 and 458, are codes like others.
//
// The log shows no names of servers (so Remote is empty), and as a server not the end
// of a message. Deliveries that fail without a session have lines of "APPLICATION",
// which are not read. No reply is implied. The only repeats are in a reply that was
// logged line by line: there the last row counts.
//
// The grammar is that of Logger.cpp and of lines that others published.

const shapeHMailServerSession = "session" // "SMTPD" or "SMTPC" and other fields

var hMailServerMTA = mtaSpec{
	name:     "hmailserver",
	ownsForm: hMailServerOwnsForm,
	shapes:   []string{shapeHMailServerSession},
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

// hMailServerOwnsForm reports whether a message begins with the name of one of
// hMailServer's logs in quotes, and a tab.
func hMailServerOwnsForm(env *Envelope) bool {
	message := env.Message
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
	row, ok := cutHMailServerRow(l.message)
	if !ok {
		l.notUnderstood(shapeHMailServerSession)
		return
	}
	l.program = row.name
	l.env.Time, _, _ = cutRFC3339(row.time)
	text, sent := bytes.CutPrefix(row.text, []byte("SENT: "))
	if !sent {
		text, ok = bytes.CutPrefix(row.text, []byte("RECEIVED: "))
		if !ok {
			l.notUnderstood(shapeHMailServerSession)
			return
		}
	}
	s := l.sessions.put(l.seed.add(row.name).add(row.session).add(row.address))
	if sent != server {
		s.command(bytes.TrimPrefix(text, []byte("[nl]"))) // "[nl]." ends a message
		return
	}
	l.reply(s, server, row.address, text)
}

// An hMailServerRow holds the columns that are read.
type hMailServerRow struct{ name, session, time, address, text []byte }

func cutHMailServerRow(b []byte) (row hMailServerRow, ok bool) {
	var thread []byte
	for _, column := range [...]*[]byte{&row.name, &thread, &row.session, &row.time, &row.address} {
		*column, b, ok = bytes.Cut(b, []byte("\t"))
		if !ok {
			return row, false
		}
	}
	row.text = b
	for _, column := range [...]*[]byte{&row.name, &row.time, &row.address, &row.text} {
		*column = bytes.TrimSuffix(bytes.TrimPrefix(*column, []byte(`"`)), []byte(`"`))
	}
	return row, true
}

// reply reads a reply. What another server says need not be SMTP. The numbers of
// sessions are used again after a restart.
func (l *hMailServer) reply(s *dialogue, server bool, addr, text []byte) {
	text, lines := l.joined(text)
	s.greeted(text)
	s.Joined = server // which greets with 220 or not at all (SMTPConnection.cpp, SendBanner_)
	more := lines == 1 && isFirstOfMany(text)
	e, ok := s.reply(text, more)
	if !ok {
		if server {
			l.notUnderstood(shapeHMailServerSession)
		}
		return
	}
	e.Addr, e.Repeat = addr, more // the last line counts
	if server {
		e.Authenticated = s.Authenticated
	} else {
		e.Direction = Received
		e.Deliveries = s.ended(&e)
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
