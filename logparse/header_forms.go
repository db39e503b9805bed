package logparse

import "bytes"

// maxNested is how many envelopes are taken off a line, one within another.
const maxNested = 4

// A form is a way in which a logger, or a tool that shows logs, begins a line.
type form struct {
	name    string // for people
	example string // of a line
	// time reads the time that the line begins with, behind a priority. The host,
	// priorities and a tag follow. It is nil where the time is one of an entry above.
	time func([]byte) (Timestamp, []byte, bool)
	// cut takes off what a tool writes before a line; nil for a logger's form.
	cut func(b []byte, scratch *Envelope) (line []byte, ok bool)
}

// forms are all forms in which a line may begin. parseHeader reads the usual ones,
// those before firstRare. The others are tried in turn where no MTA owns the line.
var forms = [...]form{
	{name: "RFC 3164", example: "Nov 23 14:16:23 mx1 postfix/smtpd[699]: MSG"},
	{name: "RFC 3164 with a priority", example: "<22>Nov 23 14:16:23 mx1 postfix/smtpd[699]: MSG"},
	{name: "rsyslog's file format, journalctl -o short-iso", example: "2026-11-23T14:16:23.941485+00:00 mx1 postfix/smtpd[699]: MSG"},
	{name: "RFC 5424", example: "<22>1 2026-11-23T14:16:23.941485+00:00 mx1 postfix/smtpd 699 - - MSG"},
	{name: "ISO 8601 with a blank", example: "2026-11-23 14:16:23 mx1 postfix/smtpd[699]: MSG"},
	{name: "FreeBSD's syslogd -v", example: "Nov 23 14:16:23 <mail.info> mx1 postfix/smtpd[699]: MSG"},
	{name: "AIX", example: "Nov 23 14:16:23 mx1 mail:info postfix/smtpd[699]: MSG"},
	{name: "Solaris", example: "Nov 23 14:16:23 mx1 postfix/smtpd[699]: [ID 197553 mail.info] MSG"},
	{name: "multilog", example: "@4000000067421f3f1a2b3c4d mx1 postfix/smtpd[699]: MSG"},
	{name: "a line with only a tag", example: "postfix/smtpd[699]: MSG"},
	{name: "a container log of Kubernetes (CRI)", example: "2026-11-23T14:16:23.001575881Z stdout F Nov 23 14:16:23 mx1 postfix/smtpd[699]: MSG"},
	{name: "a line in JSON", example: `{"message":"Nov 23 14:16:23 mx1 postfix/smtpd[699]: MSG"}`},

	{name: "a priority behind the host", example: "Nov 23 14:16:23 mx1 <info> postfix/smtpd[699]: MSG", time: cutTime},
	{name: "BusyBox", example: "Nov 23 14:16:23 mx1 mail.info postfix/smtpd[699]: MSG"},
	{name: "OS X", example: "Nov 23 14:16:23 mx1 postfix/smtpd[699] <Info>: MSG"},
	{name: "metalog", example: "Nov 23 14:16:23 [postfix/smtpd] MSG"},
	{name: "no colon behind the pid", example: "2026-11-23T14:16:23.941485+01:00 mx1 postfix/smtpd[699] MSG"},
	{name: "a time zone by its name", example: "2026-11-23 14:16:23 UTC mx1 postfix/smtpd[699]: MSG"},
	{name: "a time in brackets", example: "[2026-11-23T14:16:23+00:00] mx1 postfix/smtpd[699]: MSG", time: cutBracketedTime},
	{name: "journalctl -o short-monotonic", example: "[12345.678901] mx1 postfix/smtpd[699]: MSG"},
	{name: "the year first", example: "2026 Nov 23 14:16:23 mx1 postfix/smtpd[699]: MSG", time: cutYearFirst},
	{name: "slashes in the date", example: "2026/11/23 14:16:23 mx1 postfix/smtpd[699]: MSG", time: cutSlashed},
	{name: "journalctl -o short-full, with-unit", example: "Mon 2026-11-23 14:16:23 UTC mx1 postfix/smtpd[699]: MSG", time: cutWeekday},
	{name: "OpenWrt's logread", example: "Mon Nov 23 14:16:23 2026 mail.info postfix/smtpd[699]: MSG"},
	{name: "journalctl -o short-unix", example: "1795443383.941485 mx1 postfix/smtpd[699]: MSG", time: cutEpoch},
	{name: "months that are numbers", example: "11月 23 14:16:23 mx1 postfix/smtpd[699]: MSG", time: cutNumberedMonth},

	{name: "a line without a time", example: "mx1 postfix/smtpd[699]: MSG"}, // isTaggedByHost
	{name: "socklog", example: "2026-11-23_14:16:23.94148 mail.info: Nov 23 14:16:23 postfix/smtpd[699]: MSG", cut: cutSocklog},
	{name: "docker logs -t", example: "2026-11-23T14:16:23.130405545Z Nov 23 14:16:23 mx1 postfix/smtpd[699]: MSG", cut: cutRelay},
	{name: "a relay", example: "Nov 23 14:16:23 relay Nov 23 14:16:23 mx1 postfix/smtpd[699]: MSG"},
	{name: "docker compose logs", example: "postfix-1  | Nov 23 14:16:23 mx1 postfix/smtpd[699]: MSG", cut: cutComposed},
	{name: "kubectl logs --prefix", example: "[pod/mail-0/postfix] Nov 23 14:16:23 mx1 postfix/smtpd[699]: MSG", cut: cutPod},
	{name: "Docker's driver for syslog", example: "Nov 23 14:16:23 host1 5f2ab1c2d3e4[323]: postfix/smtpd[699]: MSG"}, // isContainer
}

