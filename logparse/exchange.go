package logparse

import "bytes"

// Microsoft Exchange, 2007 and later, logs the whole dialogue of the connectors
// with ProtocolLoggingLevel Verbose (off by default on most of them) in
// TransportRoles\Logs\*\ProtocolLog\{SmtpReceive,SmtpSend}\*.LOG: comma-separated
// values in UTF-8, times in UTC, with a header that begins each file. Its source
// is not public: the grammar is that of Microsoft's documentation ("Protocol
// logging in Exchange Server") and of lines that others published.
//
//	#Log-type: SMTP Receive Protocol Log
//	#Fields: date-time,connector-id,session-id,sequence-number,local-endpoint,remote-endpoint,event,data,context
//	2026-11-23T14:18:21.941Z,EX1\Default Frontend EX1,08DC1A2B3C4D5E6F,2,192.0.2.1:25,198.51.100.7:40123,>,220 ex1.example ESMTP,
//	2026-11-23T14:18:22.005Z,EX1\Default Frontend EX1,08DC1A2B3C4D5E6F,3,192.0.2.1:25,198.51.100.7:40123,<,EHLO mx.example,
//	2026-11-23T14:18:23.105Z,Internet,08DC1A2B3C4D5E70,2,192.0.2.1:50123,198.51.100.9:25,<,220 mx.example ESMTP,
//
// Events are + connect, - disconnect, > said by this server, < said by the other
// side, and * for information, in which replies may be quoted.
//
// The log shows neither the names of peers but in their own words (so Remote is
// empty), nor answers to AUTH challenges, nor the dot after a message. What a
// message waits for without a session is not in it. A reply of several lines has
// a row each in older versions: the last one counts, the others repeat it. That
// needs no memory, so that a reply counts once even where it goes on in the next
// file. No reply is implied.
//
// Message tracking logs (MSGTRK*.LOG) hold the same replies again. They are known
// by their rows, which have no session, and tell nothing here.

const (
	shapeProtocolRow   = "protocol_row"   // a session's row with an unknown event
	shapeProtocolReply = "protocol_reply" // > of a receive connector, without a code
)

var exchangeMTA = mtaSpec{
	name:     "exchange",
	ownsForm: func(env *Envelope) bool { return isExchange(env.Message) },
	shapes:   []string{shapeProtocolRow, shapeProtocolReply},
	new:      newExchange,
}

type exchange struct {
	*line
	row      csvRecord
	logs     table[exchangeLog] // one
	sessions table[exchangeSession]
}

func newExchange(l *line) grammar {
	return &exchange{line: l, logs: newTable[exchangeLog](ways), sessions: newTable[exchangeSession](4096)}
}

func (l *exchange) tables() []remembered { return []remembered{&l.logs, &l.sessions} }

// exchangeColumns are the places of columns in a row.
type exchangeColumns struct {
	Connector, Session, Sequence, Local, Remote, Event, Data, Context uint8
}

// defaultExchangeColumns are those of all versions so far.
var defaultExchangeColumns = exchangeColumns{1, 2, 3, 4, 5, 6, 7, 8}

// A role is the side that this server takes in a session.
type role uint8

const (
	noRole role = iota
	serverRole
	clientRole
	numRoles
)

// An exchangeLog is what the last header said.
type exchangeLog struct {
	Role    role
	Header  bool
	Columns exchangeColumns
}

func (e *exchangeLog) valid() bool { return e.Role < numRoles }

// An exchangeSession is what is remembered of a session.
type exchangeSession struct {
	dialogue
	Role role // of who spoke first
}

func (s *exchangeSession) valid() bool { return s.Role < numRoles && s.dialogue.valid() }

// isExchange knows the header and, by the time at its beginning, a row.
func isExchange(message []byte) bool {
	if len(message) < len("2026-11-23T14:18:21Z,") {
		return false
	}
	if message[0] == '#' {
		return bytes.HasPrefix(message, []byte("#Log-type: ")) || bytes.HasPrefix(message, []byte("#Fields: date-time,")) ||
			bytes.HasPrefix(message, []byte("#Software: Microsoft Exchange"))
	}
	if !isDigit(message[0]) || message[10] != 'T' {
		return false
	}
	at, _, ok := bytes.Cut(message[:min(len(message), 40)], []byte(","))
	if !ok || at[len(at)-1] != 'Z' {
		return false
	}
	_, _, ok = cutRFC3339(at)
	return ok
}

func (l *exchange) parse() {
	log := l.logs.put(l.seed)
	if l.message[0] == '#' {
		l.header(log)
		return
	}
	l.row.parse(l.message)
	columns := &log.Columns
	if !log.Header || !l.isSession(columns) {
		columns = &defaultExchangeColumns
		if !l.isSession(columns) {
			return
		}
	}
	l.env.Time, _, _ = cutRFC3339(l.row.field(0))
	l.program = l.row.field(columns.Connector)
	event, data := l.row.field(columns.Event), l.row.field(columns.Data)
	key := l.seed.add(l.program).add(l.row.field(columns.Session))
	switch string(event) {
	case "+":
		*l.sessions.put(key) = exchangeSession{}
	case "-":
		l.disconnect(log, key, columns)
	case "*", "":
	case "<", ">":
		s := l.session(key)
		sent := event[0] == '>'
		if s.Role == noRole && !s.Joined && s.Last == 0 && s.Waiting.N == 0 {
			s.Role = clientRole
			if sent { // the greeting
				s.Role = serverRole
			}
		}
		role := l.role(log, s, columns)
		if sent != (role == serverRole) {
			s.command(data)
			return
		}
		l.reply(s, role, columns, data)
		return
	default:
		l.notUnderstood(shapeProtocolRow)
		return
	}
}

