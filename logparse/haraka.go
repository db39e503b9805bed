package logparse

import (
	"bytes"
	"slices"
)

// Haraka writes to its standard output, or to syslog (haraka-plugin-syslog). What
// is known here was read in the source of Haraka 3.3.4, 3.1.6 and 2.8.28; the
// files named in comments are there. config/log.ini sets the form of the lines,
// with or without a time before them, and the level (logger.js):
//
//	[NOTICE] [UUID.1] [core] recipient <a@dest.example> code=DENY msg="no such user" sender=b@src.example
//	level=NOTICE uuid=UUID.1 origin=core message="recipient <a@dest.example>" code=DENY msg="no such user" sender=b@src.example
//	{"level":"NOTICE","uuid":"UUID.1","origin":"core","message":"recipient <a@dest.example>","code":"DENY","msg":"no such user","sender":"b@src.example"}
//
// UUID is a connection's; .1 its first transaction, .1.2 the second domain that
// this transaction's message goes to.
//
// Haraka never logs the positive replies to clients but the acceptance of a
// message; at the level NOTICE no remote reply but those to recipients; and no
// reply to QUIT. Of the refusals without a line of their own (syntax, sequence,
// unknown commands) it tells the last one of a session. The level PROTOCOL shows
// the dialogue, with all of them. The name of a remote server stands on the lines
// of successful deliveries alone.
//
// A line that tells of a refusal (code=DENY, retval=DENY) leaves out its code,
// which "disconnect ... lr=" shows of a session's last one. Each before it is
// counted when the next one comes, with the code that harakaHooks implies or, if
// the plugin may have set another, without. Without a code count, too, one that
// lr does not show, and the recipients that disconnect says were rejected and no
// line explains.
//
// Implied codes:
//
//	delivered file=... response="..."      250 at end of data; hmail.js cuts the code off a 2xx
//	queue code=OK                          250 at end of data (connection.js, queue_ok_respond)
//	... code=DENY, hook=... retval=DENY    harakaHooks
//
// Repeats: what other lines tell of a reply whose dialogue was logged under the
// same UUID; the further lines of a reply there; and "Temp fail for:" (level
// DEBUG), after which hmail.js logs "Temp failing" or "bouncing mail". The latter
// are never about the same attempt.

// The forms of Haraka's lines that look as if they told a reply.
const (
	shapeHarakaDisconnect = "disconnect" // disconnect ip=... lr="..."
	shapeHarakaDelivered  = "delivered"  // delivered file=... response="..."
	shapeHarakaRecipient  = "recipient"  // recipient <...> deferred: ...
	shapeHarakaUpstream   = "upstream"   // Temp failing ...: Upstream error: ...
	shapeHarakaProtocol   = "protocol"   // S: ...
)

var harakaMTA = mtaSpec{
	name:        "haraka",
	program:     []byte("haraka"),
	ownsProgram: func(program []byte) bool { return string(program) == "haraka" },
	ownsForm:    func(env *Envelope) bool { return isHaraka(env.Message) },
	shapes:      []string{shapeHarakaDisconnect, shapeHarakaDelivered, shapeHarakaRecipient, shapeHarakaUpstream, shapeHarakaProtocol},
	new:         newHaraka,
}

// haraka is a line of Haraka, and what is remembered between its lines.
type haraka struct {
	*line
	level, uuid, origin []byte
	text                []byte // the message, without the attributes behind it
	attributes          []byte // NAME=VALUE ..., of the forms that are no JSON
	object              jsonObject
	inJSON              bool
	decoded             []byte // values with escapes, decoded

	sessions     table[harakaSession]     // by the connection's UUID
	transactions table[harakaTransaction] // by the transaction's
	items        table[harakaItem]        // by the queue item's
}

// harakaMembers is how many members each object has before its attributes.
const harakaMembers = 4

// harakaAttributes are the members of the JSON form that are read.
var harakaAttributes = []string{
	"level", "uuid", "origin", "message",
	"hook", "params", "retval", "code", "msg", "msg.reply", "ip", "rdns", "rcpts", "lr", "host", "mode", "response",
}

var harakaMsg = slices.Index(harakaAttributes, "msg")

