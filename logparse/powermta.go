package logparse

import "bytes"

// PowerMTA writes accounting files (acct-file) of comma-separated values. The first
// row names the columns, which are configured (record-fields). Its source is not
// public: the grammar is that of the user guide (4.0, section 11) and of files that
// others published.
//
//	type,timeLogged,...,rcpt,...,dsnStatus,dsnDiag,dsnMta,bounceCat,...
//	d,2026-11-23 14:18:21+0100,...,relayed,2.0.0 (success),smtp;250 2.0.0 Ok,mx.example (192.0.2.10),...
//	b,2026-11-23 14:18:22+0100,...,failed,5.1.1 (bad destination mailbox address),smtp;550 5.1.1 no such user,mx.example (192.0.2.10),...
//	b,2026-11-23 14:18:23+0100,...,failed,5.1.2 (bad destination system: no such domain),,,bad-domain,...
//
// A row is an attempt to one recipient (d delivered, b bounced, t deferred), or says
// that a host deferred a whole queue (tq). dsnDiag is the reply, dsnMta the server
// that gave it; without a dsnMta, PowerMTA gave up by itself. Each row counts as a
// reply of its own: a row does not show that one reply answered several recipients
// of a message, so that the one at end of data counts once for each recipient. It
// does not show the command either; only an acceptance is known to be at end of
// data.
//
// Rows of other types have no event, since none is a reply that went over the wire
// once: r (a recipient of a received message: one reply may have several), rb and rs
// (bounces and reports that came as mail, with others' replies in them) and f
// (feedback).
//
// The virtual MTA that sends (vmta, or its pool) is the program: pmta/vmta1.
//
// The 250 of a d row without a reply in dsnDiag is implied if SMTP delivered it
// (dlvType smtp or, without that column, an address at either end of a
// connection). Bounces for age (X.4.7) quote the reply to an earlier attempt.

const (
	shapePowerMTAColumns    = "columns"    // no header was seen, and the columns are not those of the default
	shapePowerMTADiagnostic = "diagnostic" // dsnDiag has a reply of another class than the row's type
)

var powerMTA = mtaSpec{
	name:     "powermta",
	program:  []byte("pmta"),
	ownsForm: powerMTAOwnsForm,
	shapes:   []string{shapePowerMTAColumns, shapePowerMTADiagnostic},
	new:      newPowerMTA,
}

type powerMTALog struct {
	*line
	row     csvRecord
	columns cell[powerMTAColumns] // of the last header
	senders cell[powerMTASenders] // of the last header
	name    []byte                // of the row's program
}

func newPowerMTA(l *line) grammar {
	return &powerMTALog{line: l}
}

func (l *powerMTALog) tables() []remembered { return []remembered{&l.columns, &l.senders} }

// powerMTAColumns are the places of columns in a row of N.
type powerMTAColumns struct {
	N                                     uint16
	TimeLogged, Status, Diag, MTA, Action uint8
	DlvType, SourceIP, DestinationIP      uint8
}

// powerMTASenders are the places of the columns that name a virtual MTA; 0, that of
// the type, for none.
type powerMTASenders struct{ VMTA, Pool uint8 }

// The columns of version 4.0 by default; earlier ones have no vmtaPool:
//
//	type,timeLogged,timeQueued,orig,rcpt,orcpt,dsnAction,dsnStatus,dsnDiag,dsnMta,bounceCat,srcType,srcMta,
//	dlvType,dlvSourceIp,dlvDestinationIp,dlvEsmtpAvailable,dlvSize,vmta,jobId,envId,queue,vmtaPool
var defaultPowerMTAColumns = powerMTAColumns{
	N: 22, TimeLogged: 1, Action: 6, Status: 7, Diag: 8, MTA: 9, DlvType: 13, SourceIP: 14, DestinationIP: 15,
}

var defaultPowerMTASenders = powerMTASenders{VMTA: 18, Pool: 22}

