package logparse

import (
	"bytes"
	"slices"
)

// Haraka writes to its standard output, or to syslog (haraka-plugin-syslog). What
// is known here was read in the source of Haraka 3.3.4, 3.1.6, 2.8.28 and 2.8.14; the
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
// To clients Haraka logs no positive reply but the acceptance of a message. Of other
// servers' replies it logs at the level NOTICE only those to recipients, and never
// that to QUIT. Some refusals have no line of their own (syntax, sequence, unknown
// commands): only the last one of a session is logged. The level PROTOCOL shows the
// dialogue, with all of them. Only lines of successful deliveries name the remote
// server.
//
// A line of a refusal (code=DENY, retval=DENY) leaves out its code, but
// "disconnect ... lr=" shows that of a session's last one. Each refusal before it is
// counted when the next one comes: with the code that harakaHooks implies, or without
// if the plugin may have set another. Refusals that lr does not show also count
// without a code, and so do the recipients that disconnect counts as rejected and no
// line explains. Of a session that finds no room any more, it is counted when the
// session is forgotten, and what disconnect shows of it later repeats it.
//
// Implied codes:
//
//	delivered file=... response="..."      250 at end of data; hmail.js cuts the code off a 2xx
//	queue code=OK                          250 at end of data (connection.js, queue_ok_respond)
//	... code=DENY, hook=... retval=DENY    harakaHooks
//
// Three kinds of lines repeat a reply: other lines about a reply whose dialogue was
// logged under the same UUID; the further lines of a reply there; and "Temp fail
// for:" (level DEBUG), after which hmail.js logs "Temp failing" or "bouncing mail",
// never both about the same attempt.

// The forms of Haraka's lines that look as if they show a reply.
const (
	shapeHarakaDisconnect = "disconnect" // disconnect ip=... lr="..."
	shapeHarakaDelivered  = "delivered"  // delivered file=... response="..."
	shapeHarakaRecipient  = "recipient"  // recipient <...> deferred: ...
	shapeHarakaUpstream   = "upstream"   // Temp failing ...: Upstream error: ...
	shapeHarakaProtocol   = "protocol"   // S: ...
	shapeHarakaVerdict    = "verdict"    // hook=... retval=DENY..., ... code=DENY...
)

var harakaMTA = mtaSpec{
	name:     "haraka",
	program:  []byte("haraka"),
	programs: []string{"haraka"},
	ownsForm: func(env *Envelope) bool { return hasHarakaHeader(env.Message) },
	shapes: []string{
		shapeHarakaDisconnect, shapeHarakaDelivered, shapeHarakaRecipient, shapeHarakaUpstream, shapeHarakaProtocol, shapeHarakaVerdict,
	},
	new: newHaraka,
}

// haraka is a line of Haraka, and what is remembered between its lines.
type haraka struct {
	*line
	level, uuid, origin []byte
	text                []byte // the message, without the attributes behind it
	attributes          []byte // NAME=VALUE ..., of the forms that are no JSON
	object              jsonObject
	inJSON              bool
	raw                 harakaRaw     // attributes in the form of old versions
	decoded             []byte        // values with escapes, decoded
	unknown             harakaSession // of which nothing is remembered

	sessions     table[harakaSession]     // by the connection's UUID
	counted      table[harakaRefusal]     // of sessions that found no room, so
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
	h := &haraka{
		line:         l,
		object:       newJSONObject(harakaAttributes...),
		sessions:     newTable[harakaSession](4096),
		counted:      newTable[harakaRefusal](16384),
		transactions: newTable[harakaTransaction](1024),
		items:        newTable[harakaItem](8192),
	}
	h.sessions.evicted = h.forgotten
	return h
}

func (l *haraka) tables() []remembered {
	return []remembered{&l.sessions, &l.transactions, &l.items, &l.counted}
}

func (l *haraka) parse() {
	if !l.header() {
		return
	}
	switch {
	case string(l.level) == "PROTOCOL":
		l.protocol()
	case string(l.level) == "DATA": // the messages themselves
	case string(l.origin) == "core":
		l.server()
	case string(l.origin) == "outbound":
		l.delivery()
	case string(l.uuid) != "-" && bytes.HasPrefix(l.origin, []byte("auth/")) && bytes.HasPrefix(l.text, []byte("delaying for ")):
		l.refuse(harakaRefusal{Command: Auth}, nil) // plugins/auth/auth_base.js
	}
}

