package logparse

import "slices"

// Kind says what an Event is.
type Kind uint8

const (
	// Reply is a reply that went over the wire.
	Reply Kind = iota
	// Refusal is a negative reply to a client whose code the log does not show. It
	// always has direction Sent.
	Refusal
	// Delivery is the end of a delivery attempt to one recipient that no reply
	// ended: nobody answered, or nobody was asked.
	Delivery
	numKinds
)

var kindNames = [numKinds]string{"reply", "refusal", "delivery"}

// String returns the kind's name; "" for a value that is none.
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
	CauseSuspended // not tried, since earlier tries failed
	CauseLoop
	CauseTooLarge // for the size that the server announced
	CauseSystem   // a fault of this host
	CauseLocal    // handed to a mailbox, a command or a list of this host
	numCauses
)

var causeNames = [numCauses]string{
	"", "other", "timeout", "refused", "unreachable", "lost_connection", "dns", "tls",
	"auth_failed", "suspended", "loop", "message_too_large", "system_error", "local",
}

// String returns the name that counters use as the delivery's reason; "" for
// NoCause and for a value that is none.
func (c Cause) String() string { return nameOf(causeNames[:], c) }

// Causes returns the names of all causes.
func Causes() []string { return slices.Clone(causeNames[CauseOther:]) }

// maxRecipients bounds what is believed of one message.
const maxRecipients = 100_000

// nameOf returns the name of an enumeration's value; "" for a value outside of it.
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
	// Code and Enhanced are the outermost ones of the reply. The enhanced code is
	// always the speaker's own.
	Code     Code
	Enhanced EnhancedCode
	Command  Command
	// Count is how many replies (refusals, deliveries) of this kind the line
	// stands for, at least 1.
	Count int
	// Repeat marks a reply that another line shows too and that is counted there.
	Repeat bool
	// Implied marks a reply that the line does not show as such, while the MTA's
	// source leaves no other: the code is missing, or the line is a verdict that
	// quotes a reply to another command than its own.
	Implied bool
	// Dialogue marks a positive reply that accepts neither a message nor a
	// recipient's delivery, such as 220 or the 250 to RCPT.
	Dialogue bool
	// Deliveries is how many delivery attempts the line ends. A Reply has those that
	// it ended, even where it is a Repeat. An address probe is no attempt.
	Deliveries int
	Cause      Cause // of a Delivery
	// Authenticated is true where the client had logged in before (Sent only).
	Authenticated bool
	Remote        []byte // the peer's host name as logged, maybe "unknown"
	Addr          []byte // its IP address, or the path of a UNIX-domain socket
	QueueID       []byte
	Text          []byte // the reply from its code on
	// Said is Text without the addresses in it, which may be a stranger's words, so
	// that it can be judged; nil where Text can.
	Said []byte
}
