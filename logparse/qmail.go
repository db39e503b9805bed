package logparse

import "bytes"

// qmail's processes write to their descriptor 2. What multilog makes of it is
// stamped in TAI64N, or by tai64nlocal; splogger gives it to syslog, by the tag
// "qmail". The format is that of qmail-send.c, and of qmail-remote.c, whose words
// it quotes, in netqmail and notqmail:
//
//	@4000000067421f3f1a2b3c4d starting delivery 7: msg 131 to remote ann@dest.example
//	@4000000067421f3f1a2b3c4d delivery 7: failure: 192.0.2.10_does_not_like_recipient./Remote_host_said:_550_no/Giving_up_on_192.0.2.10./
//	2026-11-23 14:18:21.941485500 delivery 8: deferral: CNAME_lookup_failed_temporarily._(#4.4.3)/
//	Nov 23 14:18:21 mx1 qmail: 1795443501.941485 delivery 9: success: did_0+0+1/
//
// Blanks are underlines there and newlines are slashes (qsutil.c, logsafe), so
// that those of a reply cannot be told from them. A code such as (#4.4.1) is
// qmail's own word.
//
// A delivery is one process of qmail-remote with one recipient: no reply is
// shown twice. One that ends with a positive reply which the line lacks is an
// implied 250. qmail-smtpd does not log what it answers; qmail_smtpd.go reads what
// its companions and patches do.

// Other forms of lines than those of deliveries that can be not understood.
const shapeRBL = "rblsmtpd" // rblsmtpd: IP pid N: 451 TEXT

var qmailMTA = mtaSpec{
	name:    "qmail",
	program: []byte("qmail"),
	ownsProgram: func(program []byte) bool {
		return bytes.HasPrefix(program, []byte("qmail")) ||
			string(program) == "rblsmtpd" || string(program) == "spamdyke"
	},
	ownsForm: isQmail,
	shapes:   []string{shapeDelivery, shapeRBL},
	new:      newQmail,
}

// qmail is a line of qmail, and what is remembered between its lines.
type qmail struct {
	*line
	text       []byte                // of a reply, with its blanks
	deliveries table[qmailDelivery]  // by process and number
	recordings table[qmailRecording] // by process and the number that recordio logs
}

// A qmailDelivery is one that has begun. Its fields are exported for
// encoding/binary.
type qmailDelivery struct {
	Local        bool
	RecipientLen uint32
}

func newQmail(l *line) grammar {
	return &qmail{line: l, deliveries: newTable[qmailDelivery](4096), recordings: newTable[qmailRecording](1024)}
}

func (l *qmail) tables() []remembered { return []remembered{&l.deliveries, &l.recordings} }

// qmailLines are how messages begin: what stands before and after a number.
var qmailLines = []struct{ before, after string }{
	{"delivery ", ": "},
	{"starting delivery ", ": msg "},
	{"status: local ", "/"},
	{"new msg ", ""},
	{"info msg ", ": bytes "},
	{"end msg ", ""},
	{"bounce msg ", " qp "},
	{"tcpserver: status: ", "/"},
	{"tcpserver: pid ", " from "},
	{"tcpserver: ok ", " "},
	{"tcpserver: deny ", " "},
	{"tcpserver: end ", " status "},
}

// isQmail tells whether a message that no program is named for is qmail's.
func isQmail(env *Envelope) bool {
	message := env.Message
	for i := range qmailLines {
		if rest, ok := bytes.CutPrefix(message, []byte(qmailLines[i].before)); ok {
			digits, rest := cutDigits(rest)
			return digits != nil && bytes.HasPrefix(rest, []byte(qmailLines[i].after))
		}
	}
	if bytes.HasPrefix(message, []byte("rblsmtpd: ")) || bytes.HasPrefix(message, []byte("qmail-smtpd: ")) ||
		bytes.HasPrefix(message, []byte("CHKUSER ")) {
		return true
	}
	_, _, _, ok := cutQmailRecord(message)
	return ok && env.Time.separated()
}

