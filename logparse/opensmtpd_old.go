package logparse

import "bytes"

// sentence reads a line of a version before 6.0, if it is one (smtp_session.c,
// mta_session.c and mta.c of 5.3 to 5.9):
//
//	smtp-in: ... on session ID...      a session with a client
//	smtp-out: Connecting to ...        one with another server
//	relay: RESULT for ID: session=...  a delivery to it
//	delivery: RESULT for ID: ...       a delivery by a command of this host
func (l *openSMTPD) sentence(process *openSMTPDProcess) bool {
	role, rest, _ := bytes.Cut(l.message, []byte(": "))
	switch string(role) {
	case "smtp-in":
		l.oldServer(process, rest)
	case "smtp-out":
		if rest, ok := bytes.CutPrefix(rest, []byte("Connecting to ")); ok {
			l.oldConnecting(rest)
		}
	case "relay":
		l.oldDelivery(process, rest)
	case "delivery":
		if _, _, ok := cutOpenSMTPDOldResult(rest); ok {
			l.emit(Event{Kind: Delivery, Direction: Received, Deliveries: 1, Cause: CauseLocal})
		}
	default:
		return false
	}
	return true
}

// oldServer reads what follows "smtp-in: ":
//
//	New session ID from host NAME [ADDR]
//	Accepted authentication for user USER on session ID
//	Accepted message MSGID on session ID: from=<ADDR>, to=<ADDR>, size=N, ...
//	Failed command on session ID: "COMMAND" => REPLY
//	Bad input on session ID: REPLY
func (l *openSMTPD) oldServer(process *openSMTPDProcess, b []byte) {
	if rest, ok := bytes.CutPrefix(b, []byte("New session ")); ok {
		id, rest := cutOpenSMTPDID(rest)
		client, ok := bytes.CutPrefix(rest, []byte(" from host "))
		if name, addr, found := bytes.Cut(client, []byte(" [")); id != nil && ok && found {
			l.connected(id, name, bytes.TrimSuffix(addr, []byte("]")))
		}
	} else if rest, ok := bytes.CutPrefix(b, []byte("Accepted authentication for user ")); ok {
		const before = " on session "
		i := bytes.LastIndex(rest, []byte(before))
		if i < 0 {
			return
		}
		if id, rest := cutOpenSMTPDID(rest[i+len(before):]); id != nil && len(rest) == 0 {
			l.loggedIn(id)
		}
	} else if rest, ok := bytes.CutPrefix(b, []byte("Accepted message ")); ok {
		message, rest, _ := bytes.Cut(rest, []byte(" on session "))
		if id, _ := cutOpenSMTPDID(rest); id != nil {
			l.accepted(process, id, message)
		}
	} else if rest, ok := bytes.CutPrefix(b, []byte("Failed command on session ")); ok {
		l.oldFailedCommand(rest)
	} else if rest, ok := bytes.CutPrefix(b, []byte("Bad input on session ")); ok {
		id, rest := cutOpenSMTPDID(rest)
		reply, ok := bytes.CutPrefix(rest, []byte(": "))
		if id == nil || !ok {
			l.notUnderstood(shapeOpenSMTPDFailed)
			return
		}
		l.answered(id, nil, reply)
	}
}

// oldFailedCommand reads what follows "Failed command on session ". As in later
// versions, quotes in the command are not escaped.
func (l *openSMTPD) oldFailedCommand(b []byte) {
	id, rest := cutOpenSMTPDID(b)
	command, ok := bytes.CutPrefix(rest, []byte(`: "`))
	if id == nil || !ok {
		l.notUnderstood(shapeOpenSMTPDFailed)
		return
	}
	const separator = `" => `
	i := bytes.LastIndex(command, []byte(separator))
	if i < 0 {
		l.refused(id, nil, nil)
		return
	}
	l.answered(id, command[:i], command[i+len(separator):])
}

// oldConnecting reads what follows "Connecting to ":
//
//	SCHEME://ADDR:PORT (NAME) on session ID...
func (l *openSMTPD) oldConnecting(b []byte) {
	scheme, b, _ := bytes.Cut(b, []byte("://"))
	addr, b, _ := bytes.Cut(b, []byte(" ("))
	name, b, _ := bytes.Cut(b, []byte(") on session "))
	id, _ := cutOpenSMTPDID(b)
	if i := bytes.LastIndexByte(addr, ':'); id != nil && i > 0 {
		l.connected(id, name, addr[:i])
		l.session(id).LMTP = string(scheme) == "lmtp"
	}
}

// cutOpenSMTPDOldResult reads "RESULT for ID: ".
func cutOpenSMTPDOldResult(b []byte) (d openSMTPDDelivery, rest []byte, ok bool) {
	d.result, b, ok = bytes.Cut(b, []byte(" for "))
	d.envelope, b = cutOpenSMTPDID(b)
	b, colon := bytes.CutPrefix(b, []byte(": "))
	return d, b, ok && colon && d.judge()
}

// oldDelivery reads what follows "relay: ":
//
//	TempFail for ID: session=ID, from=<ADDR>, to=<ADDR>, rcpt=<ADDR>, source=ADDR, relay=ADDR (NAME), delay=1s, stat=REPLY
func (l *openSMTPD) oldDelivery(process *openSMTPDProcess, b []byte) {
	var relay, id []byte
	d, b, ok := cutOpenSMTPDOldResult(b)
	if bytes.HasPrefix(b, []byte("from=<")) {
		return // Expire: the end in the queue, of no session (to.c, log_envelope())
	}
	b, fields := cutOpenSMTPDFields(b, []openSMTPDField{
		{"session=", &id, ", "},
		{"from=<", nil, ">, "},
		{"to=<", nil, ">, "},
		{"rcpt=<", nil, ">, "},
		{"source=", nil, ", "},
		{"relay=", &relay, ", "},
		{"delay=", nil, ", "},
	})
	var found bool
	d.status, found = bytes.CutPrefix(b, []byte("stat="))
	if !ok || !fields || !found || !d.setRelay(relay) {
		l.notUnderstood(shapeOpenSMTPDDelivery)
		return
	}
	l.delivered(process, id, d)
}
