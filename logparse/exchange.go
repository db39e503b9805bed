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
// The log shows the names of peers in their own words only (so Remote is empty).
// It shows no answers to AUTH challenges, no dot after a message, and not why a
// message waits outside of a session. Older versions write a row for each line of
// a reply: the last one counts, the others repeat it. That needs no memory, so that
// a reply counts once even if it goes on in the next file. No reply is implied.
//
// Message tracking logs (MSGTRK*.LOG) hold the same replies again. Their rows have
// no session and no event here.

const (
	shapeExchangeRow   = "protocol_row"   // a session's row with an unknown event
	shapeExchangeReply = "protocol_reply" // > of a receive connector, without a code
)

var exchangeMTA = mtaSpec{
	name:     "exchange",
	ownsForm: exchangeOwnsForm,
	shapes:   []string{shapeExchangeRow, shapeExchangeReply},
	new:      newExchange,
}

type exchange struct {
	*line
	row      csvRecord
	log      cell[exchangeLog]
	sessions table[exchangeSession]
}

func newExchange(l *line) grammar {
	return &exchange{line: l, sessions: newTable[exchangeSession](4096)}
}

func (l *exchange) tables() []remembered { return []remembered{&l.log, &l.sessions} }

// exchangeColumns are the places of columns in a row.
type exchangeColumns struct {
	Connector, Session, Sequence, Local, Remote, Event, Data, Context uint8
}

// defaultExchangeColumns are those of all versions so far.
var defaultExchangeColumns = exchangeColumns{1, 2, 3, 4, 5, 6, 7, 8}

// An exchangeRole is the side that this server takes in a session.
type exchangeRole uint8

const (
	exchangeNoRole exchangeRole = iota
	exchangeServer
	exchangeClient
	numExchangeRoles
)

// An exchangeLog is what the last header says of a log.
type exchangeLog struct {
	Role    exchangeRole
	Header  bool
	Columns exchangeColumns
}

func (e *exchangeLog) valid() bool { return e.Role < numExchangeRoles }

// An exchangeSession is what is remembered of a session.
type exchangeSession struct {
	dialogue
	Role exchangeRole // known by who spoke first
}

func (s *exchangeSession) valid() bool { return s.Role < numExchangeRoles && s.dialogue.valid() }