func newHaraka(l *line) grammar {
	return &haraka{
		line:         l,
		object:       newJSONObject(harakaAttributes...),
		sessions:     newTable[harakaSession](4096),
		transactions: newTable[harakaTransaction](1024),
		items:        newTable[harakaItem](8192),
	}
}

func (l *haraka) tables() []remembered {
	return []remembered{&l.sessions, &l.transactions, &l.items}
}

func (l *haraka) parse() {
	if !l.header() {
		return
	}
	switch {
	case string(l.level) == "PROTOCOL":
		l.protocol()
		return
	case string(l.level) == "DATA": // the messages themselves
	case string(l.origin) == "core":
		l.server()
		return
	case string(l.origin) == "outbound":
		l.delivery()
		return
	case string(l.uuid) != "-" && bytes.HasPrefix(l.origin, []byte("auth/")) && bytes.HasPrefix(l.text, []byte("delaying for ")):
		l.refuse(harakaRefusal{Command: Auth}, nil) // plugins/auth/auth_base.js
	}
}

// isHaraka tells whether a message without a tag is one of Haraka's.
func isHaraka(b []byte) bool {
	var level, uuid []byte
	switch {
	case bytes.HasPrefix(b, []byte("[")):
		var ok bool
		if level, b, ok = cutBrackets(b); ok {
			uuid, b, ok = cutBrackets(b)
		}
		if !ok || !bytes.HasPrefix(b, []byte("[")) {
			return false
		}
	case bytes.HasPrefix(b, []byte("level=")):
		level, b, _ = bytes.Cut(b[len("level="):], []byte(" uuid="))
		uuid, _, _ = bytes.Cut(b, []byte(" origin="))
	case bytes.HasPrefix(b, []byte(`{"level":"`)):
		level, b, _ = bytes.Cut(b[len(`{"level":"`):], []byte(`","uuid":"`))
		uuid, _, _ = bytes.Cut(b, []byte(`","origin":"`))
	}
	return isHarakaLevel(level) && isHarakaUUID(uuid)
}

func isHarakaLevel(b []byte) bool {
	switch string(b) {
	case "DATA", "PROTOCOL", "DEBUG", "INFO", "NOTICE", "WARN", "ERROR", "CRIT", "ALERT", "EMERG":
		return true
	}
	return false
}

// lenUUID is the length of a UUID (RFC 9562 §4).
const lenUUID = 36

// isHarakaUUID tells whether b is "-" or a UUID with the numbers of transaction
// and domain.
func isHarakaUUID(b []byte) bool {
	if string(b) == "-" {
		return true
	}
	if len(b) < lenUUID {
		return false
	}
	for i, c := range b {
		switch {
		case i == 8, i == 13, i == 18, i == 23:
			if c != '-' {
				return false
			}
		case i >= lenUUID:
			if c != '.' && !isDigit(c) {
				return false
			}
		case !isDigit(c) && (c|0x20 < 'a' || c|0x20 > 'f'):
			return false
		}
	}
	return true
}

// cutBrackets reads "[WORD] ".
func cutBrackets(b []byte) (word, rest []byte, ok bool) {
	if len(b) == 0 || b[0] != '[' {
		return nil, b, false
	}
	word, rest, ok = bytes.Cut(b[1:], []byte("] "))
	return word, rest, ok && bytes.IndexByte(word, ' ') < 0
}

// header reads what each line has.
func (l *haraka) header() bool {
	b := l.message
	l.attributes, l.inJSON, l.decoded = nil, false, l.decoded[:0]
	if cap(l.decoded) < 2*len(b) {
		l.decoded = make([]byte, 0, 4*len(b))
	}
	if !isHaraka(b) {
		return false
	}
	switch b[0] {
	case '{':
		if l.inJSON = l.object.parse(b); !l.inJSON {
			l.inJSON = l.parseCut(b)
		}
		l.level, l.uuid = l.attribute("level"), l.attribute("uuid")
		l.origin, l.text = l.attribute("origin"), l.attribute("message")
		return l.inJSON && isHarakaUUID(l.uuid) // a plugin's object may have one too
	case '[':
		l.level, b, _ = cutBrackets(b)
		l.uuid, b, _ = cutBrackets(b)
		l.origin, b, _ = cutBrackets(b)
		// Version 2 gives the client's UUID there too.
		if client, rest, ok := cutBrackets(b); ok && isHarakaUUID(client) {
			b = rest
		}
		l.text, l.attributes = cutHarakaAttributes(b)
		return true
	}
	for _, into := range []*[]byte{&l.level, &l.uuid, &l.origin, &l.text} {
		var ok bool
		if _, *into, b, ok = l.cutAttribute(b); !ok && (into != &l.text || l.text == nil) {
			return false // but for a message that the logger cut
		}
	}
	l.origin, _, _ = bytes.Cut(l.origin, []byte("]"))
	l.attributes = b
	return true
}

