package logparse

import "bytes"

// Cisco's Email Security Appliance (IronPort) writes its mail_logs to files, or
// sends them to syslog by the name of the log. AsyncOS is closed: the forms are
// those of its user guide and of public lines.
//
//	Mon Nov 23 14:18:21 2026 Info: New SMTP DCID 8 interface 198.51.100.1 address 192.0.2.10 port 25
//	Mon Nov 23 14:18:21 2026 Info: Delivery start DCID 8 MID 6 to RID [0]
//	<22>Nov 23 14:18:22 esa1 mail_logs: Info: MID 6 RID [0] Response '2.0.0 Ok'
//
// A client's connection has an ICID, one to a server a DCID; a message has a MID,
// and its recipients have RIDs. A Response is the 250 at end of data, whose code the
// line leaves out: it is implied. The reply to a failed delivery stands on a line for
// each recipient, without its command. One refusal of a message to several recipients
// looks like a refusal of each of them: all count, and none is a repeat.
//
// The log does not show the codes that clients get, the acceptance of a message, or
// the dialogue. The bounce log and the debug logs hold the same replies again.

// The forms of lines that look as if they show a reply.
const (
	shapeESADelivery = "delivery"       // Bounced: DCID n MID n ...
	shapeESAResponse = "response"       // MID n RID [n] Response ...
	shapeESAInternal = "internal_error" // Internal SMTP Error: ...
)

var esaMTA = mtaSpec{
	name:        "cisco_esa",
	program:     []byte("mail_logs"),
	ownsProgram: func(program []byte) bool { return bytes.HasPrefix(program, []byte("mail_logs")) },
	ownsForm:    esaOwnsForm,
	shapes:      []string{shapeESADelivery, shapeESAResponse, shapeESAInternal},
	new:         newESA,
}

// esa is a line of mail_logs, and what is remembered between its lines.
type esa struct {
	*line
	text        []byte         // of a reply, with its code
	connections table[esaPeer] // by ICID or DCID
	deliveries  table[esaPeer] // by MID and RIDs
}

// An esaPeer is the other end of a connection. Its fields are exported for
// encoding/binary.
type esaPeer struct {
	Addr          address
	Authenticated bool
}

func (p *esaPeer) valid() bool { return p.Addr.valid() }

func newESA(l *line) grammar {
	return &esa{line: l, connections: newTable[esaPeer](4096), deliveries: newTable[esaPeer](4096)}
}

func (l *esa) tables() []remembered { return []remembered{&l.connections, &l.deliveries} }

// esaOwnsForm reports whether a message is a line of mail_logs:
//
//	Mon Nov 23 14:18:21 2026 Info: ...
func esaOwnsForm(env *Envelope) bool {
	b := env.Message
	if len(b) < len("Mon Nov 23 14:18:21 2026 Info: ") || b[3] != ' ' || b[7] != ' ' || b[10] != ' ' ||
		!isClock(b[11:]) || b[19] != ' ' || !isYear(b[20:]) {
		return false
	}
	switch string(b[:3]) {
	case "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun":
		return cutESALevel(b[25:]) != nil
	}
	return false
}

// cutESALevel drops the level at the start of b; nil if there is none.
func cutESALevel(b []byte) []byte {
	for _, level := range [...]string{"Info: ", "Warning: ", "Critical: ", "Information: ", "Debug: ", "Trace: "} {
		if rest, ok := bytes.CutPrefix(b, []byte(level)); ok {
			return rest
		}
	}
	return nil
}

func (l *esa) parse() {
	message := l.message
	if l.env.Program == nil {
		l.env.Time = Timestamp{timeSyslog, message[4:24]}
		message = message[25:]
	}
	message = cutESALevel(message)
	for i := range esaLines {
		if rest, ok := bytes.CutPrefix(message, []byte(esaLines[i].before)); ok {
			esaLines[i].read(l, rest)
			return
		}
	}
}

