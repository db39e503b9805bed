package logparse

import "bytes"

// parseHeader reads into env the forms of syslog, and messages with only a tag, or
// nothing, before them:
//
//	<22>1 2026-11-23T14:18:21.941485+00:00 mx1 postfix/smtp 699 - - MSG    RFC 5424
//	<22>Nov  3 14:16:23 mx1 postfix/smtp[699]: MSG                         RFC 3164
//	2026-11-23T14:18:21.941485+00:00 mx1 postfix/smtp[699]: MSG            rsyslog's file format
//	Nov  3 14:16:23 <mail.info> mx1 postfix/smtp[699]: MSG                 FreeBSD's with -v
//	Nov  3 14:16:23 mx1 mail:info postfix/smtp[699]: MSG                   AIX'
//	postfix/smtp[699]: MSG
//	MSG
func parseHeader(b []byte, env *Envelope) {
	*env = Envelope{}
	if rest, ok := cutPRI(b); ok {
		if rest, ok := bytes.CutPrefix(rest, []byte("1 ")); ok && parseRFC5424(rest, env) {
			return
		}
		b = rest
	}
	at, rest, ok := cutTime(b)
	if !ok {
		// "4BD8F1A2C3: to=<...>" at the start of a line has no tag.
		if !parseTag(b, env) || env.PID == nil && bytes.IndexByte(env.Program, '/') < 0 {
			*env = Envelope{Message: b}
		}
		return
	}
	for len(rest) > 0 && rest[0] == ' ' {
		rest = rest[1:]
	}
	if len(rest) > 0 && rest[0] == '<' && !at.separated() { // FreeBSD's syslogd -v
		if level, after, ok := bytes.Cut(rest, []byte("> ")); ok && bytes.IndexByte(level, ' ') < 0 {
			rest = after
		}
	}
	host, tagged, _ := bytes.Cut(rest, []byte(" "))
	// maddy's words and fields: delivered<TAB>{"rcpt":"x smtpd[1]: ...
	// metalog's program: [postfix/smtp] 4BD8F1A2C3: ...
	if bytes.IndexByte(host, '\t') >= 0 || at.kind == timeSyslog && len(host) > 0 && host[0] == '[' {
		tagged = nil
	}
	if len(tagged) > 4 && tagged[4] == ':' && string(tagged[:4]) == "mail" { // AIX' syslogd
		_, tagged, _ = bytes.Cut(tagged, []byte(" "))
	}
	switch {
	case len(rest) > 0 && rest[0] == '{': // an object of an MTA that logs in JSON
		env.Message = rest
	case len(host) > 0 && host[len(host)-1] == ':' && parseTag(rest, env): // some formats omit the host
	case parseTag(bytes.TrimLeft(tagged, " "), env):
		env.Host = host
	default:
		env.Message = rest
	}
	// An MTA's own log has no tags. Some of its words look like a tag, and strangers
	// choose some of those words:
	//
	//	2026-11-23 14:24:12 daemon: fork of queue-runner process failed
	//	2026-11-23 14:24:12 ETRN x/smtpd[1]: received from ...
	switch {
	case !at.separated():
	case env.PID == nil:
		*env = Envelope{Message: rest}
	default:
		env.untagged = rest
	}
	env.Time = at
}

// cutPRI drops the priority, such as "<22>", from the start of b.
func cutPRI(b []byte) ([]byte, bool) {
	if len(b) < 3 || b[0] != '<' {
		return b, false
	}
	n, rest := cutNumber(b[1:])
	if n < 0 || n > 191 || len(rest) == 0 || rest[0] != '>' {
		return b, false
	}
	return rest[1:], true
}

// parseTag reads "TAG[PID]: MSG" or "TAG: MSG" into env and reports whether b has
// this form. A PID is a number, or what the MTA with that tag writes in its place.
func parseTag(b []byte, env *Envelope) bool {
	end := 0
	// A comma ends the first value of a line in CSV, where strangers' words may
	// follow without a blank.
	for end < len(b) && b[end] > ' ' && b[end] != '[' && b[end] != ':' && b[end] != ',' {
		end++
	}
	if end == 0 || end == len(b) {
		return false
	}
	rest, pid := b[end:], []byte(nil)
	if rest[0] == '[' {
		n := 1 + lenTagID(rest[1:], b[:end])
		if n == 1 || n == len(rest) || rest[n] != ']' {
			return false
		}
		pid, rest = rest[1:n], rest[n+1:]
	}
	if len(rest) == 0 || rest[0] != ':' || len(rest) > 1 && rest[1] != ' ' {
		return false
	}
	env.Program, env.PID, env.Message = b[:end], pid, trimMessage(rest[1:])
	return true
}

// lenTagID returns how many bytes of b can stand in the brackets of program's tag.
func lenTagID(b, program []byte) (n int) {
	for n < len(b) && isDigit(b[n]) {
		n++
	}
	if n == len(b) || b[n] == ']' {
		return n
	}
	if lenID := tagIDs[string(program)]; lenID != nil {
		return lenID(b)
	}
	return n
}

// trimMessage drops the blank before a message, and the id that Solaris' syslog
// puts there: "[ID 197553 mail.info] MSG".
func trimMessage(b []byte) []byte {
	b = bytes.TrimPrefix(b, []byte(" "))
	if rest, ok := bytes.CutPrefix(b, []byte("[ID ")); ok {
		if _, message, ok := bytes.Cut(rest, []byte("] ")); ok {
			return message
		}
	}
	return b
}

// parseRFC5424 reads what follows "<PRI>1 " into env and reports whether b has this
// form (RFC 5424 §6).
func parseRFC5424(b []byte, env *Envelope) bool {
	var field [5][]byte // time, host, app name, process id, message id
	for i := range field {
		var ok bool
		if field[i], b, ok = bytes.Cut(b, []byte(" ")); !ok || len(field[i]) == 0 {
			return false
		}
		if string(field[i]) == "-" {
			field[i] = nil
		}
	}
	b, ok := cutStructuredData(b)
	if !ok {
		return false
	}
	env.Time, _, _ = cutRFC3339(field[0])
	env.Host, env.Program, env.PID = field[1], field[2], field[3]
	b = bytes.TrimPrefix(b, []byte(" "))
	env.Message = trimMessage(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")))
	// Some relays cut the app name at its first slash and leave the whole tag in the
	// message: app name "postfix", message "postfix/smtp[699]: ...".
	var inner Envelope
	if parseTag(env.Message, &inner) && len(inner.PID) > 0 && bytes.HasPrefix(inner.Program, env.Program) &&
		bytes.IndexByte(inner.Program, '/') > 0 {
		env.Program, env.PID, env.Message = inner.Program, inner.PID, inner.Message
	}
	return true
}

// cutStructuredData drops "-" or "[id name="value"]..." (RFC 5424 §6.3). A backslash
// escapes the closing bracket and the quote in a value.
func cutStructuredData(b []byte) ([]byte, bool) {
	if len(b) == 0 {
		return nil, false
	}
	if b[0] == '-' {
		return b[1:], true
	}
	quoted := false
	for i := 0; i < len(b); i++ {
		switch {
		case i == 0 && b[i] != '[':
			return nil, false
		case quoted && b[i] == '\\':
			i++
		case b[i] == '"':
			quoted = !quoted
		case !quoted && b[i] == ']' && (i+1 == len(b) || b[i+1] != '['):
			return b[i+1:], true
		}
	}
	return nil, false
}
