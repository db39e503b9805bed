// Package source has what all sources of lines have in common: what they hand
// out, and what is known of them.
package source

import "smtp_reply_exporter/logparse"

// MaxLine is the length in bytes of the longest line that is read whole. Of an
// overlong one only so much of its beginning is.
const MaxLine = 1 << 20

// A Record is a line, or a message that came without one. Its memory is valid
// during the call that hands it out.
type Record struct {
	Line []byte // without its line end; nil if there is an Envelope
	// Envelope is that of an entry of the journal, which is no line.
	Envelope *logparse.Envelope
	// Trusted says that only the host's own programs can have written it. Whoever
	// else says that the logger lost lines is not believed.
	Trusted bool
}

// Stats are what every source knows of itself.
type Stats struct {
	Up       bool // can be read
	CaughtUp bool // what there was at the last look has been handed out
	// These count from the source's start.
	ReadBytes     int64            // in what was handed out
	OverlongLines int64            // handed out to MaxLine only
	LostLines     int64            // that journald says it suppressed, by a message of its own
	Dropped       map[string]int64 // messages that came and were not handed out, by cause
}

// Changed returns err unless it says what *last said, and remembers it there: who
// tries again and again reports each thing once.
func Changed(last *error, err error) error {
	same := err != nil && *last != nil && err.Error() == (*last).Error()
	*last = err
	if same {
		return nil
	}
	return err
}