func (l *qmail) parse() {
	message := cutSplogger(l.message)
	switch string(l.env.Program) {
	case "rblsmtpd":
		l.rblsmtpd(message)
		return
	case "qmail-smtpd":
		l.smtpd(message)
		return
	case "spamdyke":
		l.spamdyke(message)
		return
	}
	if rest, ok := bytes.CutPrefix(message, []byte("delivery ")); ok {
		l.delivery(rest)
		return
	}
	if rest, ok := bytes.CutPrefix(message, []byte("starting delivery ")); ok {
		l.start(rest)
		return
	}
	if rest, ok := bytes.CutPrefix(message, []byte("rblsmtpd: ")); ok {
		l.rblsmtpd(rest)
		return
	}
	l.server(message)
}

// cutSplogger drops the time that splogger.c puts before a message.
func cutSplogger(message []byte) []byte {
	seconds, rest := cutDigits(message)
	if seconds == nil || len(rest) == 0 || rest[0] != '.' {
		return message
	}
	micros, rest := cutDigits(rest[1:])
	if micros == nil || len(rest) == 0 || rest[0] != ' ' {
		return message
	}
	return rest[1:]
}

// start reads what follows "starting delivery ":
//
//	7: msg 131 to remote ann@dest.example
func (l *qmail) start(b []byte) {
	id, b := cutDigits(b)
	b, ok := bytes.CutPrefix(b, []byte(": msg "))
	_, b = cutDigits(b)
	b, to := bytes.CutPrefix(b, []byte(" to "))
	channel, recipient, whole := bytes.Cut(b, []byte(" "))
	if id == nil || !ok || !to || !whole {
		return
	}
	*l.deliveries.put(l.process().add(id)) = qmailDelivery{
		Local: string(channel) == "local", RecipientLen: uint32(len(recipient)),
	}
}

// delivery reads what follows "delivery " (qmail-send.c, del_dochan):
//
//	7: success: TEXT
//	7: report mangled, will defer
func (l *qmail) delivery(b []byte) {
	id, b := cutDigits(b)
	b, ok := bytes.CutPrefix(b, []byte(": "))
	if id == nil || !ok {
		l.notUnderstood(shapeDelivery)
		return
	}
	var begun qmailDelivery
	key := l.process().add(id)
	started := l.deliveries.get(key)
	if started != nil {
		begun = *started
		l.deliveries.remove(key)
	}
	verdict, text, ok := bytes.Cut(b, []byte(": "))
	success := string(verdict) == "success"
	e := Event{Kind: Delivery, Direction: Received, Deliveries: 1, Text: text}
	switch {
	case string(b) == "report mangled, will defer":
		e.Cause, e.Text = CauseSystem, b
	case !ok || !success && string(verdict) != "deferral" && string(verdict) != "failure":
		l.notUnderstood(shapeDelivery)
		return
	case begun.Local:
		e.Cause = CauseLocal
	default:
		l.remote(e, success, begun.RecipientLen, started != nil)
		return
	}
	l.emit(e)
}

