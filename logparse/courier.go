package logparse

import "bytes"

// Courier logs by syslog, without process ids. What is known here was read in
// real logs and in the strings of Courier 1.0.16's programs; what courieresmtp
// makes of a reply, in 2.0's module.esmtp/libesmtp.C.
//
// courieresmtp logs the replies of other servers that end a delivery, each line
// of them on a line of its own, but neither the command that they answer, nor
// the server's name if it refuses. courieresmtpd logs what it refuses, but not
// whether the client had logged in. Programs that deliver to mailboxes log
// three digits too ("550 User <ann> unknown"), which are no replies.
//
// Repeats of courieresmtp:
//   - A line for the same message and recipient as the one before it, if that one
//     had a hyphen after the same code.
//   - The same words for another recipient of the same message and host (of
//     "courierd: started") before Courier has logged the first one's status, as it
//     does with the answer to the end of data. What is logged after that status is
//     a reply of its own: the answers to RCPT.
//
// A line of courieresmtpd repeats the one with the same client, port and addresses,
// if that one had a hyphen after the same code.
//
// Implied: "courierd: newmsg" of a message that came by ESMTP. submit answers
// the end of data with "250 Ok. ID" when it has queued a message.

// The forms of Courier's lines that look as if they showed a reply.
const (
	shapeCourierClient = "courieresmtp"  // id=...,from=<...>,addr=<...>
	shapeCourierServer = "courieresmtpd" // error,relay=...
)

var courierMTA = mtaSpec{
	name:        "courier",
	ownsProgram: func(program []byte) bool { return bytes.HasPrefix(program, []byte("courier")) },
	shapes:      []string{shapeCourierClient, shapeCourierServer},
	new:         newCourier,
}

// courier is a line of Courier, and what is remembered between its lines.
type courier struct {
	*line
	messages table[courierMessage]
	attempts table[courierAttempt] // by message and recipient; of courieresmtpd by client
	shared   table[bool]           // by message, host and words, until the first recipient's status
}

func newCourier(l *line) grammar {
	return &courier{
		line:     l,
		messages: newTable[courierMessage](4096),
		attempts: newTable[courierAttempt](8192),
		shared:   newTable[bool](4096),
	}
}

func (l *courier) tables() []remembered { return []remembered{&l.messages, &l.attempts, &l.shared} }

// A courierMessage is a message in the queue. Its fields are exported for
// encoding/binary.
type courierMessage struct {
	Pending uint32 // recipients that are being tried
	Batches uint32 // processes that try them, each for a host
	Batch   hash   // the last one begun
	Cause   Cause  // of a failure that no status line shows
}

func (m *courierMessage) valid() bool { return m.Cause < numCauses }

// A courierAttempt is the attempt to deliver to one recipient.
type courierAttempt struct {
	Batch hash
	Reply hash // under which its reply is shared
	Code  Code // of its last line
	Open  bool // the reply goes on after that line
	Ended bool // by a reply
	Cause Cause
}

func (a *courierAttempt) valid() bool { return a.Code < 600 && a.Cause < numCauses }

func (l *courier) parse() {
	switch string(l.env.Program) {
	case "courierd":
		l.queue(l.message)
	case "courieresmtp", "courierlocal", "courierfax", "courieruucp":
		l.module(l.message)
	case "courieresmtpd":
		if rest, ok := bytes.CutPrefix(l.message, []byte("error,relay=")); ok {
			l.server(rest)
		}
	}
}

// queue reads what courierd(8) does with a message:
//
//	newmsg,id=ID: dns; HELO (NAME [IP])
//	started,id=ID,from=<SENDER>,module=esmtp,host=HOST,addr=<RECIPIENT>
//	completed,id=ID
func (l *courier) queue(m []byte) {
	if rest, ok := bytes.CutPrefix(m, []byte("newmsg,id=")); ok {
		l.accepted(rest)
	} else if rest, ok := bytes.CutPrefix(m, []byte("started,id=")); ok {
		l.started(rest)
	} else if id, ok := bytes.CutPrefix(m, []byte("completed,id=")); ok {
		l.completed(id)
	} else {
		l.module(m)
	}
}

// accepted reads what follows "newmsg,id=". The HELO name may hold anything; the
// client's name and address stand behind it.
func (l *courier) accepted(b []byte) {
	id, source, ok := bytes.Cut(b, []byte(": dns; "))
	if !ok || string(source) == "localhost (localhost [127.0.0.1])" { // sendmail(1), and bounces
		return
	}
	source, ok = bytes.CutSuffix(source, []byte("])"))
	i := bytes.LastIndex(source, []byte("["))
	if !ok || i < 0 {
		return
	}
	client := courierUnmapped(source[i+1:])
	l.emit(Event{
		Kind: Reply, Direction: Sent, Code: 250, Implied: true, Command: EndOfData,
		Remote: client, Addr: client, QueueID: id,
	})
}

// started remembers an attempt. Those of one process are logged one after another.
func (l *courier) started(b []byte) {
	id, b, ok := cutCourierID(b)
	_, b, found := cutCourierAddress(b, ",from=<")
	if !ok || !found {
		return
	}
	module, addr, ok := bytes.Cut(b, []byte(",addr=<"))
	if !ok {
		return
	}
	batch := l.messageKey(id).add(module)
	m := l.messages.put(l.messageKey(id))
	if m.Batches == 0 {
		*m = courierMessage{}
	}
	if m.Batches == 0 || m.Batch != batch {
		m.Batches++
	}
	m.Batch = batch
	if bytes.HasPrefix(module, []byte(",module=dsn,")) { // a report about others
		return
	}
	m.Pending++
	*l.attempts.put(l.attemptKey(id, bytes.TrimSuffix(addr, []byte(">")))) = courierAttempt{Batch: batch}
}

// completed ends the attempts whose end no line showed.
func (l *courier) completed(id []byte) {
	m := l.messages.get(l.messageKey(id))
	if m == nil || m.Batches == 0 {
		return
	}
	m.Batches--
	if m.Batches > 0 || m.Pending == 0 {
		return
	}
	l.emit(Event{
		Kind: Delivery, Direction: Received, Cause: max(m.Cause, CauseOther),
		Deliveries: int(min(m.Pending, maxRecipients)), QueueID: id,
	})
	m.Pending = 0
}

func (l *courier) messageKey(id []byte) hash { return l.seed.add(l.env.Host).add(id) }

func (l *courier) attemptKey(id, addr []byte) hash { return l.messageKey(id).add(addr) }

// cutCourierID reads "ID,": numbers of the inode, the time and the process.
func cutCourierID(b []byte) (id, rest []byte, ok bool) {
	n := 0
	for n < len(b) && (isAlphanumeric(b[n]) || b[n] == '.') {
		n++
	}
	return b[:n], b[n:], n > 0 && n < len(b) && b[n] == ','
}

// cutCourierAddress reads the key and the address up to its ">". A local part may
// be quoted and hold any.
func cutCourierAddress(b []byte, key string) (addr, rest []byte, ok bool) {
	b, ok = bytes.CutPrefix(b, []byte(key))
	if !ok {
		return nil, b, false
	}
	i := indexUnquoted(b, ">")
	if i < 0 {
		return nil, nil, false
	}
	return b[:i], b[i+1:], true
}

// courierUnmapped returns the IPv4 address that an IPv6 address holds, else addr.
func courierUnmapped(addr []byte) []byte {
	if v4, ok := bytes.CutPrefix(addr, []byte("::ffff:")); ok && bytes.IndexByte(v4, '.') > 0 {
		return v4
	}
	return addr
}