// hasHarakaHeader reports whether a message begins with a level and a UUID, in one of
// the three forms.
func hasHarakaHeader(b []byte) bool {
	var level, uuid []byte
	switch {
	case bytes.HasPrefix(b, []byte("[")):
		var ok bool
		level, b, ok = cutHarakaBrackets(b)
		if ok {
			uuid, b, ok = cutHarakaBrackets(b)
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

// lenHarakaUUID is the length of a UUID (RFC 9562 §4) without numbers behind it.
const lenHarakaUUID = 36

// isHarakaUUID reports whether b is "-", or a UUID with or without the numbers of
// transaction and domain.
func isHarakaUUID(b []byte) bool {
	if string(b) == "-" {
		return true
	}
	if len(b) < lenHarakaUUID || b[8] != '-' || b[13] != '-' || b[18] != '-' || b[23] != '-' {
		return false
	}
	for i, c := range b {
		switch {
		case isDigit(c):
		case i >= lenHarakaUUID:
			if c != '.' {
				return false
			}
		case c|0x20 < 'a' || c|0x20 > 'f':
			if i != 8 && i != 13 && i != 18 && i != 23 {
				return false
			}
		}
	}
	return true
}

// cutHarakaBrackets reads "[WORD] ".
func cutHarakaBrackets(b []byte) (word, rest []byte, ok bool) {
	if len(b) == 0 || b[0] != '[' {
		return nil, b, false
	}
	word, rest, ok = bytes.Cut(b[1:], []byte("] "))
	return word, rest, ok && bytes.IndexByte(word, ' ') < 0
}

// header reads what each line has, in the form that it has.
func (l *haraka) header() bool {
	b := l.message
	l.attributes, l.inJSON, l.raw.form = nil, false, nil
	l.decoded = l.decoded[:0]
	if cap(l.decoded) < 2*len(b) {
		l.decoded = make([]byte, 0, 4*len(b))
	}
	if !hasHarakaHeader(b) {
		return false
	}
	switch b[0] {
	case '{':
		return l.jsonHeader(b)
	case '[':
		l.defaultHeader(b)
		return true
	}
	return l.logfmtHeader(b)
}

func (l *haraka) jsonHeader(b []byte) bool {
	l.inJSON = l.object.parse(b) || l.parseOverlong(b)
	l.level = l.attribute("level")
	l.uuid = l.attribute("uuid")
	l.origin = l.attribute("origin")
	l.text = l.attribute("message")
	return l.inJSON && isHarakaUUID(l.uuid) // a plugin's object may have one too
}

func (l *haraka) defaultHeader(b []byte) {
	l.level, b, _ = cutHarakaBrackets(b)
	l.uuid, b, _ = cutHarakaBrackets(b)
	l.origin, b, _ = cutHarakaBrackets(b)
	// Version 2 gives the client's UUID there too.
	if client, rest, ok := cutHarakaBrackets(b); ok && isHarakaUUID(client) {
		b = rest
	}
	l.text, l.attributes = cutHarakaAttributes(b)
}

// logfmtHeader allows a message without end, since the logger may have cut it.
func (l *haraka) logfmtHeader(b []byte) bool {
	for _, into := range [...]*[]byte{&l.level, &l.uuid, &l.origin} {
		var ok bool
		_, *into, b, ok = l.cutAttribute(b)
		if !ok {
			return false
		}
	}
	var whole bool
	_, l.text, b, whole = l.cutAttribute(b)
	if !whole && l.text == nil {
		return false
	}
	l.origin, _, _ = bytes.Cut(l.origin, []byte("]"))
	l.attributes = b
	return true
}

// parseOverlong reads an object that the logger cut within its message, or in an
// attribute behind that. All attributes are dropped, as one of them is not whole.
func (l *haraka) parseOverlong(b []byte) bool {
	start := len(l.decoded)
	l.decoded = append(append(l.decoded, b...), `"}`...)
	if !l.object.parse(l.decoded[start:]) {
		return false
	}
	clear(l.object.values[harakaMembers:])
	return true
}

// cutHarakaAttributes separates a message and its attributes, which the format
// DEFAULT joins with a blank. Among the messages that are read, these have attributes:
//
//	disconnect ip=192.0.2.7 rdns=...
//	recipient <a@dest.example> code=DENY msg="..."
//	 delivered file=...
//
// The last one has no message before its attributes. Addresses are in their RFC 5321
// form.
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
// false if the quotes do not end; value is then what there is of it.
func (l *haraka) cutAttribute(b []byte) (name, value, rest []byte, ok bool) {
	name, b, ok = bytes.Cut(b, []byte("="))
	if !ok {
		return nil, nil, nil, false
	}
	if len(b) == 0 || b[0] != '"' {
		value, rest, _ = bytes.Cut(b, []byte(" "))
		return name, value, rest, true
	}
	value, rest, ok = l.unquote(b)
	if ok && len(rest) > 0 && rest[0] != ' ' {
		return nil, nil, nil, false
	}
	return name, value, bytes.TrimPrefix(rest, []byte(" ")), ok
}

// unquote decodes the value in quotes at the start of b; ok is false if the quotes do
// not end.
func (l *haraka) unquote(b []byte) (value, rest []byte, ok bool) {
	start := len(l.decoded)
	for i := 1; i < len(b); i++ {
		c := b[i]
		switch {
		case c == '"':
			return l.decoded[start:len(l.decoded):len(l.decoded)], b[i+1:], true
		case c == '\\' && i+1 < len(b):
			i++
			c = b[i]
			if c == 'r' || c == 'n' {
				c = '\n'
			}
		}
		l.decoded = append(l.decoded, c)
	}
	return l.decoded[start:len(l.decoded):len(l.decoded)], nil, false
}

// attribute returns the value of an attribute; nil if there is none.
func (l *haraka) attribute(name string) []byte {
	if l.inJSON {
		for i := range harakaAttributes {
			if harakaAttributes[i] == name {
				return l.object.values[i]
			}
		}
		return nil
	}
	if l.raw.form != nil {
		return l.raw.value(name)
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