// remote reads the words of qmail-remote.c, a sentence a line, of which patches
// put some before its own. The recipient, which one of them names, is skipped by
// its length: it is a stranger's, and may look like a sentence.
//
//	[SENTENCE./]...[<RECIPIENT>_]192.0.2.10_does_not_like_recipient./Remote_host_said:_REPLY/Giving_up_on_192.0.2.10./
func (l *qmail) remote(e Event, success bool, recipientLen uint32, started bool) {
	text := e.Text
	for own := true; len(text) > 0; own = false {
		if rest, ok := bytes.CutPrefix(text, []byte("User_and_password_not_set,_continuing_without_authentication./")); ok {
			text = rest
		}
		if bytes.HasPrefix(text, []byte("<")) {
			var ok bool
			if text, ok = skipQmailRecipient(text, recipientLen, started); !ok {
				l.notUnderstood(shapeDelivery)
				return
			}
		}
		if cause := qmailCause(text); cause != NoCause {
			e.Cause = cause
			break
		}
		sentence, rest, _ := bytes.Cut(text, []byte("/"))
		said, isSaid := bytes.CutPrefix(rest, []byte("Remote_host_said:_"))
		addr, command, ok := qmailIntroduction(sentence)
		switch {
		case ok && isSaid && (own || !bytes.Contains(said, []byte("Remote_host_said:_"))):
			l.said(e, said, success, addr, command)
			return
		case isSaid:
			l.notUnderstood(shapeDelivery)
			return
		case ok && success && command == EndOfData && len(rest) == 0:
			e.Kind, e.Code, e.Implied, e.Command = Reply, 250, true, command
			e.Remote, e.Addr, e.Text = addr, addr, nil
			l.emit(e)
			return
		}
		text = rest
	}
	if e.Cause == NoCause {
		e.Cause = CauseOther
		if success && !started { // qmail-remote's success is known: a command's of a .qmail file
			e.Cause = CauseLocal
		}
	}
	l.emit(e)
}

// skipQmailRecipient passes over "<RECIPIENT>_". Where the recipient's length is
// not known, ok is false if it may end in two places.
func skipQmailRecipient(text []byte, length uint32, started bool) (rest []byte, ok bool) {
	if end := int(length) + 1; started && end < len(text) && text[end] == '>' {
		return bytes.TrimPrefix(text[end+1:], []byte("_")), true
	}
	recipient, rest, ok := bytes.Cut(text, []byte(">_"))
	if !ok || bytes.IndexByte(recipient, '@') < 0 {
		return nil, false
	}
	for _, again, more := bytes.Cut(rest, []byte(">_")); more; _, again, more = bytes.Cut(again, []byte(">_")) {
		sentence, _, _ := bytes.Cut(again, []byte("/"))
		if _, _, is := qmailIntroduction(sentence); is || qmailCause(again) != NoCause {
			return nil, false
		}
	}
	return rest, true
}

// said adds the reply that a server ended a delivery with. A positive one does
// not: it is that to STARTTLS, after which the handshake failed.
func (l *qmail) said(e Event, said []byte, success bool, addr []byte, command Command) {
	reply := e
	reply.Kind, reply.Remote, reply.Addr, reply.Command = Reply, addr, addr, command
	reply.Text = l.unsafe(said)
	var ok bool
	if reply.Code, reply.Enhanced, ok = ParseReply(reply.Text); !ok || success != (command == EndOfData && reply.Code.Class() < 4) {
		l.notUnderstood(shapeDelivery)
		return
	}
	if !success && reply.Code.Class() < 4 {
		reply.Deliveries, reply.Dialogue = 0, true
		l.emit(reply)
		e.Cause, e.Remote, e.Addr = CauseOther, addr, addr
		if command == StartTLS {
			e.Cause = CauseTLS
		}
		reply = e
	}
	l.emit(reply)
}

// unsafe undoes logsafe as far as can be, and drops qmail's own last words.
// A slash before the reply's code or at the end is a newline.
func (l *qmail) unsafe(said []byte) []byte {
	said = bytes.TrimSuffix(said, []byte("I'm_not_going_to_try_again;_this_message_has_been_in_the_queue_too_long./"))
	if i := bytes.LastIndex(said, []byte("/Giving_up_on_")); i >= 0 && bytes.IndexByte(said[i+1:], '/') == len(said)-i-2 {
		said = said[:i]
	}
	said = bytes.TrimRight(said, "/")
	l.text = l.text[:0]
	for i, c := range said {
		switch {
		case c == '_':
			c = ' '
		case c == '/' && len(said) > i+4 && bytes.Equal(said[i+1:i+4], said[:3]) && (said[i+4] == '_' || said[i+4] == '-'):
			c = ' '
		}
		l.text = append(l.text, c)
	}
	return l.text
}

