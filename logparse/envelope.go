package logparse

import "bytes"

// An Envelope holds the MTA's message in a line and what the logger wrote around it.
// Its slices refer into the line or, for lines in JSON or in parts, into the Parser.
// They are valid until the next call of Parse.
type Envelope struct {
	Time    Timestamp
	Host    []byte // as logged; nil if the format has none
	Program []byte // the syslog identifier, such as "postfix/smtpd"
	PID     []byte
	Message []byte
	// Container is true in what ParseEnvelope takes if the message is what a container
	// wrote, by what is around it: it may be a whole line, whatever the program.
	Container bool

	untagged []byte // Message with its apparent tag; nil if the tag is certain
}

// maxJoined is the limit, in bytes, on a message that a container runtime logged in
// parts.
const maxJoined = 256 << 10

// dockerPart is the size, in bytes, of each part of a message in Docker's json-file log.
const dockerPart = 16 << 10

// An unwrapper takes the envelopes off each line, one within another. It keeps the parts
// of a message that a container runtime split, for each of the runtime's two streams.
type unwrapper struct {
	objects [maxNested + 1]jsonObject // one for each envelope, since values refer into them
	partial [2][]byte                 // stdout, stderr
	batch   batch                     // what the line holds behind its first record
	// endless is true if the objects of a log without line ends are no parts: a shipper that
	// wrote them as Docker does has dropped these. again is then the line behind a first one.
	endless bool
	again   []byte
	logged  []byte // the last line without what a container runtime adds; nil if that is the message

	raw       []byte   // the text whose header the envelope is; nil if it came without one
	rare      bool     // the rare forms of a header were tried on raw
	container bool     // what is around the message says that it is a container's output
	nested    int      // how many envelopes lie around raw
	outer     Envelope // time and host of those around it
	scratch   Envelope // of what may be a line; on the stack it would be allocated
}

// unwrap sets env to the envelope of a line. whole is false if the line is a part of a
// message whose rest comes in later lines.
func (u *unwrapper) unwrap(line []byte, env *Envelope) (whole bool) {
	u.reset(nil)
	line = bytes.TrimSuffix(line, []byte("\r"))
	// Truncating a file under a writer without O_APPEND leaves a hole of NULs.
	line = bytes.TrimLeft(line, "\x00")
	if len(line) == 0 {
		*env = Envelope{}
		return true
	}
	return u.text(line, env)
}

// reset prepares the unwrapper for a line of which the caller has taken off all but message;
// nil for none of it. Records of the line before are left out.
func (u *unwrapper) reset(message []byte) {
	u.begin(message)
	u.batch.rest, u.again = nil, nil
}

// begin is reset for a record of the same line.
func (u *unwrapper) begin(message []byte) {
	u.logged, u.raw, u.rare, u.container, u.nested = nil, message, false, false, 0
	u.outer.Time, u.outer.Host = Timestamp{}, nil
}

// text sets env to the envelope of a line, or of a line within one.
func (u *unwrapper) text(line []byte, env *Envelope) (whole bool) {
	if len(line) > 0 && line[0] == '\xef' {
		line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf")) // byte order mark of a file written on Windows
	}
	if len(line) > 0 && (line[0] == '[' || line[0] == '\x1b') {
		if rest, ok := cutPod(line, nil); ok {
			*env = Envelope{}
			u.inner(rest, env)
			return true
		}
	}
	if len(line) > 0 && line[0] == '{' {
		o := &u.objects[u.nested]
		if o.jsonNames == nil {
			*o = objectKeys.newObject()
		}
		if o.parse(line) {
			return u.object(line, env)
		}
	}
	if at, rest, ok := cutRFC3339(line); ok {
		if stream, final, message, ok := cutCRI(rest); ok {
			return u.part(at, stream, final, message, env)
		}
	}
	u.logged, u.raw = line, line
	parseHeader(line, env)
	return true
}

// cutCRI reads what follows the time in a Kubernetes container log (CRI logging
// format). P marks a part, F the last or only part:
//
//	2026-11-23T14:20:06.001575881Z stdout F Nov 23 14:20:06 mx1 postfix/smtp[699]: ...
func cutCRI(b []byte) (stream int, final bool, message []byte, ok bool) {
	rest, ok := bytes.CutPrefix(b, []byte(" stdout "))
	if !ok {
		if rest, ok = bytes.CutPrefix(b, []byte(" stderr ")); !ok {
			return 0, false, nil, false
		}
		stream = 1
	}
	if len(rest) < 2 || rest[1] != ' ' || rest[0] != 'F' && rest[0] != 'P' {
		return 0, false, nil, false
	}
	return stream, rest[0] == 'F', rest[2:], true
}

// part joins the parts of a message and parses what the container wrote. Lines within
// others have no parts.
func (u *unwrapper) part(at Timestamp, stream int, final bool, message []byte, env *Envelope) (whole bool) {
	part := &u.partial[stream]
	if u.nested == 0 {
		// Docker's parts but for the last are full (daemon/logger/copier.go).
		if !final && len(*part) > 0 && len(*part) < dockerPart && isWhole(message, &u.scratch) {
			u.endless, u.again = true, message
			message, final = *part, true
			*part = (*part)[:0]
		}
		if !final || len(*part) > 0 {
			*part = append(*part, message[:min(len(message), maxJoined-len(*part))]...)
			message = *part
		}
		if !final {
			*env = Envelope{Time: at}
			return false
		}
		*part = (*part)[:0]
	}
	*env = Envelope{Time: at}
	u.inner(message, env)
	return true
}

// inner reads the envelope of a line within env. The Parser gives it what it lacks and
// those around it have once it knows whose line that is: an MTA's own log is judged by
// its form alone.
func (u *unwrapper) inner(line []byte, env *Envelope) {
	if env.Time.kind != timeNone {
		u.outer.Time = env.Time
	}
	if env.Host != nil {
		u.outer.Host = env.Host
	}
	if u.nested == maxNested {
		u.logged, u.raw = line, nil
		*env = Envelope{Message: line}
		return
	}
	u.nested++
	u.container, u.rare = false, false
	u.text(line, env)
}

// carryHost gives env the host of the envelopes around it if it lacks one.
func (u *unwrapper) carryHost(env *Envelope) {
	if env.Host == nil {
		env.Host = u.outer.Host
	}
}
