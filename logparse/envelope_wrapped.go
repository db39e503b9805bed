package logparse

import "bytes"

// maxWrapped is how many envelopes are taken off a line, one within another.
const maxWrapped = 4

// takeOff takes an envelope off a line that no MTA owns, and returns the line within it;
// nil if there is none. raw is the line. Lines of the usual forms do not pay for these:
//
//	postfix-1  | Nov 23 14:16:23 mx1 postfix/smtp[699]: MSG               docker compose logs
//	[pod/mail-0/postfix] Nov 23 14:16:23 mx1 postfix/smtp[699]: MSG       kubectl logs --prefix
//	Nov 23 14:16:23 mx1 docker[323]: Nov 23 14:16:23 mail postfix/smtp[699]: MSG
//	Nov 23 14:16:23 mx1 5f2ab1c2d3e4[323]: postfix/smtp[699]: MSG         Docker's log driver for syslog
//	Nov 23 14:16:23 [postfix/smtp] MSG                                    metalog
//	Nov 23 14:16:23 mx1 <info> postfix/smtp[699]: MSG
//	Nov 23 14:16:23 mx1 mail.info postfix/smtp[699]: MSG
//	2026 Nov 23 14:16:23 mx1 postfix/smtp[699]: MSG
//	Mon 2026-11-23 14:16:23 UTC mx1 postfix/smtp[699]: MSG                journalctl -o short-full
//	1795443383.941485 mx1 postfix/smtp[699]: MSG                          journalctl -o short-unix
func (env *Envelope) takeOff(raw []byte) (inner []byte) {
	switch {
	case isContainer(env.Program):
		return env.takeInner(env.Message)
	case isBracketed(env.Host), env.Program == nil && bytes.HasPrefix(env.Message, []byte("[")) && env.Time.kind == timeSyslog:
		return env.takeMetalog(raw)
	case env.Program != nil:
		return nil
	case env.Time.kind == timeSyslog, env.Time.kind == timeZoned && !env.Time.separated():
		return env.takePriority(raw)
	case env.Time.kind != timeNone:
		return nil
	}
	if rest, ok := cutContainerName(env.Message); ok {
		return env.takeInner(rest)
	}
	at, rest, ok := cutRareTime(env.Message)
	host, tagged, _ := bytes.Cut(bytes.TrimLeft(rest, " "), []byte(" "))
	if !ok || !parseTag(tagged, env) {
		return nil
	}
	env.Time, env.Host = at, host
	return raw
}

// takeInner takes the envelope that b begins with. What it lacks is that of the outer
// one. A program whose lines have no envelope may begin them with a stranger's words.
func (env *Envelope) takeInner(b []byte) []byte {
	var inner Envelope
	parseSyslog(b, &inner)
	if inner.Program == nil && inner.Time.kind == timeNone && ownerOfForm(&inner) == noMTA {
		if _, _, ok := cutRareTime(b); !ok {
			return nil
		}
	}
	if inner.Time.kind == timeNone {
		inner.Time = env.Time
	}
	if inner.Host == nil {
		inner.Host = env.Host
	}
	*env = inner
	return b
}

// takeMetalog takes "[TAG] " off a line. The queue id behind it looks like a tag.
func (env *Envelope) takeMetalog(raw []byte) []byte {
	_, rest, _ := cutTime(raw)
	program, message, ok := bytes.Cut(bytes.TrimLeft(rest, " "), []byte(" "))
	if !ok || !isBracketed(program) {
		return nil
	}
	env.Host, env.PID = nil, nil
	env.Program, env.Message = program[1:len(program)-1], message
	return raw
}

// takePriority takes "HOST PRIORITY TAG: " off the message.
func (env *Envelope) takePriority(raw []byte) []byte {
	host, rest, _ := bytes.Cut(env.Message, []byte(" "))
	priority, tagged, ok := bytes.Cut(rest, []byte(" "))
	if !ok || !isPriority(priority) || !parseTag(tagged, env) {
		return nil
	}
	env.Host = host
	return raw
}

// isPriority reports whether a word is "<info>" or "mail.info".
func isPriority(word []byte) bool {
	if len(word) > 2 && word[0] == '<' && word[len(word)-1] == '>' {
		return isSeverity(word[1 : len(word)-1])
	}
	facility, severity, ok := bytes.Cut(word, []byte("."))
	return ok && len(facility) > 0 && isSeverity(severity)
}

func isSeverity(word []byte) bool {
	switch string(word) {
	case "debug", "info", "notice", "warn", "warning", "err", "error", "crit", "alert", "emerg", "panic":
		return true
	}
	return false
}

// isContainer reports whether a syslog identifier is that of a container: Docker's tag,
// or an id, short or whole.
func isContainer(program []byte) bool {
	if rest, ok := bytes.CutPrefix(program, []byte("docker")); ok {
		return len(rest) == 0 || rest[0] == '/'
	}
	if len(program) != 12 && len(program) != 64 {
		return false
	}
	for _, c := range program {
		if !isDigit(c) && (c < 'a' || 'f' < c) {
			return false
		}
	}
	return true
}

func isBracketed(b []byte) bool {
	return len(b) > 2 && b[0] == '[' && b[len(b)-1] == ']' && !bytes.ContainsAny(b[1:len(b)-1], "[]")
}

// cutContainerName takes the name of a container off a line, with or without colours.
func cutContainerName(b []byte) (rest []byte, ok bool) {
	if pod, ok := bytes.CutPrefix(b, []byte("[pod/")); ok {
		_, rest, ok := bytes.Cut(pod, []byte("] "))
		return rest, ok
	}
	b = trimColor(b)
	n := 0
	for n < len(b) && (isAlphanumeric(b[n]) || b[n] == '-' || b[n] == '_' || b[n] == '.') {
		n++
	}
	if n == 0 {
		return nil, false
	}
	rest, ok = bytes.CutPrefix(bytes.TrimLeft(b[n:], " "), []byte("|"))
	if !ok {
		return nil, false
	}
	return bytes.CutPrefix(trimColor(rest), []byte(" "))
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

// cutRareTime reads a time at the start of a line that cutTime does not know.
func cutRareTime(b []byte) (Timestamp, []byte, bool) {
	switch {
	case len(b) > 4 && isYear(b): // 2026 Nov 23 14:16:23
		if at, rest, ok := cutRFC3164(b[len("2026 "):]); ok {
			return Timestamp{timeSyslog, b[:len("2026 ")+len(at.text)]}, rest, true
		}
	case len(b) > 4 && b[3] == ' ' && !isDigit(b[0]): // Mon 2026-11-23 14:16:23 UTC
		if at, rest, ok := cutRFC3339(b[len("Mon "):]); ok && at.separated() {
			zone, rest, ok := bytes.Cut(bytes.TrimLeft(rest, " "), []byte(" "))
			return at, rest, ok && len(zone) > 0
		}
	default: // 1795443383.941485
		seconds, rest := cutDigits(b)
		if len(seconds) == 10 && len(rest) > 0 && rest[0] == '.' {
			if fraction, rest := cutDigits(rest[1:]); len(fraction) > 0 && bytes.HasPrefix(rest, []byte(" ")) {
				return Timestamp{timeSeconds, seconds}, rest, true
			}
		}
	}
	return Timestamp{}, b, false
}
