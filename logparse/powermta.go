package logparse

import "bytes"

// PowerMTA writes accounting files (acct-file), comma-separated values of which
// the first row names the columns; which there are is configured (record-fields).
// Its source is not public: the grammar is that of the user guide (4.0, section
// 11) and of files that others published.
//
//	type,timeLogged,...,rcpt,...,dsnStatus,dsnDiag,dsnMta,bounceCat,...
//	d,2026-11-23 14:18:21+0100,...,relayed,2.0.0 (success),smtp;250 2.0.0 Ok,mx.example (192.0.2.10),...
//	b,2026-11-23 14:18:22+0100,...,failed,5.1.1 (bad destination mailbox address),smtp;550 5.1.1 no such user,mx.example (192.0.2.10),...
//	b,2026-11-23 14:18:23+0100,...,failed,5.1.2 (bad destination system: no such domain),,,bad-domain,...
//
// Rows are attempts, one a recipient: d delivered, b bounced, t deferred; and tq,
// a host that deferred a whole queue. dsnDiag is the reply, dsnMta who said it;
// where there is no dsnMta, PowerMTA gave up by itself. Each row counts as a
// reply of its own: what would tell that one reply answered several recipients of
// a message is not in a row, so that the one at end of data counts once a
// recipient. Nor does it tell the command; only acceptance is at end of data.
//
// r (a recipient of a received message: one reply may have several), rb and rs
// (bounces and reports that came as mail, with others' replies in them) and f
// (feedback) tell no reply that went over the wire once.
//
// Implied is the 250 of a d row without a reply in dsnDiag, if SMTP delivered it
// (dlvType smtp or, without that column, an address at either end of a
// connection). Bounces for age (X.4.7) quote the reply to an earlier attempt.

const (
	shapeColumns    = "columns"    // no header was seen, and the columns are not those of the default
	shapeDiagnostic = "diagnostic" // dsnDiag has a reply of another class than the row's type
)

var powerMTA = mtaSpec{
	name:     "powermta",
	program:  []byte("pmta"),
	ownsForm: func(env *Envelope) bool { return isPowerMTA(env.Message) },
	shapes:   []string{shapeColumns, shapeDiagnostic},
	new:      newPowerMTA,
}

type pmta struct {
	*line
	row     csvRecord
	headers table[powerMTAColumns] // one
}

func newPowerMTA(l *line) grammar {
	return &pmta{line: l, headers: newTable[powerMTAColumns](ways)}
}

func (l *pmta) tables() []remembered { return []remembered{&l.headers} }

// powerMTAColumns are the places of columns in a row of N.
type powerMTAColumns struct {
	N                                     uint16
	TimeLogged, Status, Diag, MTA, Action uint8
	DlvType, SourceIP, DestinationIP      uint8
}

// The columns of version 4.0 by default; earlier ones have no vmtaPool:
//
//	type,timeLogged,timeQueued,orig,rcpt,orcpt,dsnAction,dsnStatus,dsnDiag,dsnMta,bounceCat,srcType,srcMta,
//	dlvType,dlvSourceIp,dlvDestinationIp,dlvEsmtpAvailable,dlvSize,vmta,jobId,envId,queue,vmtaPool
var defaultPowerMTAColumns = powerMTAColumns{
	N: 22, TimeLogged: 1, Action: 6, Status: 7, Diag: 8, MTA: 9, DlvType: 13, SourceIP: 14, DestinationIP: 15,
}

// isPowerMTA knows a header, and a row by its type.
func isPowerMTA(message []byte) bool {
	kind, rest, ok := bytes.Cut(message[:min(len(message), len("type,"))], []byte(","))
	if !ok {
		return false
	}
	switch string(kind) {
	case "type":
		return bytes.Contains(message, []byte(",rcpt")) || bytes.Contains(message, []byte(",dsnStatus"))
	case "d", "b", "t", "tq", "r", "rb", "rs", "f":
		return len(rest) > 0 && bytes.Count(message, []byte(",")) > 2
	}
	return false
}

func (l *pmta) parse() {
	l.row.parse(l.message)
	kind := l.row.field(0)
	if string(kind) == "type" {
		l.header()
		return
	}
	attempt := string(kind) == "d" || string(kind) == "b" || string(kind) == "t"
	if !attempt && string(kind) != "tq" {
		return
	}
	c := l.headers.get(l.seed)
	if c == nil || int(c.N) != l.row.n {
		c = &defaultPowerMTAColumns
		if !l.hasDefaultColumns() {
			l.notUnderstood(shapeColumns)
			return
		}
	}
	l.env.Time, _, _ = cutRFC3339(l.row.field(c.TimeLogged))
	l.attempt(c, kind)
}

