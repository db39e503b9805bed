package logparse

import "bytes"

// qmail's processes write to their descriptor 2. multilog stamps the lines in TAI64N,
// which tai64nlocal turns into local time; splogger gives them to syslog, with the
// tag "qmail". The format is that of qmail-send.c, which quotes the words of
// qmail-remote.c, in netqmail and notqmail:
//
//	@4000000067421f3f1a2b3c4d starting delivery 7: msg 131 to remote ann@dest.example
//	@4000000067421f3f1a2b3c4d delivery 7: failure: 192.0.2.10_does_not_like_recipient./Remote_host_said:_550_no/Giving_up_on_192.0.2.10./
//	2026-11-23 14:18:21.941485500 delivery 8: deferral: CNAME_lookup_failed_temporarily._(#4.4.3)/
//	Nov 23 14:18:21 mx1 qmail: 1795443501.941485 delivery 9: success: did_0+0+1/
//
// Blanks are underlines there and newlines are slashes (qsutil.c, logsafe); a reply's
// own underlines and slashes look the same. A code such as (#4.4.1) is qmail's own
// word.
//
// A delivery is one process of qmail-remote with one recipient: no reply is shown
// twice. If it ends with a positive reply that the line lacks, 250 is implied.
// qmail-smtpd does not log its replies; qmail_smtpd.go reads what its companions and
// patches log, and qmail_remote.go the words of qmail-remote.

// The forms of lines that look as if they show a reply.
const (
	shapeQmailDelivery = "delivery" // delivery N: ...
	shapeQmailRBL      = "rblsmtpd" // rblsmtpd: IP pid N: 451 TEXT
)

var qmailMTA = mtaSpec{
	name:        "qmail",
	program:     []byte("qmail"),
	programs:    []string{"rblsmtpd", "spamdyke"},
	ownsProgram: func(program []byte) bool { return bytes.HasPrefix(program, []byte("qmail")) },
	ownsForm:    qmailOwnsForm,
	shapes:      []string{shapeQmailDelivery, shapeQmailRBL},
	new:         newQmail,
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

// qmailOwnsForm reports whether a message is one of qmail-send's, or of a companion of
// qmail-smtpd.
func qmailOwnsForm(env *Envelope) bool {
	message := env.Message
	for i := range qmailLines {
		if q := &qmailLines[i]; startsWith(message, q.before) {
			digits, rest := cutDigits(message[len(q.before):])
			return digits != nil && bytes.HasPrefix(rest, []byte(q.after))
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
	message := cutQmailStamp(l.message)
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

// cutQmailStamp drops the time that splogger.c puts before a message.
func cutQmailStamp(message []byte) []byte {
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
		l.notUnderstood(shapeQmailDelivery)
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
		e.Cause = CauseSystem
		e.Text = b
		l.emit(e)
	case !ok || !success && string(verdict) != "deferral" && string(verdict) != "failure":
		l.notUnderstood(shapeQmailDelivery)
	case begun.Local:
		e.Cause = CauseLocal
		l.emit(e)
	default:
		l.remote(e, success, begun.RecipientLen, started != nil)
	}
}
