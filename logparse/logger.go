package logparse

import "bytes"

// The loggers that log how many lines they dropped.
const (
	Rsyslog  = "rsyslog"
	Journald = "journald"
	Syslogd  = "syslogd" // of the BSDs, Solaris and old Linux
)

// Loggers returns the values of Result.Logger.
func Loggers() []string { return []string{Rsyslog, Journald, Syslogd} }

// LostLinesOf returns how many lines a logger says it dropped, if line is its message
// about that, and which logger; 0 for any other line. It is for a log of the logger's
// own messages that is read for nothing else.
func LostLinesOf(line []byte) (n int, logger string) {
	var env Envelope
	parseHeader(line, &env)
	return lostLines(&env)
}

// lostLines returns how many lines a logger says it dropped, and which logger:
//
//	rsyslogd: imuxsock[pid: 15723, name: logger]: 237 messages lost due to rate-limiting (400 allowed within 2 seconds)
//	rsyslogd-2177: imuxsock lost 123 messages from pid 456 due to rate-limiting
//	systemd-journald[321]: Suppressed 42 messages from postfix@-.service
func lostLines(env *Envelope) (n int, logger string) {
	switch {
	case bytes.HasPrefix(env.Program, []byte("rsyslogd")):
		n, logger = rsyslogLost(env.Message), Rsyslog
	case string(env.Program) == "systemd-journald" || string(env.Program) == "systemd-journal":
		n, logger = journaldLost(env.Message), Journald
	}
	if n <= 0 || n > maxRepeated {
		return 0, ""
	}
	return n, logger
}

func journaldLost(message []byte) int {
	rest, ok := bytes.CutPrefix(message, []byte("Suppressed "))
	n, rest := cutNumber(rest)
	if !ok || !bytes.HasPrefix(rest, []byte(" messages from ")) {
		return 0
	}
	return n
}

func rsyslogLost(message []byte) int {
	rest, ok := bytes.CutPrefix(message, []byte("imuxsock lost "))
	if ok {
		if n, rest := cutNumber(rest); bytes.HasPrefix(rest, []byte(" messages from pid ")) {
			return n
		}
		return 0
	}
	// The module, then in brackets the process that wrote too much.
	if !bytes.HasPrefix(message, []byte("imuxsock")) && !bytes.HasPrefix(message, []byte("imjournal")) {
		return 0
	}
	_, rest, ok = bytes.Cut(message, []byte(": "))
	for ok {
		if n, tail := cutNumber(rest); n > 0 && bytes.HasPrefix(tail, []byte(" messages lost due to rate-limiting")) {
			return n
		}
		_, rest, ok = bytes.Cut(rest, []byte(": "))
	}
	return 0
}

// repeatedLines returns how many copies of the line before it a line stands for, in place
// of which syslogd logs it; 0 for any other line. What was repeated it does not show.
//
//	mx1 last message repeated 3 times                OpenBSD, NetBSD, Solaris; FreeBSD before 12
//	mx1 syslogd: last message repeated 3 times       FreeBSD (syslogd.c, fprintlog_successive())
//	--- last message repeated 3 times ---            macOS
func repeatedLines(env *Envelope) int {
	if env.Program != nil && string(env.Program) != Syslogd {
		return 0
	}
	message := bytes.TrimSuffix(env.Message, []byte(" ---"))
	message, ok := bytes.CutSuffix(message, []byte(" times"))
	if !ok {
		return 0
	}
	const words = "last message repeated "
	host, count, ok := bytes.Cut(message, []byte(words))
	n, rest := cutNumber(count)
	if !ok || len(rest) > 0 || n < 1 || n > maxRepeated || bytes.IndexByte(bytes.TrimSuffix(host, []byte(" ")), ' ') >= 0 {
		return 0
	}
	return n
}

// lost returns how many lines a logger says it dropped, and which logger; 0 where it
// says nothing of that, or they would show nothing new.
func (p *Parser) lost() (n int, logger string) {
	if n, logger = lostLines(&p.line.env); n > 0 {
		return n, logger
	}
	if p.counts.value {
		if n = repeatedLines(&p.line.env); n > 0 {
			return n, Syslogd
		}
	}
	return 0, ""
}

// noteCounts remembers whether a copy of the line would count again.
func (p *Parser) noteCounts() {
	p.counts.value = false
	for i := range p.line.events {
		e := &p.line.events[i]
		p.counts.value = p.counts.value || !e.Repeat && !isOnce(e)
	}
}
