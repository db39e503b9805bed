package logparse

import "bytes"

// Postfix logs by syslog or postlogd. What is known here was read in the source
// of Postfix 3.7 to 3.11; the files named in comments are there.

// The forms of Postfix' lines that look as if they showed a reply.
const (
	shapePostfixDelivery   = "delivery"         // QID: to=<...>, relay=...
	shapePostfixReject     = "reject"           // QID: reject: RCPT from ...
	shapePostfixProxy      = "proxy"            // proxy-reject: ..., warning: proxy ... rejected ...
	shapePostfixHost       = "host_said"        // QID: host ... said: ...
	shapePostfixDisconnect = "disconnect"       // disconnect from ... ehlo=1
	shapePostfixPostscreen = "postscreen"       // NOQUEUE: reject: RCPT from [...]:...
	shapePostfixContent    = "content_rejected" // QID: reject: header ...
)

var postfixMTA = mtaSpec{
	name:        "postfix",
	ownsProgram: postfixOwnsProgram,
	ownsForm:    postfixOwnsForm,
	// Milters log queue ids as well.
	formIsCommon: true,
	shapes: []string{
		shapePostfixDelivery, shapePostfixReject, shapePostfixProxy, shapePostfixHost,
		shapePostfixDisconnect, shapePostfixPostscreen, shapePostfixContent,
	},
	judged: "3.11.7",
	new:    newPostfix,
}

func postfixOwnsProgram(program []byte) bool {
	if bytes.HasPrefix(program, []byte("postfix")) {
		return true
	}
	i := bytes.LastIndexByte(program, '/')
	return i >= 0 && postfixServices[string(program[i+1:])]
}

