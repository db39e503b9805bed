package logparse

import "bytes"

// trace reads a line of dialogue, which "smtpd -T smtp" and "-T mta" log, or
// smtpctl(8) trace. It counts the positive replies, and those of other servers to
// EHLO, STARTTLS, AUTH, RSET and QUIT. The same process also logs the other replies
// in lines that name the host, which count.
//
//	smtp: 0x55d0: <<< RCPT TO:<ann@dest.example>
//	smtp: 0x55d0: >>> 250 2.1.5 Destination address valid: Recipient ok
//	mta: 0x55d0: >>> DATA
//	mta: 0x55d0: <<< 354 go ahead
//	mta: 0x55d0: MTA_INIT -> MTA_BANNER
func (l *openSMTPD) trace(process *openSMTPDProcess) {
	role, rest, _ := bytes.Cut(l.message, []byte(": "))
	pointer, text, ok := bytes.Cut(rest, []byte(": "))
	isClient := string(role) == "mta"
	if !ok || !isClient && string(role) != "smtp" {
		return
	}
	key := l.process().add(role).add(pointer)
	ours, isOurs := bytes.CutPrefix(text, []byte(">>> "))
	theirs, isTheirs := bytes.CutPrefix(text, []byte("<<< "))
	switch {
	case isClient && isOurs && bytes.HasPrefix(ours, []byte("[...")): // bytes of a message
	case isClient && isOurs:
		l.traced(key).command(ours)
	case isClient && isTheirs:
		e, ok := l.traced(key).reply(theirs, isFirstOfMany(theirs))
		if !ok {
			return
		}
		e.Direction = Received
		process.Traced = e.Code
		switch e.Command {
		case EndOfData:
			e.Repeat = true
		case Mail, Rcpt, Data:
			e.Repeat = e.Repeat || !e.Dialogue
		}
		l.emit(e)
	case isTheirs:
		l.traced(key).command(theirs)
	case isOurs:
		e, ok := l.traced(key).reply(ours, isFirstOfMany(ours))
		if !ok {
			return
		}
		e.Direction = Sent
		e.Repeat = e.Repeat || !e.Dialogue || e.Code == 235
		l.emit(e)
	case bytes.HasSuffix(text, []byte("-> MTA_INIT")), bytes.HasSuffix(text, []byte("-> STATE_CONNECTED")):
		*l.dialogues.put(key) = dialogue{} // a new session, maybe at an old one's place
	}
}

// traced returns the dialogue of a session, whose beginning may be missing.
func (l *openSMTPD) traced(key hash) *dialogue {
	d := l.dialogues.get(key)
	if d == nil {
		d = l.dialogues.put(key)
		d.Joined = true
	}
	return d
}
