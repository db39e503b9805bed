package logparse

import "bytes"

// Postfix logs by syslog or postlogd. What is known here was read in the source
// of Postfix 3.7; the files named in comments are there.

// The forms of Postfix' lines that look as if they told a reply.
const (
	shapeDelivery   = "delivery"         // QID: to=<...>, relay=...
	shapeReject     = "reject"           // QID: reject: RCPT from ...
	shapeProxy      = "proxy"            // proxy-reject: ..., warning: proxy ... rejected ...
	shapeHost       = "host_said"        // QID: host ... said: ...
	shapeDisconnect = "disconnect"       // disconnect from ... ehlo=1
	shapePostscreen = "postscreen"       // NOQUEUE: reject: RCPT from [...]:...
	shapeContent    = "content_rejected" // QID: reject: header ...
)

var postfixMTA = mtaSpec{
	name: "postfix",
	ownsProgram: func(program []byte) bool {
		if bytes.HasPrefix(program, []byte("postfix")) {
			return true
		}
		i := bytes.LastIndexByte(program, '/')
		return i >= 0 && services[string(program[i+1:])]
	},
	ownsForm: func(env *Envelope) bool { return isPostfixMessage(env.Message) },
	// Milters log queue ids as well.
	formIsCommon: true,
	shapes:       []string{shapeDelivery, shapeReject, shapeProxy, shapeHost, shapeDisconnect, shapePostscreen, shapeContent},
	new:          newPostfix,
}

// postfix is a line of Postfix, and what is remembered between its lines.
type postfix struct {
	*line
	service  string
	process  hash
	sessions table[session] // by process; of postscreen by client
	messages table[hash]    // queue id to the session of smtpd that it came from
}

func newPostfix(l *line) grammar {
	return &postfix{line: l, sessions: newTable[session](4096), messages: newTable[hash](8192)}
}

func (l *postfix) tables() []remembered { return []remembered{&l.sessions, &l.messages} }

// A session is what lines of one process tell of its present SMTP session. Its
// fields are exported for encoding/binary.
type session struct {
	// As a server.
	HandshakeLost bool                // a TLS handshake failed after the 220 to STARTTLS
	Told          bool                // a line told of a reply that the transcript shows next
	Explained     [numCommands]uint32 // refused commands that lines of their own told
	Accepted      uint32              // messages of which proxy-accept told
	DataLost      uint32              // messages refused or cut off after the 354
	Queued        uint32              // messages begun, in the queue
	Client        [46]byte            // address, as logged
	ClientLen     uint8

	// As a client.
	Delivered hash // of the last delivery line, with its message and reply

	// In both roles, where the dialogue is logged.
	dialogue
	Peer  hash     // of the server whose dialogue is logged
	Proxy dialogue // of smtpd with its before-queue filter
}

// valid tells whether what was read from a state can be used.
func (s *session) valid() bool {
	return int(s.ClientLen) <= len(s.Client) && s.dialogue.valid() && s.Proxy.valid()
}

// services are Postfix' daemons and commands that log.
var services = map[string]bool{
	"smtp": true, "lmtp": true, "smtpd": true, "postscreen": true, "cleanup": true,
	"error": true, "retry": true, "local": true, "virtual": true, "pipe": true, "discard": true,
	"anvil": true, "bounce": true, "defer": true, "trace": true, "dnsblog": true, "flush": true, "master": true,
	"nqmgr": true, "oqmgr": true, "qmgr": true, "pickup": true, "proxymap": true, "proxywrite": true, "qmqpd": true,
	"scache": true, "showq": true, "spawn": true, "tlsmgr": true, "tlsproxy": true, "trivial-rewrite": true,
	"verify": true, "postlogd": true, "postfix-script": true, "postlog": true, "postqueue": true, "postsuper": true,
	"postdrop": true, "postmap": true, "postalias": true, "postcat": true, "sendmail": true, "maildrop": true,
}

// postfixService returns the daemon that a syslog identifier names, whatever
// syslog_name and the service's name in master.cf stand before it
// ("postfix/submission/smtpd", "mx1/relay/smtp"). It is "" where a logger cut
// the identifier at its first slash, and where Postfix knows no such daemon.
func postfixService(program []byte) (service string) {
	i := bytes.LastIndexByte(program, '/')
	if i < 0 {
		return ""
	}
	name := program[i+1:]
	if services[string(name)] {
		return daemon(name)
	}
	return "unknown"
}