// exchangeOwnsForm reports whether a message is of a header, or begins with the time
// of a row.
func exchangeOwnsForm(env *Envelope) bool {
	message := env.Message
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
	if l.message[0] == '#' {
		l.header()
		return
	}
	l.row.parse(l.message)
	c := l.columns()
	if c == nil {
		return
	}
	l.env.Time, _, _ = cutRFC3339(l.row.field(0))
	l.program = l.row.field(c.Connector)
	key := l.seed.add(l.program).add(l.row.field(c.Session))
	switch string(l.row.field(c.Event)) {
	case "+":
		*l.sessions.put(key) = exchangeSession{}
	case "-":
		l.disconnect(key, c)
	case ">":
		l.said(l.session(key), c, true)
	case "<":
		l.said(l.session(key), c, false)
	case "*", "":
	default:
		l.notUnderstood(shapeExchangeRow)
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

// columns returns the columns of the row: those of the last header if the row fits
// them, else the default; nil for a row of no session.
func (l *exchange) columns() *exchangeColumns {
	if c := &l.log.value.Columns; l.log.value.Header && l.isSession(c) {
		return c
	}
	if l.isSession(&defaultExchangeColumns) {
		return &defaultExchangeColumns
	}
	return nil
}

// header reads the lines before the rows.
func (l *exchange) header() {
	log := &l.log.value
	if kind, ok := bytes.CutPrefix(l.message, []byte("#Log-type: ")); ok {
		switch string(kind) {
		case "SMTP Receive Protocol Log":
			log.Role = exchangeServer
		case "SMTP Send Protocol Log":
			log.Role = exchangeClient
		default:
			log.Role = exchangeNoRole
		}
		return
	}
	names, ok := bytes.CutPrefix(l.message, []byte("#Fields: "))
	if !ok {
		return
	}
	l.row.parse(names)
	c := exchangeColumns{
		Connector: l.row.column("connector-id"),
		Session:   l.row.column("session-id"),
		Sequence:  l.row.column("sequence-number"),
		Local:     l.row.column("local-endpoint"),
		Remote:    l.row.column("remote-endpoint"),
		Event:     l.row.column("event"),
		Data:      l.row.column("data"),
		Context:   l.row.column("context"),
	}
	if c.Session != noColumn && c.Event != noColumn { // else it is not of a protocol log
		log.Header = true
		log.Columns = c
	}
}

// isSession reports whether the row is one of a session: it has an id of 16
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

// said reads what one side of a session said.
func (l *exchange) said(s *exchangeSession, c *exchangeColumns, sent bool) {
	if s.Role == exchangeNoRole && !s.Joined && s.Last == 0 && s.Waiting.N == 0 {
		s.Role = exchangeClient
		if sent { // the greeting
			s.Role = exchangeServer
		}
	}
	role := l.role(s, c)
	data := l.row.field(c.Data)
	if sent != (role == exchangeServer) {
		s.command(data)
		return
	}
	l.reply(s, role, c, data)
}

// role returns this server's role, since the arrows mean the contrary in logs of
// the other kind. No peer can choose what it goes by: the connector's name (a
// receive connector's is SERVER\NAME), the port at which this server listens, and
// who spoke first. The port of a server that this one connected to comes after
// these, as a client may call from any port. The header comes last, since files
// may be mixed in one log.
func (l *exchange) role(s *exchangeSession, c *exchangeColumns) exchangeRole {
	_, local := cutExchangeEndpoint(l.row.field(c.Local))
	_, remote := cutExchangeEndpoint(l.row.field(c.Remote))
	header := l.log.value.Role
	switch {
	case bytes.IndexByte(l.program, '\\') >= 0, isExchangeListener(local):
		return exchangeServer
	case s.Role != exchangeNoRole:
		return s.Role
	case isExchangeListener(remote) || header == exchangeNoRole:
		return exchangeClient
	}
	return header
}

// isExchangeListener reports whether a port is one that no client is given (RFC
// 6335 §6).
func isExchangeListener(port int) bool { return port > 0 && port < 1024 }

// cutExchangeEndpoint reads ADDRESS:PORT. Only newer versions of .NET put an IPv6
// address in brackets.
func cutExchangeEndpoint(b []byte) (addr []byte, port int) {
	i := bytes.LastIndexByte(b, ':')
	if i < 0 {
		return nil, -1
	}
	port, _ = cutNumber(b[i+1:])
	return bytes.TrimSuffix(bytes.TrimPrefix(b[:i], []byte("[")), []byte("]")), port
}

// reply reads what the server of a session said. What another server says need not
// be SMTP.
func (l *exchange) reply(s *exchangeSession, role exchangeRole, c *exchangeColumns, data []byte) {
	more := isFirstOfMany(data)
	e, ok := s.reply(data, more)
	if !ok {
		if role == exchangeServer && len(data) > 0 {
			l.notUnderstood(shapeExchangeReply)
		}
		return
	}
	e.Repeat = more // the last line counts
	e.Addr, _ = cutExchangeEndpoint(l.row.field(c.Remote))
	if role == exchangeClient {
		e.Direction = Received
		e.Deliveries = s.ended(&e)
	} else {
		e.Authenticated = s.Authenticated
	}
	l.emit(e)
}

// disconnect ends a session, and with it the deliveries to the recipients that were
// accepted if no reply to the message itself came.
func (l *exchange) disconnect(key hash, c *exchangeColumns) {
	s := l.sessions.get(key)
	if s == nil {
		return
	}
	if s.Recipients > 0 && l.role(s, c) == exchangeClient {
		e := Event{Kind: Delivery, Direction: Received, Deliveries: int(s.Recipients), Cause: CauseOther}
		if bytes.HasPrefix(l.row.field(c.Context), []byte("Remote")) {
			e.Cause = CauseLostConnection
		}
		e.Addr, _ = cutExchangeEndpoint(l.row.field(c.Remote))
		l.emit(e)
	}
	l.sessions.remove(key)
}
