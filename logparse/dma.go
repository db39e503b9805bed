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
// at once. It logs only those replies that end an attempt, or that stop a login or
// TLS. "delivery successful" comes without one; where a host was tried,
// deliver_to_host() had a 2xx at end of data, which is the implied 250.

// shapeDMAHost is "remote delivery to HOST [ADDR] failed after ...", and the like.
const shapeDMAHost = "at_host"

var dmaMTA = mtaSpec{
	name:     "dma",
	programs: []string{"dma"},
	lenTagID: lenDMAQueueID,
	shapes:   []string{shapeDMAHost},
	new:      newDMA,
}

func lenDMAQueueID(b []byte) (n int) {
	for n < len(b) && (isDigit(b[n]) || 'a' <= b[n] && b[n] <= 'f' || b[n] == '.') {
		n++
	}
	return n
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
		if d := &dmaLines[i]; startsWith(l.message, d.prefix) {
			e := Event{Direction: Received, QueueID: l.env.PID}
			if h := l.hosts.get(l.process()); h != nil {
				e.Remote, e.Addr = h.name(), h.addr()
			}
			l.ended(e, d, l.message[len(d.prefix):])
			return
		}
	}
	for i := range dmaAtHost {
		if d := &dmaAtHost[i]; startsWith(l.message, d.prefix) {
			l.atHost(&d.dmaLine, d.separator, l.message[len(d.prefix):])
			return
		}
	}
}

// delivered adds the event of a delivery that succeeded.
func (l *dma) delivered() {
	h := l.hosts.get(l.process())
	if h == nil {
		l.emit(Event{Kind: Delivery, Direction: Received, Deliveries: 1, Cause: CauseLocal, QueueID: l.env.PID})
		return
	}
	l.emit(Event{
		Kind: Reply, Direction: Received, Code: 250, Command: EndOfData, Implied: true, Deliveries: 1,
		Remote: h.name(), Addr: h.addr(), QueueID: l.env.PID,
	})
}

// A dmaLine is the beginning of a line that shows a reply, or why there is none.
type dmaLine struct {
	prefix     string
	command    Command
	deliveries int
	cause      Cause // where no reply follows, nor words with a cause of their own
}

// dmaLines do not name the host. They are tried in order, and before dmaAtHost.
var dmaLines = []dmaLine{
	{"remote delivery succeeded but QUIT failed: ", Quit, 0, CauseOther},

	// smtp_init_crypto(); opportunistic TLS goes on without.
	{"remote delivery deferred: STARTTLS not available: ", StartTLS, 1, CauseTLS},
	{"in opportunistic TLS mode, STARTTLS not available: ", StartTLS, 0, CauseTLS},
	{"remote delivery deferred: SSL ", NoCommand, 1, CauseTLS},
	{"remote delivery deferred: Peer did not provide certificate", NoCommand, 1, CauseTLS},

	// smtp_login(), smtp_auth_md5(). What is deferred goes on without a login. What
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

// dmaAtHost go on with HOST [ADDR] and a separator.
var dmaAtHost = []struct {
	dmaLine
	separator string
}{
	{dmaLine{"remote delivery to ", NoCommand, 1, CauseOther}, " failed after "}, // COMMAND: REPLY
	{dmaLine{"remote delivery deferred: ", NoCommand, 1, CauseOther}, " failed after "},
	{dmaLine{"Could not perform server greeting at ", Ehlo, 1, CauseOther}, ": "},
	{dmaLine{"connect to ", NoCommand, 1, CauseUnreachable}, " failed: "},
	{dmaLine{"socket for ", NoCommand, 1, CauseSystem}, " failed: "},
}

// atHost reads what follows the prefix of one of dmaAtHost.
func (l *dma) atHost(d *dmaLine, separator string, b []byte) {
	name, addr, rest, ok := cutDMAHost(b)
	text, found := bytes.CutPrefix(rest, []byte(separator))
	step := *d
	if separator == " failed after " && found {
		var command []byte
		command, text, found = bytes.Cut(text, []byte(": "))
		step.command = dmaCommand(command)
	}
	if !ok || !found {
		l.notUnderstood(shapeDMAHost)
		return
	}
	l.ended(Event{Direction: Received, Remote: name, Addr: addr, QueueID: l.env.PID}, &step, text)
}

// ended adds the event of a step that ended with text, a reply or dma's own words.
func (l *dma) ended(e Event, d *dmaLine, text []byte) {
	e.Deliveries, e.Text = d.deliveries, text
	code, enhanced, ok := parseReplyLines(text, dmaLineEnds...)
	switch {
	case ok:
		e.Kind, e.Code, e.Enhanced = Reply, code, enhanced
		e.Command = d.command
		e.unexpected()
		l.emit(e)
	case d.deliveries > 0:
		e.Kind = Delivery
		e.Cause = dmaCause(text, d.cause)
		l.emit(e)
	}
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

// dmaLineEnds are the forms of a line feed: rsyslog's, OpenBSD's, as it is.
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

// dmaCause returns the cause of the system's error, or of read_remote()'s, if text
// is one.
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