// powerMTAOwnsForm reports whether a message is a header, or a row with a known type.
func powerMTAOwnsForm(env *Envelope) bool {
	message := env.Message
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

func (l *powerMTALog) parse() {
	l.row.parse(l.message)
	switch kind := string(l.row.field(0)); kind {
	case "type":
		l.header()
	case "d", "b", "t", "tq":
		c := l.rowColumns()
		if c == nil {
			l.notUnderstood(shapePowerMTAColumns)
			return
		}
		l.env.Time, _, _ = cutRFC3339(l.row.field(c.TimeLogged))
		l.nameProgram(c)
		l.attempt(c, kind)
	}
}

// nameProgram sets the row's program to "pmta/VMTA".
func (l *powerMTALog) nameProgram(c *powerMTAColumns) {
	places := l.senders.value
	if c == &defaultPowerMTAColumns {
		places = defaultPowerMTASenders
	}
	for _, column := range [...]uint8{places.VMTA, places.Pool} {
		if name := l.row.field(column); column > 0 && len(name) > 0 {
			l.name = append(append(l.name[:0], "pmta/"...), name...)
			l.program = l.name
			return
		}
	}
}

// rowColumns returns the columns of the row: those of the last header if the row has
// as many, else the default if the row fits it; nil for any other.
func (l *powerMTALog) rowColumns() *powerMTAColumns {
	if c := &l.columns.value; int(c.N) == l.row.n {
		return c
	}
	if l.hasDefaultColumns() {
		return &defaultPowerMTAColumns
	}
	return nil
}

// header reads the row that names the columns.
func (l *powerMTALog) header() {
	r := &l.row
	l.columns.value = powerMTAColumns{
		N:             uint16(min(r.n, 1<<16-1)),
		TimeLogged:    r.column("timeLogged"),
		Action:        r.column("dsnAction"),
		Status:        r.column("dsnStatus"),
		Diag:          r.column("dsnDiag"),
		MTA:           r.column("dsnMta"),
		DlvType:       r.column("dlvType"),
		SourceIP:      r.column("dlvSourceIp"),
		DestinationIP: r.column("dlvDestinationIp"),
	}
	l.senders.value = powerMTASenders{VMTA: r.column("vmta"), Pool: r.column("vmtaPool")}
}

// hasDefaultColumns reports whether each column that matters has a value as in a
// row with the default columns. The row may have more columns behind them.
func (l *powerMTALog) hasDefaultColumns() bool {
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
	status := l.row.field(c.Status)
	diag := l.row.field(c.Diag)
	mta := l.row.field(c.MTA)
	_, n := ParseEnhanced(status)
	return (n > 0 || len(status) == 0) &&
		(len(diag) == 0 || bytes.IndexByte(diag, ';') > 0) &&
		(len(mta) == 0 || bytes.HasSuffix(mta, []byte(")")))
}

// attempt reads a row of type d, b, t or tq.
func (l *powerMTALog) attempt(c *powerMTAColumns, kind string) {
	e := Event{Direction: Received, Deliveries: 1}
	e.Remote, e.Addr = cutPowerMTAHost(l.row.field(c.MTA))
	if e.Addr == nil {
		e.Addr = l.row.field(c.DestinationIP)
	}
	text, smtp := bytes.CutPrefix(l.row.field(c.Diag), []byte("smtp;"))
	if smtp {
		e.Text = bytes.TrimLeft(text, " ")
		e.Code, e.Enhanced, smtp = ParseReply(e.Text)
	}
	if kind == "d" {
		l.delivered(c, e, smtp)
		return
	}
	if kind == "tq" {
		e.Deliveries = 0
	}
	status, _ := ParseEnhanced(l.row.field(c.Status))
	switch {
	case !smtp, e.Remote == nil && c.MTA != noColumn, powerMTAExpired(status, e.Enhanced):
		if e.Deliveries > 0 {
			l.withoutReply(e, powerMTACause(status))
		}
	case e.Code.Class() < 4:
		l.notUnderstood(shapePowerMTADiagnostic)
	default:
		l.emit(e)
	}
}

// delivered reads a row of type d. e has what all types have in common, and smtp says
// whether that is a reply.
func (l *powerMTALog) delivered(c *powerMTAColumns, e Event, smtp bool) {
	bySMTP := len(e.Addr) > 0 || len(l.row.field(c.SourceIP)) > 0
	if c.DlvType != noColumn {
		bySMTP = string(l.row.field(c.DlvType)) == "smtp"
	}
	switch {
	case !bySMTP && !smtp:
		l.withoutReply(e, CauseLocal)
		return
	case !smtp:
		e.Code = 250
		e.Implied = true
		e.Text = nil
	case e.Code.Class() != 2:
		l.notUnderstood(shapePowerMTADiagnostic)
		return
	}
	e.Command = EndOfData
	l.emit(e)
}

// withoutReply adds an attempt that no reply ended.
func (l *powerMTALog) withoutReply(e Event, cause Cause) {
	e.Kind = Delivery
	e.Cause = cause
	e.Code = 0
	e.Enhanced = EnhancedCode{}
	l.emit(e)
}

// powerMTAExpired reports whether PowerMTA gave up on a message for its age (X.4.7,
// RFC 3463 §3.5). The reply in such a row ended an earlier attempt, unless the code
// is the server's own.
func powerMTAExpired(status, reply EnhancedCode) bool {
	return status.Subject == 4 && status.Detail == 7 && (reply.Subject != 4 || reply.Detail != 7)
}

// cutPowerMTAHost reads "mx.example (192.0.2.10)".
func cutPowerMTAHost(b []byte) (name, addr []byte) {
	name, addr, _ = bytes.Cut(b, []byte(" ("))
	if addr, closed := bytes.CutSuffix(addr, []byte(")")); closed {
		return name, addr
	}
	if len(name) == 0 {
		return nil, nil
	}
	return name, nil
}

// powerMTACause returns why nobody answered, by the status that PowerMTA gave (RFC
// 3463).
func powerMTACause(status EnhancedCode) Cause {
	status.Class = 0
	switch status {
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
