// Package source defines what all sources have in common: the Record that a source
// hands out, and the Stats that it reports.
package source

import "smtp_reply_exporter/logparse"

// MaxLine is the length in bytes of the longest line that a source reads whole. A
// source truncates an overlong line to it.
const MaxLine = 1 << 20

// A Record is a line or an entry of the journal. Its memory is valid only during the
// call that hands it out.
type Record struct {
	Line []byte // without its line end; nil if there is an Envelope
	// Envelope holds an entry of the journal; nil if there is a Line.
	Envelope *logparse.Envelope
	// Trusted reports whether only the host's own programs can have written the
	// record. The pipeline ignores reports of lost lines in untrusted records.
	Trusted bool
}

// Stats are what every source reports about itself.
type Stats struct {
	Up       bool // the source can be read
	CaughtUp bool // it has handed out all that the last poll found
	// These count from the source's start.
	ReadBytes     int64            // in the records handed out
	OverlongLines int64            // truncated to MaxLine
	LostLines     int64            // suppressed by journald, as its own messages report
	Dropped       map[string]int64 // messages received but not handed out, by cause
}

// Changed stores err in *last. It returns err, or nil if err has the same text as
// the former *last, so that a caller that retries reports each error once.
func Changed(last *error, err error) error {
	same := err != nil && *last != nil && err.Error() == (*last).Error()
	*last = err
	if same {
		return nil
	}
	return err
}
