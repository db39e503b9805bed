package logparse

import "bytes"

// server reads what courieresmtpd refused, from the client's address on. The
// command may hold a password and is never kept.
//
//	IP[,port=N][,ident=USER],from=<SENDER>[,to=<RECIPIENT>]: REPLY
//	IP[,port=N][,ident=USER],msg="REPLY",cmd: COMMAND
func (l *courier) server(b []byte) {
	i := bytes.IndexByte(b, ',')
	if i < 0 {
		l.notUnderstood(shapeCourierServer)
		return
	}
	client, rest := unmapped(b[:i]), b[i:]
	if port, ok := bytes.CutPrefix(rest, []byte(",port=")); ok {
		_, rest = cutNumber(port)
	}
	if ident, ok := bytes.CutPrefix(rest, []byte(",ident=")); ok {
		rest = skipIdent(ident)
	}
	e := Event{Kind: Reply, Direction: Sent, Remote: client, Addr: client}
	var command []byte
	said, given := bytes.CutPrefix(rest, []byte(`,msg="`))
	if given {
		e.Text, command, _ = bytes.Cut(said, []byte(`"`))
		command = bytes.TrimPrefix(command, []byte(",cmd: "))
	} else {
		var from, to bool
		_, rest, from = cutCourierAddress(rest, ",from=<")
		_, rest, to = cutCourierAddress(rest, ",to=<")
		if e.Text, given = bytes.CutPrefix(rest, []byte(": ")); !from || !given {
			l.notUnderstood(shapeCourierServer)
			return
		}
		e.Command = Rcpt
		if !to {
			e.Command = commandOfRefusal(e.Text)
		}
	}
	var ok bool
	if e.Code, e.Enhanced, ok = ParseReply(e.Text); !ok {
		l.notUnderstood(shapeCourierServer)
		return
	}
	switch {
	case e.Code == 535: // in answer to a line of base64, too
		e.Command = Auth
	case len(command) > 0:
		e.Command = commandOf(command)
	}
	e.Dialogue = e.Code.Class() < 4

	// The same client and addresses.
	a := l.attempts.put(l.messageKey(b[:len(b)-len(rest)]))
	e.Repeat = a.Open && a.Code == e.Code
	a.Code, a.Open = e.Code, len(e.Text) > 3 && e.Text[3] == '-'
	l.emit(e)
}

// skipIdent passes over the name that the client's own identd gave, in quotes
// where it holds more than letters and digits.
func skipIdent(b []byte) []byte {
	if quoted, ok := bytes.CutPrefix(b, []byte(`"`)); ok {
		_, rest, _ := bytes.Cut(quoted, []byte(`"`))
		return rest
	}
	if i := bytes.IndexByte(b, ','); i >= 0 {
		return b[i:]
	}
	return nil
}

// commandOfRefusal returns the command that submit refused with no recipient
// given: MAIL if it did not like the sender, or the end of data.
func commandOfRefusal(text []byte) Command {
	for i := range courierRefusals {
		if bytes.HasPrefix(text, []byte(courierRefusals[i].before)) {
			return courierRefusals[i].command
		}
	}
	return NoCommand
}

var courierRefusals = []struct {
	before  string
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
