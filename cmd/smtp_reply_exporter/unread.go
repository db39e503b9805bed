package main

import (
	"fmt"

	"smtp_reply_exporter/logparse"
)

// An unread notes whether a log has a line of an MTA, and if it has none, which form of a
// header its first line looks most like.
type unread struct {
	found         bool // a line of an MTA
	first         position
	form, example string // of the first line whose header could not be read; else of the first line
	headless      bool
}

// line takes the result of a line. Empty lines are none.
func (u *unread) line(at position, line []byte, r *logparse.Result) {
	switch {
	case u.found || len(line) == 0:
	case r.Read():
		u.found = true
	case u.form == "" || !u.headless && r.Envelope.Program == nil:
		u.first, u.headless = at, r.Envelope.Program == nil
		u.form, u.example = logparse.NearestForm(line)
	}
}

// err returns an error if there were lines and none of them was an MTA's.
func (u *unread) err() error {
	switch {
	case u.found || u.form == "":
		return nil
	case u.headless:
		return fmt.Errorf("no line of an MTA was found: the header of line %d of %s could not be read; the nearest form is %s, such as %q",
			u.first.line, u.first.file, u.form, u.example)
	}
	return fmt.Errorf("no line of an MTA was found: line %d of %s is another program's; the nearest form is %s, such as %q",
		u.first.line, u.first.file, u.form, u.example)
}