// header reads the row that names the columns.
func (l *pmta) header() {
	r := &l.row
	*l.headers.put(l.seed) = powerMTAColumns{
		N:          uint16(min(r.n, 1<<16-1)),
		TimeLogged: r.column("timeLogged"), Action: r.column("dsnAction"),
		Status: r.column("dsnStatus"), Diag: r.column("dsnDiag"), MTA: r.column("dsnMta"),
		DlvType: r.column("dlvType"), SourceIP: r.column("dlvSourceIp"), DestinationIP: r.column("dlvDestinationIp"),
	}
}

// hasDefaultColumns tells whether a row looks in each column that matters as one
// with the default columns does. There may be more behind them.
func (l *pmta) hasDefaultColumns() bool {
	c := &defaultPowerMTAColumns
	if l.row.n < int(c.N) {
		return false
	}
	logged := l.row.field(c.TimeLogged)
	if _, rest, ok := cutRFC3339(logged); !ok || len(rest) > 0 {
		if _, rest := cutNumber(logged); len(rest) > 0 || len(logged) != len("1795443606") {
			return false
		}
	}
	switch string(l.row.field(c.Action)) {
	case "", "relayed", "delivered", "failed", "delayed", "expanded":
	default:
		return false
	}
	status, diag, mta := l.row.field(c.Status), l.row.field(c.Diag), l.row.field(c.MTA)
	_, n := ParseEnhanced(status)
	return (n > 0 || len(status) == 0) &&
		(len(diag) == 0 || bytes.IndexByte(diag, ';') > 0) &&
		(len(mta) == 0 || bytes.HasSuffix(mta, []byte(")")))
}

// attempt reads a row of type d, b, t or tq.
func (l *pmta) attempt(c *powerMTAColumns, kind []byte) {
	e := Event{Direction: Received, Deliveries: 1}
	e.Remote, e.Addr = cutMTA(l.row.field(c.MTA))
	if e.Addr == nil {
		e.Addr = l.row.field(c.DestinationIP)
	}
	text, smtp := bytes.CutPrefix(l.row.field(c.Diag), []byte("smtp;"))
	if smtp {
		e.Text = bytes.TrimLeft(text, " ")
		e.Code, e.Enhanced, smtp = ParseReply(e.Text)
	}
	if string(kind) == "d" {
		l.delivered(c, e, smtp)
		return
	}
	if string(kind) == "tq" {
		e.Deliveries = 0
	}
	status, _ := ParseEnhanced(l.row.field(c.Status))
	switch {
	case !smtp, e.Remote == nil && c.MTA != noColumn, expired(status, e.Enhanced):
		if e.Deliveries > 0 {
			l.withoutReply(e, causeOfStatus(status))
		}
	case e.Code.Class() < 4:
		l.notUnderstood(shapeDiagnostic)
		return
	default:
		l.emit(e)
	}
}

// delivered reads a row of type d, of which e has what is common to all; smtp
// tells whether it has a reply.
func (l *pmta) delivered(c *powerMTAColumns, e Event, smtp bool) {
	bySMTP := len(e.Addr) > 0 || len(l.row.field(c.SourceIP)) > 0
	if c.DlvType != noColumn {
		bySMTP = string(l.row.field(c.DlvType)) == "smtp"
	}
	switch {
	case !bySMTP && !smtp:
		l.withoutReply(e, CauseLocal)
		return
	case !smtp:
		e.Code, e.Implied, e.Text = 250, true, nil
	case e.Code.Class() != 2:
		l.notUnderstood(shapeDiagnostic)
		return
	}
	e.Command = EndOfData
	l.emit(e)
}

// withoutReply adds an attempt that no reply ended.
func (l *pmta) withoutReply(e Event, cause Cause) {
	e.Kind, e.Code, e.Enhanced, e.Cause = Delivery, 0, EnhancedCode{}, cause
	l.emit(e)
}

// expired tells whether PowerMTA gave up on a message for its age (X.4.7, RFC
// 3463 §3.5). The reply in such a row ended an earlier attempt, unless the code
// is the server's own.
func expired(status, reply EnhancedCode) bool {
	return status.Subject == 4 && status.Detail == 7 && (reply.Subject != 4 || reply.Detail != 7)
}

// cutMTA reads "mx.example (192.0.2.10)".
func cutMTA(b []byte) (name, addr []byte) {
	name, addr, ok := bytes.Cut(b, []byte(" ("))
	if addr, closed := bytes.CutSuffix(addr, []byte(")")); ok && closed {
		return name, addr
	}
	if len(name) == 0 {
		return nil, nil
	}
	return name, nil
}

// causeOfStatus reads why nobody answered from the status that PowerMTA gave
// (RFC 3463).
func causeOfStatus(status EnhancedCode) Cause {
	switch (EnhancedCode{0, status.Subject, status.Detail}) {
	case EnhancedCode{0, 1, 2}, EnhancedCode{0, 4, 3}, EnhancedCode{0, 4, 4}:
		return CauseDNS
	case EnhancedCode{0, 4, 1}:
		return CauseUnreachable
	case EnhancedCode{0, 4, 2}:
		return CauseLostConnection
	case EnhancedCode{0, 4, 6}:
		return CauseLoop
	}
	return CauseOther
}
