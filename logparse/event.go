package logparse

import "slices"

// Kind says what an Event is.
type Kind uint8

const (
	// Reply is a reply that went over the wire.
	Reply Kind = iota
	// Refusal is a negative reply to a client, without a code in the log. Its
	// direction is always Sent.
	Refusal
	// Delivery is the end of a delivery attempt to one recipient without a reply: no
	// server answered, or the MTA asked none. Or the server's reply, an event before it,
	// does not say how the attempt ended.
	Delivery
	numKinds
)

var kindNames = [numKinds]string{"reply", "refusal", "delivery"}

// String returns the kind's name; "" for a value that is no kind.
func (k Kind) String() string { return nameOf(kindNames[:], k) }

// A Cause says why a delivery ended without a reply.
type Cause uint8

// The causes.
const (
	NoCause Cause = iota
	CauseOther
	CauseTimeout
	CauseRefused // the connection, not the mail
	CauseUnreachable
	CauseLostConnection
	CauseDNS
	CauseTLS
	CauseAuth      // this host could not log in
	CauseSuspended // not attempted, since earlier attempts failed
	CauseLoop
	CauseTooLarge // larger than the size that the server announced
	CauseSystem   // a fault of this host
	CauseLocal    // handed to a mailbox, a command or a list of this host
	CauseProtocol // a positive reply where the server should have given another
	numCauses
)

var causeNames = [numCauses]string{
	"", "other", "timeout", "refused", "unreachable", "lost_connection", "dns", "tls",
	"auth_failed", "suspended", "loop", "message_too_large", "system_error", "local", "protocol_error",
}

// String returns the name that counters use as the delivery's reason; "" for
// NoCause and for a value that is no cause.
func (c Cause) String() string { return nameOf(causeNames[:], c) }

// Causes returns the names of all causes but NoCause. The caller may change the
// slice.
func Causes() []string { return slices.Clone(causeNames[CauseOther:]) }

// maxRecipients bounds the recipients that one message may claim.
const maxRecipients = 100_000

// nameOf returns the name of an enumeration's value; "" for a value outside it.
func nameOf[E ~uint8](names []string, value E) string {
	if int(value) >= len(names) {
		return ""
	}
	return names[value]
}

// An Event is one thing that a line shows. Its byte slices refer into the line, or
// into buffers of the Parser, and are valid until the next call of Parse.
type Event struct {
	Kind      Kind
	Direction Direction
	// Code and Enhanced are the outermost codes of the reply. The enhanced code is
	// always the speaker's own.
	Code     Code
	Enhanced EnhancedCode
	// Class is that of a Refusal's code, 4 or 5; 0 where the log does not say.
	Class   int
	Command Command
	// Count is the number of replies (refusals, deliveries) that the event stands
	// for, at least 1.
	Count int
	// Repeat marks a reply that another line shows too and that counts there.
	Repeat bool
	// Implied marks a reply that the line does not show as such, although the MTA's
	// source leaves no other: the code is missing, or the line is a verdict that
	// quotes the reply to an earlier command.
	Implied bool
	// Dialogue marks a positive reply that accepts neither a message nor a
	// recipient's delivery, such as 220 or the 250 to RCPT.
	Dialogue bool
	// Deliveries is the number of delivery attempts that the event ended. A Reply
	// has it even if it is a Repeat. An address probe is no attempt.
	Deliveries int
	// Cause is that of a Delivery. A Reply has one where the reply is positive, and the
	// attempt failed for that.
	Cause Cause
	// Authenticated reports whether the client had logged in before (Sent only).
	Authenticated bool
	Remote        []byte // the peer's host name as logged, possibly "unknown"
	Addr          []byte // its IP address, or the path of a UNIX-domain socket
	QueueID       []byte
	// Text is the reply from its code on, or the words of a refusal. Where a reply is
	// implied, they may be those of the MTA's source.
	Text []byte
	// Said is what of Text can be judged: it lacks the words of a stranger whom the
	// speaker only repeats. It is nil where there are none, or only addresses in angle
	// brackets in the form of RFC 5321.
	Said []byte
}

// unexpected marks a positive reply as one that the MTA shows since it waited for another.
func (e *Event) unexpected() {
	if class := e.Code.Class(); class == 2 || class == 3 {
		e.Dialogue, e.Cause = true, CauseProtocol
	}
}