// firstRare is the index of the first of forms that parseHeader does not read.
const firstRare = 12

// next takes the next envelope off a line that no MTA owns, and reports whether there
// was one: a rare form of the header that env holds none of, or the envelope of a line
// within the line. An ordinary program's message that looks like a line stays what it
// is: only the output of a container, and what a tool wrote before a line, hold another.
// socklog's priority looks like a program: 2026-11-23T14:16:23.94148 mail.info: LINE
func (u *unwrapper) next(env *Envelope) bool {
	switch {
	case u.nested == maxNested:
		return false
	case u.container || isContainer(env.Program) || isFacilityAndSeverity(env.Program):
		u.inner(env.Message, env)
		return true
	case env.Program != nil || u.rare || len(u.raw) == 0:
		return false
	}
	u.rare = true
	b := cutPriorities(u.raw)
	for i := firstRare; i < len(forms); i++ {
		if f := &forms[i]; f.time != nil {
			if at, rest, ok := f.time(b); ok && readTagged(at, rest, env) {
				return true
			}
		} else if f.cut != nil {
			if line, ok := f.cut(u.raw, &u.scratch); ok {
				u.inner(line, env)
				return true
			}
		}
	}
	return readHostAndTag(b, env)
}

// readTagged reads what follows a time: {PRIORITY} [HOST] {PRIORITY} TAG. A log that an
// MTA writes itself begins with such times as well; a tag in it is certain only with a
// PID.
func readTagged(at Timestamp, b []byte, env *Envelope) bool {
	at, b = cutZone(at, b)
	b = cutPriorities(bytes.TrimLeft(b, " "))
	tagged := Envelope{Time: at}
	if !readTag(b, &tagged) {
		host, rest, _ := bytes.Cut(b, []byte(" "))
		if !isHost(host) || !readTag(cutPriorities(bytes.TrimLeft(rest, " ")), &tagged) {
			return false
		}
		tagged.Host = host
	}
	// journalctl -o with-unit: postfix@-.service[699]
	if unit, ok := bytes.CutSuffix(tagged.Program, []byte(".service")); ok {
		tagged.Program, _, _ = bytes.Cut(unit, []byte("@"))
	}
	*env = tagged
	return true
}

