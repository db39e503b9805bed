package logparse

import "bytes"

// server adds what courieresmtpd refused, from the client's address on.
func (l *courier) server(b []byte) {
	r, ok := cutCourierRefusal(b)
	if !ok {
		l.notUnderstood(shapeCourierServer)
		return
	}
	e := Event{
		Kind: Reply, Direction: Sent, Command: r.command, Remote: r.client, Addr: r.client, Text: r.text,
	}
	e.Said = untilWords(r.text, "DNS lookup failure: ", "Domain does not exist: ") // the sender's
	e.Code, e.Enhanced, ok = ParseReply(r.text)
	if bytes.HasPrefix(r.text, []byte("writev: ")) || bytes.HasPrefix(r.text, []byte("write: ")) {
		return // the system's word: the client is gone
	}
	if !ok {
		l.notUnderstood(shapeCourierServer)
		return
	}
	if e.Code == 535 { // in answer to a line of base64, too
		e.Command = Auth
	}
	e.Dialogue = e.Code.Class() < 4
	a := l.attempts.put(l.messageKey(r.envelope))
	e.Repeat = a.Open && a.Code == e.Code
	a.Code, a.Open = e.Code, isFirstOfMany(r.text)
	l.emit(e)
}

// A courierRefusal is a line of courieresmtpd.
type courierRefusal struct {
	client   []byte
	envelope []byte // client, port and addresses
	command  Command
	text     []byte // a line of the reply
}

// cutCourierRefusal reads a refusal. The command may hold a password and is never
// kept.
//
//	IP[,port=N][,ident=USER],from=<SENDER>[,to=<RECIPIENT>]: REPLY
//	IP[,port=N][,ident=USER],msg="REPLY",cmd: COMMAND
func cutCourierRefusal(b []byte) (r courierRefusal, ok bool) {
	i := bytes.IndexByte(b, ',')
	if i < 0 {
		return r, false
	}
	r.client = courierUnmapped(b[:i])
	rest := b[i:]
	if port, ok := bytes.CutPrefix(rest, []byte(",port=")); ok {
		_, rest = cutNumber(port)
	}
	if ident, ok := bytes.CutPrefix(rest, []byte(",ident=")); ok {
		_, rest = cutCourierIdent(ident)
	}
	if msg, ok := bytes.CutPrefix(rest, []byte(`,msg="`)); ok {
		text, command, _ := bytes.Cut(msg, []byte(`"`))
		command = bytes.TrimPrefix(command, []byte(",cmd: "))
		if len(command) > 0 {
			r.command = commandOf(command)
		}
		r.text = text
		r.envelope = b[:len(b)-len(rest)]
		return r, true
	}
	_, rest, from := cutCourierAddress(rest, ",from=<")
	_, rest, to := cutCourierAddress(rest, ",to=<")
	r.envelope = b[:len(b)-len(rest)]
	r.text, ok = bytes.CutPrefix(rest, []byte(": "))
	r.command = Rcpt
	if !to {
		r.command = courierCommandOf(r.text)
	}
	return r, from && ok
}

// cutCourierIdent reads the name that the client's own identd gave, in quotes where
// it holds more than letters and digits.
func cutCourierIdent(b []byte) (user, rest []byte) {
	if quoted, ok := bytes.CutPrefix(b, []byte(`"`)); ok {
		user, rest, _ = bytes.Cut(quoted, []byte(`"`))
		return user, rest
	}
	i := bytes.IndexByte(b, ',')
	if i < 0 {
		return b, nil
	}
	return b[:i], b[i:]
}

// courierCommandOf returns the command that submit refused in a line without a
// recipient: MAIL if it did not like the sender, or the end of data.
func courierCommandOf(text []byte) Command {
	for i := range courierRefusals {
		if bytes.HasPrefix(text, []byte(courierRefusals[i].prefix)) {
			return courierRefusals[i].command
		}
	}
	return NoCommand
}

var courierRefusals = []struct {
	prefix  string
	command Command
}{
	{"417 ", Mail},
	{"517 ", Mail},
	{"517-", Mail},
	{"523 Message length ", EndOfData},
	{"534 Message header size ", EndOfData},
	{"546 Routing loop detected ", EndOfData},
	{"550 Message MIME complexity ", EndOfData},
	{"550 Spam refused.", EndOfData},
	{"432 Mail filters temporarily unavailable", EndOfData},
}
