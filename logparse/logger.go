package logparse

import "bytes"

// The loggers that log how many lines they dropped.
const (
	Rsyslog  = "rsyslog"
	Journald = "journald"
)

// Loggers returns the values of Result.Logger.
func Loggers() []string { return []string{Rsyslog, Journald} }

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