// readHostAndTag reads a line without a time: HOST TAG[PID]. The message may have one.
func readHostAndTag(b []byte, env *Envelope) bool {
	host, rest, _ := bytes.Cut(b, []byte(" "))
	var tagged Envelope
	if !isHost(host) || bytes.IndexByte(host, ':') >= 0 || !parseTag(rest, &tagged) || tagged.PID == nil {
		return false
	}
	tagged.Host = host
	tagged.Time, _, _ = cutTime(tagged.Message)
	*env = tagged
	return true
}

// readTag reads into env a tag behind env's time; behind one that an MTA's own log may have
// only the first of these:
//
//	TAG[PID]: MSG
//	TAG[PID] <Info>: MSG    OS X
//	TAG[PID] MSG
//	[TAG] MSG               metalog, where a queue id follows that looks like a tag
func readTag(b []byte, env *Envelope) bool {
	if parseTag(b, env) {
		return env.PID != nil || !env.Time.separated()
	}
	if env.Time.separated() {
		return false
	}
	if len(b) > 0 && b[0] == '[' {
		program, message, ok := bytes.Cut(b[1:], []byte("] "))
		if !ok || len(program) == 0 || bytes.ContainsAny(program, " []") {
			return false
		}
		env.Program, env.Message = program, message
		return true
	}
	program, rest, ok := bytes.Cut(b, []byte("["))
	pid, rest := cutDigits(rest)
	if !ok || len(program) == 0 || pid == nil || bytes.ContainsAny(program, " :,") {
		return false
	}
	rest, ok = bytes.CutPrefix(rest, []byte("] "))
	if priority, message, found := bytes.Cut(rest, []byte(": ")); found && len(priority) > 0 && priority[0] == '<' && isPriority(priority) {
		rest = message
	}
	env.Program, env.PID, env.Message = program, pid, rest
	return ok
}

// cutPriorities drops priorities, such as "<info>", "mail.info" and "[NOTICE]", and the
// blanks behind them.
func cutPriorities(b []byte) []byte {
	for {
		word, rest, ok := bytes.Cut(b, []byte(" "))
		if !ok || !isPriority(word) {
			return b
		}
		b = bytes.TrimLeft(rest, " ")
	}
}

// isPriority reports whether a word is a severity, alone or behind its facility, or a
// number in angle brackets. A facility or severity without brackets may be a host.
func isPriority(word []byte) bool {
	if n := len(word) - 1; n > 1 && (word[0] == '<' && word[n] == '>' || word[0] == '[' && word[n] == ']' || word[0] == '(' && word[n] == ')') {
		inner := word[1:n]
		if word[0] == '<' && len(bytes.Trim(inner, "0123456789.")) == 0 {
			return true
		}
		return isSeverity(inner) || isFacilityAndSeverity(inner)
	}
	return isFacilityAndSeverity(word)
}

const maxPriority = len("authpriv")

// lowered writes a word in lower case into b, unless it is too long for a priority.
func lowered(b *[maxPriority]byte, word []byte) []byte {
	if len(word) > len(b) {
		return nil
	}
	for i, c := range word {
		b[i] = lower(c)
	}
	return b[:len(word)]
}

func isFacilityAndSeverity(word []byte) bool {
	i := bytes.IndexByte(word, '.')
	if i < 0 {
		i = bytes.IndexByte(word, ':')
	}
	return i > 0 && i <= maxPriority && isFacility(word[:i]) && isSeverity(word[i+1:])
}

func isFacility(word []byte) bool {
	var name [maxPriority]byte
	switch string(lowered(&name, word)) {
	case "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
		"local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7":
		return true
	}
	return false
}

func isSeverity(word []byte) bool {
	var name [maxPriority]byte
	switch string(lowered(&name, word)) {
	case "debug", "info", "notice", "warn", "warning", "err", "error", "crit", "critical", "alert", "emerg", "panic":
		return true
	}
	return false
}

// isHost reports whether a word may be the name or address of a host, or the path that
// a line took, such as "relay/mx1" or "src@mx1".
func isHost(word []byte) bool {
	for _, c := range word {
		if !isAlphanumeric(c) && bytes.IndexByte([]byte(".-_:/@%"), c) < 0 {
			return false
		}
	}
	return len(word) > 0
}

