package logparse

import "bytes"

// server reads what the companions of qmail-smtpd log.
func (l *qmail) server(message []byte) {
	if rest, ok := bytes.CutPrefix(message, []byte("qmail-smtpd: ")); ok {
		l.smtpd(rest)
		return
	}
	if rest, ok := bytes.CutPrefix(message, []byte("CHKUSER rejected ")); ok {
		// The codes of the patch's replies are those that it was built with.
		e := Event{Kind: Refusal, Direction: Sent, Command: Rcpt}
		if bytes.HasPrefix(rest, []byte("sender:")) {
			e.Command = Mail
		}
		l.emit(e)
		return
	}
	if rest, ok := bytes.CutPrefix(message, []byte("tcpserver: ")); ok {
		l.tcpserver(rest)
		return
	}
	l.record(message)
}

// rblsmtpd reads the reply that rblsmtpd.c gives to every recipient. The log does not
// show how many it refuses, so it counts once.
//
//	192.0.2.7 pid 19597: 451 http://bl.example/?192.0.2.7
//	192.0.2.7 pid 19597 bl.example: 451 http://bl.example/?192.0.2.7
//	bl.example blocked 192.0.2.7 pc.evil.example -
//
// The last form is another version's; its code depends on the option -b.
func (l *qmail) rblsmtpd(b []byte) {
	addr, rest, _ := bytes.Cut(b, []byte(" "))
	if rest, ok := bytes.CutPrefix(rest, []byte("blocked ")); ok {
		addr, _, _ := bytes.Cut(rest, []byte(" "))
		l.emit(Event{Kind: Refusal, Direction: Sent, Remote: addr, Addr: addr})
		return
	}
	rest, ok := bytes.CutPrefix(rest, []byte("pid "))
	if !ok {
		return
	}
	_, rest = cutDigits(rest)
	if base, ok := bytes.CutPrefix(rest, []byte(" ")); ok {
		if i := bytes.IndexAny(base, ": "); i >= 0 {
			rest = base[i:]
		}
	}
	e := Event{Direction: Sent, Remote: addr, Addr: addr, Text: bytes.TrimPrefix(rest, []byte(": "))}
	e.Code, e.Enhanced, ok = ParseReply(e.Text)
	if !ok || e.Code.Class() < 4 {
		l.notUnderstood(shapeQmailRBL)
		return
	}
	l.emit(e)
}

// smtpd reads the replies that patches of qmail-smtpd.c log:
//
//	421 badiprbl: ip 192.0.2.7 rbl: bl.example
func (l *qmail) smtpd(b []byte) {
	e := Event{Direction: Sent, Text: b}
	var ok bool
	e.Code, e.Enhanced, ok = ParseReply(b)
	if !ok || e.Code.Class() < 4 {
		return
	}
	if rest, ok := bytes.CutPrefix(b[len("421"):], []byte(" badiprbl: ip ")); ok {
		e.Addr, _, _ = bytes.Cut(rest, []byte(" "))
	}
	l.emit(e)
}

// spamdyke speaks SMTP before qmail-smtpd; its reasons have names and no codes:
//
//	DENIED_GRAYLISTED from: a@src.example to: ann@dest.example origin_ip: 192.0.2.7 ...
func (l *qmail) spamdyke(b []byte) {
	e := Event{Kind: Refusal, Direction: Sent}
	if bytes.HasPrefix(b, []byte("DENIED_GRAYLISTED ")) { // a 421; the class of others depends on the version (spamdyke.h)
		e.Class, e.Text = 4, spamdykeGraylisted
	}
	if bytes.HasPrefix(b, []byte("DENIED_")) {
		l.emit(e)
	}
}

// spamdykeGraylisted is what spamdyke says unless it is told otherwise.
var spamdykeGraylisted = []byte("Your address has been graylisted. Try again later.")

// A qmailRecording is what is remembered of a connection whose dialogue recordio
// logs. Its fields are exported for encoding/binary.
type qmailRecording struct {
	Begun   bool
	Server  bool    // recordio runs a server, and not a client
	Content bool    // what comes is of a message, up to the line with a dot
	Parted  [2]bool // client's, program's: the last record was a part of a line
	dialogue
	Client address
}

func (r *qmailRecording) valid() bool { return r.Client.valid() && r.dialogue.valid() }

// tcpserver reads what tcpserver.c logs at a connection's begin and end:
//
//	pid 4321 from 192.0.2.7
//	end 4321 status 0
func (l *qmail) tcpserver(b []byte) {
	if rest, ok := bytes.CutPrefix(b, []byte("pid ")); ok {
		pid, rest := cutDigits(rest)
		if addr, ok := bytes.CutPrefix(rest, []byte(" from ")); ok {
			r := l.recordings.put(l.process().add(pid))
			*r = qmailRecording{}
			r.Client.set(addr)
		}
		return
	}
	if rest, ok := bytes.CutPrefix(b, []byte("end ")); ok {
		pid, _ := cutDigits(rest)
		l.recordings.remove(l.process().add(pid))
	}
}

// cutQmailRecord reads a line of recordio.c (ucspi-tcp), which puts "<" before what the
// program read and ">" before what it wrote. It ends with a plus sign if the line
// goes on in the next record, else with a blank.
//
//	4321 > 220 mx1.dest.example ESMTP
//	4321 < EHLO pc.src.example
//	4321 > [EOF]
func cutQmailRecord(b []byte) (pid []byte, wrote bool, text []byte, ok bool) {
	pid, rest := cutDigits(b)
	if pid == nil || len(rest) < 3 || rest[0] != ' ' || rest[1] != '<' && rest[1] != '>' || rest[2] != ' ' {
		return nil, false, nil, false
	}
	return pid, rest[1] == '>', rest[3:], true
}

// record reads the dialogue of a server. A program that begins with a greeting is
// one: what it writes are replies. What it reads may be a message that looks like
// some.
func (l *qmail) record(message []byte) {
	pid, wrote, text, ok := cutQmailRecord(message)
	if !ok {
		return
	}
	key := l.process().add(pid)
	if wrote && string(text) == "[EOF]" {
		l.recordings.remove(key)
		return
	}
	r := l.recordings.put(key)
	side := 0
	if wrote {
		side = 1
	}
	parted := r.Parted[side]
	r.Parted[side] = bytes.HasSuffix(text, []byte("+"))
	text = bytes.TrimRight(text, " +\r")
	if !r.Begun {
		_, _, ok := ParseReply(text)
		r.Begun, r.Server = true, wrote && ok
		r.Joined = r.Client.Len == 0 // tcpserver names the client at the beginning
	}
	switch {
	case !r.Server || parted:
	case wrote:
		l.wrote(r, text)
	case !r.Content:
		r.command(text)
	case string(text) == "." && !r.Parted[side]:
		r.Content = false
		r.command(text)
	}
}

// wrote adds a line of a reply.
func (l *qmail) wrote(r *qmailRecording, text []byte) {
	authenticated := r.Authenticated
	e, ok := r.reply(text, isFirstOfMany(text))
	if !ok {
		return
	}
	e.Direction = Sent
	e.Authenticated = authenticated
	e.Addr = r.Client.bytes()
	switch {
	case e.Code == 354:
		r.Content = true
	case e.Code == 220 && e.Command == StartTLS:
		r.Server = false // the rest is not legible
	}
	l.emit(e)
}