// session returns what is remembered of a session.
func (l *exchange) session(key hash) *exchangeSession {
	s := l.sessions.get(key)
	if s == nil {
		s = l.sessions.put(key)
		s.Joined = true
	}
	return s
}

// header reads the lines before the rows.
func (l *exchange) header(log *exchangeLog) {
	if kind, ok := bytes.CutPrefix(l.message, []byte("#Log-type: ")); ok {
		switch string(kind) {
		case "SMTP Receive Protocol Log":
			log.Role = serverRole
		case "SMTP Send Protocol Log":
			log.Role = clientRole
		default:
			log.Role = noRole
		}
		return
	}
	names, ok := bytes.CutPrefix(l.message, []byte("#Fields: "))
	if !ok {
		return
	}
	l.row.parse(names)
	c := exchangeColumns{
		Connector: l.row.column("connector-id"), Session: l.row.column("session-id"), Sequence: l.row.column("sequence-number"),
		Local: l.row.column("local-endpoint"), Remote: l.row.column("remote-endpoint"),
		Event: l.row.column("event"), Data: l.row.column("data"), Context: l.row.column("context"),
	}
	if c.Session != noColumn && c.Event != noColumn { // else it is not of a protocol log
		log.Header, log.Columns = true, c
	}
}

// isSession tells whether the row is one of a session: it has an id of 16
// hexadecimal digits, and a number.
func (l *exchange) isSession(c *exchangeColumns) bool {
	id := l.row.field(c.Session)
	if len(id) != 16 {
		return false
	}
	for _, c := range id {
		if !isDigit(c) && (c < 'A' || c > 'F') && (c < 'a' || c > 'f') {
			return false
		}
	}
	n, rest := cutNumber(l.row.field(c.Sequence))
	return n >= 0 && len(rest) == 0
}

// role finds out who is the client, since the arrows mean the contrary in logs
// of the other kind. No peer can choose what it goes by: the connector's name (of
// a receive connector it is SERVER\NAME), the port at which this server listens,
// and who spoke first. The port of a server that this one connected to comes
// after these, as a client may call from any port. The header comes last, since
// files may be mixed in one log.
func (l *exchange) role(log *exchangeLog, s *exchangeSession, c *exchangeColumns) role {
	_, local := cutEndpoint(l.row.field(c.Local))
	_, remote := cutEndpoint(l.row.field(c.Remote))
	switch {
	case bytes.IndexByte(l.program, '\\') >= 0, wellKnown(local):
		return serverRole
	case s.Role != noRole:
		return s.Role
	case wellKnown(remote) || log.Role == noRole:
		return clientRole
	}
	return log.Role
}

// wellKnown tells whether a port is none that a client is given (RFC 6335 §6).
func wellKnown(port int) bool { return port > 0 && port < 1024 }

// cutEndpoint reads ADDRESS:PORT; IPv6 addresses have brackets in newer versions
// of .NET only.
func cutEndpoint(b []byte) (addr []byte, port int) {
	i := bytes.LastIndexByte(b, ':')
	if i < 0 {
		return nil, -1
	}
	port, _ = cutNumber(b[i+1:])
	return bytes.TrimSuffix(bytes.TrimPrefix(b[:i], []byte("[")), []byte("]")), port
}

// reply reads what the server of a session said.
func (l *exchange) reply(s *exchangeSession, role role, c *exchangeColumns, data []byte) {
	more := isFirstOfMany(data)
	e, ok := s.reply(data, more)
	if !ok {
		if role == serverRole && len(data) > 0 {
			l.notUnderstood(shapeProtocolReply)
			return
		}
		return // what another server says need not be SMTP
	}
	e.Repeat = more // the last line counts
	e.Addr, _ = cutEndpoint(l.row.field(c.Remote))
	if role == clientRole {
		e.Direction, e.Deliveries = Received, s.ended(&e)
	} else {
		e.Authenticated = s.Authenticated
	}
	l.emit(e)
}

// disconnect ends a session. Of recipients that were accepted, and no reply to
// the message itself came, the attempt is over.
func (l *exchange) disconnect(log *exchangeLog, key hash, c *exchangeColumns) {
	s := l.sessions.get(key)
	if s == nil {
		return
	}
	if s.Recipients > 0 && l.role(log, s, c) == clientRole {
		e := Event{Kind: Delivery, Direction: Received, Deliveries: int(s.Recipients), Cause: CauseOther}
		if bytes.HasPrefix(l.row.field(c.Context), []byte("Remote")) {
			e.Cause = CauseLostConnection
		}
		e.Addr, _ = cutEndpoint(l.row.field(c.Remote))
		l.emit(e)
	}
	l.sessions.remove(key)
}