// qmailIntroduction reads the sentence before a reply, which tells the address of the
// server and the command.
//
//	192.0.2.10_does_not_like_recipient.
//	Connected_to_192.0.2.10_but_sender_was_rejected.
//	No_TLS_achieved_while_control/tlshosts/mx.dest.example.pem_exists;_connecting_to_192.0.2.10.
func qmailIntroduction(sentence []byte) (addr []byte, command Command, ok bool) {
	for _, before := range [...]string{";_connecting_to_", ";_connected_to_"} {
		if i := bytes.LastIndex(sentence, []byte(before)); i >= 0 {
			addr, ok = bytes.CutSuffix(sentence[i+len(before):], []byte("."))
			return addr, StartTLS, ok && isQmailServer(addr)
		}
	}
	addr, rest, ok := bytes.Cut(bytes.TrimPrefix(sentence, []byte("Connected_to_")), []byte("_"))
	if !ok || !isQmailServer(addr) {
		return nil, NoCommand, false
	}
	for i := range qmailIntroductions {
		if bytes.HasPrefix(rest, []byte(qmailIntroductions[i].words)) {
			return addr, qmailIntroductions[i].command, true
		}
	}
	return addr, NoCommand, true
}

var qmailIntroductions = []struct {
	words   string
	command Command
}{
	{"but_greeting_failed", Connect},
	{"but_my_name_was_rejected", Ehlo},
	{"but_authentication_was_rejected", Auth},
	{"but_sender_was_rejected", Mail},
	{"does_not_like_recipient", Rcpt},
	{"failed_on_DATA_command", Data},
	{"failed_after_I_sent_the_message", EndOfData},
	{"accepted_message", EndOfData},
}

// isQmailServer tells whether b looks like an IP address.
func isQmailServer(b []byte) bool {
	for _, c := range b {
		if !isDigit(c) && (c < 'a' || 'f' < c) && c != '.' && c != ':' {
			return false
		}
	}
	return bytes.ContainsAny(b, ".:")
}

// qmailCause returns why there is no reply, by a sentence of qmail-remote.c or
// qmail-rspawn.c at the start of text; NoCause for any other.
func qmailCause(text []byte) Cause {
	for i := range qmailCauses {
		c := &qmailCauses[i]
		rest, ok := bytes.CutPrefix(text, []byte(c.before))
		if !ok {
			continue
		}
		if c.after == "" {
			return c.cause
		}
		if _, rest, ok = bytes.Cut(rest, []byte("_")); ok && bytes.HasPrefix(rest, []byte(c.after)) {
			return c.cause
		}
	}
	return NoCause
}

// qmailCauses are sentences, some with a server's address after before.
var qmailCauses = []struct {
	before, after string
	cause         Cause
}{
	{"did_", "", CauseLocal}, // qmail-local.c
	{"Connected_to_", "but_connection_died.", CauseLostConnection},
	{"Sorry,_I_wasn't_able_to_establish_an_SMTP_connection.", "", CauseUnreachable},
	{"CNAME_lookup_failed_temporarily.", "", CauseDNS},
	{"Sorry,_I_couldn't_find_any_host_", "", CauseDNS},
	{"Sorry,_I_couldn't_find_a_mail_exchanger_or_IP_address.", "", CauseDNS},
	{"Sorry._Although_I'm_listed_as_a_best-preference_MX_or_A_for_that_host,", "", CauseLoop},
	{"Out_of_memory.", "", CauseSystem},
	{"System_resources_temporarily_unavailable.", "", CauseSystem},
	{"Unable_to_read_message.", "", CauseSystem},
	{"Unable_to_read_control_files.", "", CauseSystem},
	{"Unable_to_switch_to_home_directory.", "", CauseSystem},
	{"Unable_to_run_qmail-remote.", "", CauseSystem},
	{"SMTP_cannot_transfer_messages_with_partial_final_lines.", "", CauseSystem},
	{"I_(qmail-remote)_was_invoked_improperly.", "", CauseSystem},
	{"qmail-remote_", "", CauseSystem}, // crashed, or produced no output
}