// daemon returns the constant name of the services that speak SMTP or deliver,
// and "other" for the rest.
func daemon(name []byte) string {
	switch string(name) {
	case "smtp":
		return "smtp"
	case "lmtp":
		return "lmtp"
	case "smtpd":
		return "smtpd"
	case "postscreen":
		return "postscreen"
	case "cleanup":
		return "cleanup"
	case "pickup":
		return "pickup"
	case "error", "retry":
		return "error"
	case "local", "virtual", "pipe", "discard":
		return "local"
	}
	return "other"
}

func (l *postfix) parse() {
	message := l.message
	if l.service = postfixService(l.env.Program); l.service == "" {
		l.service = guessService(message)
	}
	l.process = l.line.process()
	switch l.service {
	case "smtp", "lmtp":
		l.client(message)
		return
	case "smtpd":
		l.server(message)
		return
	case "postscreen":
		l.postscreen(message)
		return
	case "cleanup":
		l.cleanup(message)
		return
	case "pickup":
		// QID: uid=0 from=<root>: the id is no longer that of a message from smtpd.
		if id, _ := cutQueueID(message); id != nil {
			l.messages.remove(l.messageKey(id))
		}
	case "error", "local":
		if id, rest := cutQueueID(message); id != nil {
			if rest, ok := bytes.CutPrefix(rest, []byte("to=<")); ok {
				l.delivery(id, rest)
				return
			}
		}
	}
}

// guessService names the daemon by the form of its message, for logs in which
// the identifier is cut to "postfix". Transcripts cannot be told apart there.
func guessService(message []byte) string {
	id, rest := cutQueueID(message)
	if id == nil {
		if bytes.HasPrefix(message, []byte("< ")) || bytes.HasPrefix(message, []byte("> ")) {
			return "other"
		}
		for i := range impliedByPostscreen {
			if bytes.HasPrefix(message, []byte(impliedByPostscreen[i].prefix)) {
				return "postscreen"
			}
		}
		return "smtpd"
	}
	switch {
	case bytes.HasPrefix(rest, []byte("to=<")): // delivery takes no reply from a relay that is no host
		return "smtp"
	case bytes.HasPrefix(rest, []byte("reject: header ")), bytes.HasPrefix(rest, []byte("reject: body ")),
		bytes.HasPrefix(rest, []byte("milter-reject: END-OF-MESSAGE ")):
		return "cleanup"
	case bytes.HasPrefix(rest, []byte("reject: RCPT from [")), bytes.HasPrefix(rest, []byte("reject: CONNECT from [")):
		return "postscreen"
	case bytes.HasPrefix(rest, []byte("reject: ")), bytes.HasPrefix(rest, []byte("milter-reject: ")),
		bytes.HasPrefix(rest, []byte("client=")), bytes.HasPrefix(rest, []byte(tlsAborted.prefix)):
		return "smtpd"
	}
	return "smtp" // QID: host NAME[IP] said: ...
}

// session returns what is remembered of the process' session.
func (l *postfix) session() *session { return l.sessions.put(l.process) }

// cutQueueID reads "QID: " or "NOQUEUE: ": letters and digits, at most 24 with
// room to spare (short ids are hexadecimal, long ones are base 52 with a time
// and an inode, global/mail_queue.h).
func cutQueueID(b []byte) (id, rest []byte) {
	n := 0
	for n < len(b) && n <= 24 && isAlphanumeric(b[n]) {
		n++
	}
	if n < 5 || n > 24 || n+1 >= len(b) || b[n] != ':' || b[n+1] != ' ' {
		return nil, nil
	}
	switch string(b[:n]) {
	case "warning", "error", "fatal", "panic": // severities (util/msg_output.c)
		return nil, nil
	}
	return b[:n], b[n+2:]
}

// isPostfixMessage knows a message without a tag by the queue id that it begins
// with: upper case and hexadecimal, or, a long one, without vowels (global/safe_ultostr.c).
func isPostfixMessage(b []byte) bool {
	id, _ := cutQueueID(b)
	if id == nil || string(id) == "NOQUEUE" {
		return id != nil
	}
	hexadecimal, consonants := true, len(id) > 10
	for _, c := range id {
		hexadecimal = hexadecimal && (isDigit(c) || 'A' <= c && c <= 'F')
		consonants = consonants && bytes.IndexByte([]byte("aeiouAEIOU"), c) < 0
	}
	return hexadecimal || consonants
}

// messageKey is the key of a queue id. The instance is no part of it: smtpd may
// log under a name of its own (-o syslog_name=submission), and two instances do
// not use the same id at the same time, which holds a time and an inode.
func (l *postfix) messageKey(id []byte) hash { return l.seed.add(l.env.Host).add(id) }
