package logparse

import "bytes"

// A wordedCause is what a text that holds the words tells.
type wordedCause struct {
	words string
	cause Cause
}

// causeByWords returns the cause of the first of causes whose words text holds.
func causeByWords(text []byte, causes []wordedCause) Cause {
	for i := range causes {
		if bytes.Contains(text, []byte(causes[i].words)) {
			return causes[i].cause
		}
	}
	return CauseOther
}