// parseCut reads an object that the logger cut within its message, or in an
// attribute behind that. Attributes are dropped, as one of them is not whole.
func (l *haraka) parseCut(b []byte) bool {
	start := len(l.decoded)
	l.decoded = append(append(l.decoded, b...), `"}`...)
	if !l.object.parse(l.decoded[start:]) {
		return false
	}
	clear(l.object.values[harakaMembers:])
	return true
}

// cutHarakaAttributes parts what the format DEFAULT joins with a blank: a message
// and attributes. Of the messages that tell something, these have attributes:
//
//	disconnect ip=192.0.2.7 rdns=...
//	recipient <a@dest.example> code=DENY msg="..."
//	 delivered file=...
//
// The attributes of the last have no message before them. Addresses come in
// their RFC 5321 form.
func cutHarakaAttributes(b []byte) (text, attributes []byte) {
	word, rest, _ := bytes.Cut(b, []byte(" "))
	switch string(word) {
	case "", "connect", "disconnect", "queue", "message":
		return word, rest
	case "sender", "recipient":
		if len(rest) == 0 || rest[0] != '<' {
			break
		}
		after, ok := skipAddress(rest[1:])
		if ok && bytes.HasPrefix(after, []byte(" code=")) {
			return b[:len(b)-len(after)], after[1:]
		}
	}
	return b, nil
}

// cutAttribute reads NAME=VALUE and the blank after it. A value with a blank, an
// equals sign, a quote or a backslash is in quotes, with backslashes before
// quotes, backslashes and the letters of line ends (logger.js, stringify). ok is
// false where the quotes do not end: then value is what there is of it.
func (l *haraka) cutAttribute(b []byte) (name, value, rest []byte, ok bool) {
	name, b, ok = bytes.Cut(b, []byte("="))
	if !ok {
		return nil, nil, nil, false
	}
	if len(b) == 0 || b[0] != '"' {
		value, rest, _ = bytes.Cut(b, []byte(" "))
		return name, value, rest, true
	}
	start := len(l.decoded)
	for i := 1; i < len(b); i++ {
		c := b[i]
		switch {
		case c == '"':
			value = l.decoded[start:len(l.decoded):len(l.decoded)]
			rest = b[i+1:]
			if len(rest) > 0 && rest[0] != ' ' {
				return nil, nil, nil, false
			}
			return name, value, bytes.TrimPrefix(rest, []byte(" ")), true
		case c == '\\' && i+1 < len(b):
			i++
			if c = b[i]; c == 'r' || c == 'n' {
				c = '\n'
			}
		}
		l.decoded = append(l.decoded, c)
	}
	return name, l.decoded[start:len(l.decoded):len(l.decoded)], nil, false
}

// attribute returns the value of the attribute of a name; nil where there is none.
func (l *haraka) attribute(name string) []byte {
	if l.inJSON {
		for i := range harakaAttributes {
			if harakaAttributes[i] == name {
				return l.object.values[i]
			}
		}
		return nil
	}
	for b := l.attributes; len(b) > 0; {
		start := len(l.decoded)
		n, value, rest, ok := l.cutAttribute(b)
		if !ok {
			return nil
		}
		if string(n) == name {
			return value
		}
		l.decoded, b = l.decoded[:start], rest
	}
	return nil
}

// key is the key of a UUID, or of the beginning of one.
func (l *haraka) key(uuid []byte) hash { return l.seed.add(uuid) }