var esaLines = []struct {
	before string
	read   func(l *esa, rest []byte)
}{
	{"MID ", (*esa).messageLine},
	{"ICID ", (*esa).clientLine},
	{"New SMTP ", (*esa).connected},
	{"Delivery start DCID ", (*esa).started},
	{"Bounced: ", (*esa).failed},
	{"Delayed: ", (*esa).failed},
	{"Double bounce: ", (*esa).doubleBounced},
	{"SMTP Auth: (ICID ", (*esa).login},
	{"SMTP Auth (ICID ", (*esa).login}, // of old versions
	{"Internal SMTP Error: ", (*esa).internalError},
}

// connection is the key of an ICID or DCID.
func (l *esa) connection(kind string, id []byte) hash {
	return l.seed.add(l.env.Host).add([]byte(kind)).add(id)
}

// delivery is the key of recipients of a message, as "[0, 1]".
func (l *esa) delivery(mid, rids []byte) hash {
	return l.seed.add(l.env.Host).add(mid).add(rids)
}

// connected reads what follows "New SMTP ":
//
//	ICID 5 interface Management (198.51.100.1) address 192.0.2.7 reverse dns host pc.example verified yes
//	DCID 8 interface 198.51.100.1 address 192.0.2.10 port 25
func (l *esa) connected(b []byte) {
	kind := "ICID"
	rest, ok := bytes.CutPrefix(b, []byte("ICID "))
	if !ok {
		kind = "DCID"
		rest, ok = bytes.CutPrefix(b, []byte("DCID "))
		if !ok {
			return
		}
	}
	id, rest := cutDigits(rest)
	_, rest, ok = bytes.Cut(rest, []byte(" address "))
	if !ok || id == nil {
		return
	}
	addr, _, _ := bytes.Cut(rest, []byte(" "))
	p := l.connections.put(l.connection(kind, id))
	*p = esaPeer{}
	p.Addr.set(addr)
}

// started reads what follows "Delivery start DCID ":
//
//	8 MID 6 to RID [0]
func (l *esa) started(b []byte) {
	dcid, b := cutDigits(b)
	b, ok := bytes.CutPrefix(b, []byte(" MID "))
	mid, b := cutDigits(b)
	b, to := bytes.CutPrefix(b, []byte(" to RID "))
	rids, n, _ := cutESARecipients(b)
	if p := l.connections.get(l.connection("DCID", dcid)); ok && to && n > 0 && p != nil {
		*l.deliveries.put(l.delivery(mid, rids)) = *p
	}
}

// clientLine reads the refusals among the lines of a client, after "ICID ":
//
//	5 REJECT SG BLOCKLIST match sbrs[-10.0:-3.0] SBRS -5.0
//	5 Address: <a@src.example> sender rejected, envelope sender domain could not be resolved
//	5 Receiving Failed: Message loop
func (l *esa) clientLine(b []byte) {
	icid, b := cutDigits(b)
	switch {
	case bytes.HasPrefix(b, []byte(" REJECT ")):
		l.refused(icid, Connect)
	case bytes.HasPrefix(b, []byte(" Receiving Failed: ")):
		l.refused(icid, NoCommand)
	case bytes.HasPrefix(b, []byte(" Address: <")) && bytes.HasPrefix(afterESAAddress(b), []byte(" sender rejected")):
		l.refused(icid, Mail)
	}
}

// login reads what follows the bracket and "ICID ":
//
//	SMTP Auth: (ICID 5) failed for user: ann using AUTH mechanism: LOGIN with profile: ldap_smtp
func (l *esa) login(b []byte) {
	icid, b := cutDigits(b)
	switch {
	case bytes.HasPrefix(b, []byte(") failed ")):
		l.refused(icid, Auth)
	case bytes.HasPrefix(b, []byte(") succeeded ")):
		if p := l.connections.get(l.connection("ICID", icid)); p != nil {
			p.Authenticated = true
		}
	}
}

// refused adds the event of a refusal, whose code is configured.
func (l *esa) refused(icid []byte, command Command) {
	e := Event{Kind: Refusal, Direction: Sent, Command: command}
	if p := l.connections.get(l.connection("ICID", icid)); p != nil {
		e.Addr = p.Addr.bytes()
		e.Authenticated = p.Authenticated
	}
	l.emit(e)
}

// afterESAAddress returns what follows the last ">": a stranger's address may hold
// one, but what AsyncOS writes after it does not.
func afterESAAddress(b []byte) []byte { return b[bytes.LastIndexByte(b, '>')+1:] }