// isContainer reports whether a syslog identifier is that of a container: Docker's tag,
// or an id, short or whole, behind a name or not.
func isContainer(program []byte) bool {
	if rest, ok := bytes.CutPrefix(program, []byte("docker")); ok {
		return len(rest) == 0 || rest[0] == '/'
	}
	if string(program) == "podman" || string(program) == "conmon" {
		return true
	}
	id := program[bytes.LastIndexByte(program, '/')+1:]
	if len(id) != 12 && len(id) != 64 {
		return false
	}
	for _, c := range id {
		if !isDigit(c) && (c < 'a' || 'f' < c) {
			return false
		}
	}
	return true
}

// cutSocklog takes off a line the time of svlogd or s6-log, if any, and socklog's
// priority: "mail.info: LINE".
func cutSocklog(b []byte, scratch *Envelope) (line []byte, ok bool) {
	if at, rest, ok := cutTime(b); ok && (at.kind == timeTAI64N || at.kind == timeZoned && at.text[10] == '_') {
		b = rest
	}
	priority, line, _ := bytes.Cut(bytes.TrimLeft(b, " "), []byte(": "))
	return line, isFacilityAndSeverity(priority) && isWhole(line, scratch)
}

// cutComposed takes the name of a container, with or without colours, off a line:
// "postfix-1  | LINE". Foreman writes the time of day before it.
func cutComposed(b []byte, _ *Envelope) (line []byte, ok bool) {
	b = trimColor(b)
	if isClock(b) && len(b) > len("14:16:23 ") && b[8] == ' ' {
		b = b[9:]
	}
	n := 0
	for n < len(b) && (isAlphanumeric(b[n]) || bytes.IndexByte([]byte("-_.@"), b[n]) >= 0) {
		n++
	}
	if n == 0 {
		return nil, false
	}
	line, ok = bytes.CutPrefix(trimColor(bytes.TrimLeft(b[n:], " ")), []byte("|"))
	if !ok {
		return nil, false
	}
	line, ok = bytes.CutPrefix(trimColor(line), []byte(" "))
	return trimColor(line), ok
}

// cutPod takes "[pod/NAME/CONTAINER] " off a line.
func cutPod(b []byte, _ *Envelope) (line []byte, ok bool) {
	rest, ok := bytes.CutPrefix(trimColor(b), []byte("[pod/"))
	if !ok {
		return nil, false
	}
	name, line, ok := bytes.Cut(rest, []byte("] "))
	return line, ok && bytes.IndexByte(name, ' ') < 0
}

// trimColor takes a terminal's escape sequence off b.
func trimColor(b []byte) []byte {
	rest, ok := bytes.CutPrefix(b, []byte("\x1b["))
	for ok && len(rest) > 0 {
		c := rest[0]
		rest = rest[1:]
		if c == 'm' {
			return rest
		}
		ok = isDigit(c) || c == ';'
	}
	return b
}

// cutRelay takes off a line the time, and the host, that came before a whole line with
// its own time, or the time before an object. An MTA's own log has no such lines.
func cutRelay(b []byte, scratch *Envelope) (line []byte, ok bool) {
	at, rest, ok := cutTime(b)
	if !ok || at.separated() {
		return nil, false
	}
	line = bytes.TrimLeft(rest, " ")
	if bytes.HasPrefix(line, []byte("{")) || isWhole(line, scratch) {
		return line, true
	}
	host, line, _ := bytes.Cut(line, []byte(" "))
	return line, isHost(host) && isWhole(line, scratch)
}

// isWhole reports whether a line begins with a time, and with a tag that has a PID or in
// the form of an MTA's own log.
func isWhole(b []byte, env *Envelope) bool {
	b, _ = cutPRI(b)
	parseHeader(b, env)
	return env.Time.kind != timeNone && (env.PID != nil || env.Program == nil && ownerOfForm(env) != noMTA)
}