// postfixOwnsForm recognizes a message without a tag by the queue id that it
// begins with. A short id is hexadecimal in upper case, a long one has no vowels
// (global/safe_ultostr.c).
func postfixOwnsForm(env *Envelope) bool {
	id, _ := cutPostfixQueueID(env.Message)
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

// A postfix is a line of Postfix with what is remembered between lines.
type postfix struct {
	*line
	service  string
	process  hash
	sessions table[postfixSession] // by process; of postscreen by client
	messages table[hash]           // queue id to the session of smtpd that it came from
	early    table[postfixEarly]   // by process
	said     []byte                // the buffer of Event.Said
}

func newPostfix(l *line) grammar {
	return &postfix{
		line: l, sessions: newTable[postfixSession](4096), messages: newTable[hash](8192),
		early: newTable[postfixEarly](256),
	}
}

func (l *postfix) tables() []remembered { return []remembered{&l.sessions, &l.messages, &l.early} }

// A postfixSession is what is remembered of the present SMTP session of a
// process. Its fields are exported for encoding/binary.
type postfixSession struct {
	// As a server.
	HandshakeLost bool                // a TLS handshake failed after the 220 to STARTTLS
	Announced     bool                // a line showed the reply that the transcript shows next
	Explained     [numCommands]uint32 // refused commands that lines of their own showed
	Accepted      uint32              // messages with a proxy-accept line
	DataLost      uint32              // messages refused or cut off after the 354
	Queued        uint32              // messages begun, in the queue
	Client        address

	// As a client.
	Delivered hash // of the last delivery line, with its message and reply

	// In both roles, where the dialogue is logged.
	dialogue
	Peer  hash     // of the server whose dialogue is logged
	Proxy dialogue // of smtpd with its before-queue filter
}

// valid reports whether what was read from a state can be used.
func (s *postfixSession) valid() bool {
	return s.Client.valid() && s.dialogue.valid() && s.Proxy.valid()
}

// postfixServices are Postfix' daemons and commands that log.
var postfixServices = map[string]bool{
	"smtp": true, "lmtp": true, "smtpd": true, "postscreen": true, "cleanup": true,
	"error": true, "retry": true, "local": true, "virtual": true, "pipe": true, "discard": true,
	"anvil": true, "bounce": true, "defer": true, "trace": true, "dnsblog": true, "flush": true, "master": true,
	"nqmgr": true, "oqmgr": true, "qmgr": true, "pickup": true, "proxymap": true, "proxywrite": true, "qmqpd": true,
	"scache": true, "showq": true, "spawn": true, "tlsmgr": true, "tlsproxy": true, "trivial-rewrite": true,
	"verify": true, "postlogd": true, "postfix-script": true, "postlog": true, "postqueue": true, "postsuper": true,
	"postdrop": true, "postmap": true, "postalias": true, "postcat": true, "sendmail": true, "maildrop": true,
}

// postfixService returns the daemon that the last element of a syslog identifier
// names, after any syslog_name and any service name of master.cf
// ("postfix/submission/smtpd", "mx1/relay/smtp"). It returns "unknown" for a name
// that is no daemon of Postfix, and "" where a logger cut the identifier at its
// first slash.
func postfixService(program []byte) (service string) {
	i := bytes.LastIndexByte(program, '/')
	if i < 0 {
		return ""
	}
	name := program[i+1:]
	if daemon := postfixDaemon(name); daemon != "other" || postfixServices[string(name)] {
		return daemon
	}
	return "unknown"
}

// postfixDaemon returns the name of a service that speaks SMTP or delivers as a
// constant, and "other" for any other service.
func postfixDaemon(name []byte) string {
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
	case "master":
		return "master"
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
	l.service = postfixService(l.env.Program)
	if l.service == "" {
		l.service = guessPostfixService(message)
	}
	l.process = l.line.process()
	switch l.service {
	case "smtp", "lmtp":
		l.client(message)
	case "smtpd":
		l.server(message)
	case "postscreen":
		l.postscreen(message)
	case "cleanup":
		l.cleanup(message)
	case "master":
		l.started(message)
	case "pickup":
		// QID: uid=0 from=<root>: the id is no longer that of a message from smtpd.
		if id, _ := cutPostfixQueueID(message); id != nil {
			l.messages.remove(l.messageKey(id))
		}
	case "error", "local":
		if id, rest := cutPostfixQueueID(message); id != nil {
			if rest, ok := bytes.CutPrefix(rest, []byte("to=<")); ok {
				l.delivery(id, rest)
			}
		}
	}
}

// postfixStarts are what master(8) logs before its version (master.c, main()).
var postfixStarts = []string{"daemon started -- version ", "reload -- version "}

// started reads the version of a Postfix that starts:
//
//	daemon started -- version 3.11.7, configuration /etc/postfix
func (l *postfix) started(message []byte) {
	for _, prefix := range postfixStarts {
		if rest, ok := bytes.CutPrefix(message, []byte(prefix)); ok {
			if version, _, ok := cutVersion(rest); ok {
				l.version = version
			}
		}
	}
}

// guessPostfixService names the daemon by the form of its message, for logs in
// which the identifier is cut to "postfix". A transcript does not show whose it is.
func guessPostfixService(message []byte) string {
	id, rest := cutPostfixQueueID(message)
	if id == nil {
		if bytes.HasPrefix(message, []byte("< ")) || bytes.HasPrefix(message, []byte("> ")) {
			return "other"
		}
		for _, prefix := range postfixStarts {
			if bytes.HasPrefix(message, []byte(prefix)) {
				return "master"
			}
		}
		for i := range postfixImpliedByPostscreen {
			if bytes.HasPrefix(message, []byte(postfixImpliedByPostscreen[i].prefix)) {
				return "postscreen"
			}
		}
		return "smtpd"
	}
	switch {
	case bytes.HasPrefix(rest, []byte("to=<")): // delivery takes no reply from a relay that is no host
		return "smtp"
	case bytes.HasPrefix(rest, []byte("reject: header ")), bytes.HasPrefix(rest, []byte("reject: body ")),
		bytes.HasPrefix(rest, []byte("reject: mime-error ")),
		bytes.HasPrefix(rest, []byte("milter-reject: END-OF-MESSAGE ")):
		return "cleanup"
	case bytes.HasPrefix(rest, []byte("reject: RCPT from [")), bytes.HasPrefix(rest, []byte("reject: CONNECT from [")):
		return "postscreen"
	case bytes.HasPrefix(rest, []byte("reject: ")), bytes.HasPrefix(rest, []byte("milter-reject: ")),
		bytes.HasPrefix(rest, []byte("client=")), bytes.HasPrefix(rest, []byte(postfixTLSAborted.prefix)):
		return "smtpd"
	}
	for i := range postfixEndsOfSession {
		if bytes.HasPrefix(rest, []byte(postfixEndsOfSession[i].prefix)) {
			return "smtpd"
		}
	}
	return "smtp" // QID: host NAME[IP] said: ...
}

// session returns what is remembered of the session of the process.
func (l *postfix) session() *postfixSession { return l.sessions.put(l.process) }

// cutPostfixQueueID reads "QID: " or "NOQUEUE: ". An id is 5 to 24 letters and
// digits, which leaves room to spare: short ids are hexadecimal, long ones are
// base 52 with a time and an inode (global/mail_queue.h).
func cutPostfixQueueID(b []byte) (id, rest []byte) {
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

// messageKey is the key of a queue id. It holds no instance: smtpd may log under a
// name of its own (-o syslog_name=submission), and two instances do not use the
// same id at the same time, since it holds a time and an inode.
func (l *postfix) messageKey(id []byte) hash { return l.seed.add(l.env.Host).add(id) }
