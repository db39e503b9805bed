package logparse

import "bytes"

// The DragonFly Mail Agent logs by syslog as "dma[ID]", where ID is no process
// but a queue id, the message's ("a34261") or one recipient's
// ("a34261.55a4181fcf40"). What is known here was read in logs of Debian's 0.13
// and in the messages that its binary holds; the functions named in comments are
// in its net.c and crypto.c.
//
// It only sends. Each recipient has a session of its own, so that no line repeats
// another. An attempt is the try of one host: what that defers, the next host gets
// at once. Of the replies only those are logged that end an attempt, or that stop
// a login or TLS. "delivery successful" comes without one; where a host was tried,
// deliver_to_host() had a 2xx at end of data, which is the implied 250.

// shapeDMAHost is "remote delivery to HOST [ADDR] failed after ...", and the like.
const shapeDMAHost = "at_host"

var dmaMTA = mtaSpec{
	name:        "dma",
	ownsProgram: func(program []byte) bool { return string(program) == "dma" },
	isInTag:     func(c byte) bool { return isDigit(c) || 'a' <= c && c <= 'f' || c == '.' },
	shapes:      []string{shapeDMAHost},
	new:         newDMA,
}

// dma is a line of dma, and what is remembered between its lines.
type dma struct {
	*line
	hosts table[host] // by queue id, the one tried last
}

func newDMA(l *line) grammar { return &dma{line: l, hosts: newTable[host](1024)} }

func (l *dma) tables() []remembered { return []remembered{&l.hosts} }

func (l *dma) parse() {
	if b, ok := bytes.CutPrefix(l.message, []byte("trying remote delivery to ")); ok {
		if name, addr, _, ok := cutDMAHost(b); ok {
			l.hosts.put(l.process()).set(name, addr)
		}
		return
	}
	if bytes.HasPrefix(l.message, []byte("<")) && bytes.HasSuffix(l.message, []byte("> delivery successful")) {
		l.delivered()
		return
	}
	for i := range dmaLines {
		if text, ok := bytes.CutPrefix(l.message, []byte(dmaLines[i].before)); ok {
			e := l.received()
			if h := l.hosts.get(l.process()); h != nil {
				e.Remote, e.Addr = h.name(), h.addr()
			}
			l.tell(e, &dmaLines[i], text)
			return
		}
	}
	for i := range dmaAtHost {
		if b, ok := bytes.CutPrefix(l.message, []byte(dmaAtHost[i].before)); ok {
			l.atHost(&dmaAtHost[i].dmaLine, dmaAtHost[i].after, b)
			return
		}
	}
}

func (l *dma) received() Event {
	return Event{Kind: Reply, Direction: Received, QueueID: l.env.PID}
}

// delivered tells the end of a delivery that succeeded.
func (l *dma) delivered() {
	e := l.received()
	e.Deliveries = 1
	if h := l.hosts.get(l.process()); h != nil {
		e.Code, e.Implied, e.Command, e.Remote, e.Addr = 250, true, EndOfData, h.name(), h.addr()
	} else {
		e.Kind, e.Cause = Delivery, CauseLocal
	}
	l.emit(e)
}

// A dmaLine is the beginning of a line that tells a reply, or why there is none.
type dmaLine struct {
	before     string
	command    Command
	deliveries int
	cause      Cause // where no reply follows, and none that the text tells
}

// dmaLines are those that do not name the host. They are tried in order, and
// before dmaAtHost.
var dmaLines = []dmaLine{
	{"remote delivery succeeded but QUIT failed: ", Quit, 0, CauseOther},

	// smtp_init_crypto(); opportunistic TLS goes on without.
	{"remote delivery deferred: STARTTLS not available: ", StartTLS, 1, CauseTLS},
	{"in opportunistic TLS mode, STARTTLS not available: ", StartTLS, 0, CauseTLS},
	{"remote delivery deferred: SSL ", NoCommand, 1, CauseTLS},
	{"remote delivery deferred: Peer did not provide certificate", NoCommand, 1, CauseTLS},

	// smtp_login(), smtp_auth_md5(); what is deferred goes on without a login. What
	// failed has another line, "remote delivery failed: SMTP login failed".
	{"smarthost authentication: AUTH cram-md5 not available: ", Auth, 0, CauseAuth},
	{"remote delivery deferred: AUTH cram-md5 failed: ", Auth, 0, CauseAuth},
	{"remote delivery deferred: AUTH login not available: ", Auth, 0, CauseAuth},
	{"remote delivery deferred: AUTH login failed: ", Auth, 0, CauseAuth},
	{"remote delivery deferred: Authentication failed: ", Auth, 0, CauseAuth},
	{"remote delivery failed: AUTH login failed: ", Auth, 1, CauseAuth},
	{"remote delivery failed: Authentication failed: ", Auth, 1, CauseAuth},

	{"remote delivery deferred: DNS lookup failure", NoCommand, 1, CauseDNS},
	{"remote delivery failed: DNS lookup failure", NoCommand, 1, CauseDNS},
	{"remote delivery deferred: unable to allocate memory", NoCommand, 1, CauseSystem},
	{"remote delivery deferred: write error", NoCommand, 1, CauseLostConnection},
	{"remote delivery failed: corrupted queue file", NoCommand, 1, CauseSystem},
	{"local delivery deferred: ", NoCommand, 1, CauseLocal},
	{"local delivery failed: ", NoCommand, 1, CauseLocal},
}

// dmaAtHost are those that go on with HOST [ADDR] and what stands in after.
var dmaAtHost = []struct {
	dmaLine
	after string
}{
	{dmaLine{"remote delivery to ", NoCommand, 1, CauseOther}, " failed after "}, // COMMAND: REPLY
	{dmaLine{"remote delivery deferred: ", NoCommand, 1, CauseOther}, " failed after "},
	{dmaLine{"Could not perform server greeting at ", Ehlo, 1, CauseOther}, ": "},
	{dmaLine{"connect to ", NoCommand, 1, CauseUnreachable}, " failed: "},
	{dmaLine{"socket for ", NoCommand, 1, CauseSystem}, " failed: "},
}

func (l *dma) atHost(d *dmaLine, after string, b []byte) {
	e := l.received()
	var ok bool
	if e.Remote, e.Addr, b, ok = cutDMAHost(b); !ok {
		l.notUnderstood(shapeDMAHost)
		return
	}
	if b, ok = bytes.CutPrefix(b, []byte(after)); !ok {
		l.notUnderstood(shapeDMAHost)
		return
	}
	if after != " failed after " {
		l.tell(e, d, b)
		return
	}
	command, text, ok := bytes.Cut(b, []byte(": "))
	if !ok {
		l.notUnderstood(shapeDMAHost)
		return
	}
	step := *d
	step.command = dmaCommand(command)
	l.tell(e, &step, text)
}

// tell adds an event of a text that is a reply or dma's own word.
func (l *dma) tell(e Event, d *dmaLine, text []byte) {
	e.Deliveries, e.Text = d.deliveries, text
	var ok bool
	if e.Code, e.Enhanced, ok = parseReplyLines(text, dmaLineEnds...); ok {
		e.Command, e.Dialogue = d.command, e.Code.Class() < 4
	} else {
		if e.Deliveries == 0 {
			return
		}
		e.Kind, e.Cause = Delivery, dmaCause(text, d.cause)
	}
	l.emit(e)
}

// cutDMAHost reads "HOST [ADDR]". Names are as dn_expand(3) returns them, without
// blanks.
func cutDMAHost(b []byte) (name, addr, rest []byte, ok bool) {
	name, b, ok = bytes.Cut(b, []byte(" "))
	if !ok || len(name) == 0 || len(b) == 0 || b[0] != '[' {
		return nil, nil, nil, false
	}
	addr, rest, ok = bytes.Cut(b[1:], []byte("]"))
	return name, addr, rest, ok && bytes.IndexByte(addr, ' ') < 0
}

// dmaLineEnds are forms of a line feed: rsyslog's, OpenBSD's, as it is.
var dmaLineEnds = []string{"#012", "^J", "\n"}

func dmaCommand(name []byte) Command {
	switch string(name) {
	case "connect":
		return Connect
	case "EHLO":
		return Ehlo
	case "MAIL FROM":
		return Mail
	case "RCPT TO":
		return Rcpt
	case "DATA":
		return Data
	case "final DATA":
		return EndOfData
	}
	return NoCommand
}

// dmaCause reads the system's error, or read_remote()'s, if text is one.
func dmaCause(text []byte, otherwise Cause) Cause {
	switch string(text) {
	case "Timeout reached", "Connection timed out", "Operation timed out":
		return CauseTimeout
	case "Connection refused":
		return CauseRefused
	case "No route to host", "Network is unreachable", "Host is down":
		return CauseUnreachable
	case "Connection reset by peer", "Broken pipe":
		return CauseLostConnection
	}
	return otherwise
}
