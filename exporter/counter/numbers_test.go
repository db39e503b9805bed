package counter

import (
	"testing"

	"smtp_reply_exporter/logparse"
)

// TestNumbers pins the enumerations in the keys of a saved state. Another order would
// give old counts other labels.
func TestNumbers(t *testing.T) {
	for outcome, want := range map[logparse.Outcome]uint8{
		logparse.Foreign: 0, logparse.Other: 1, logparse.Understood: 2, logparse.NotUnderstood: 3,
	} {
		if uint8(outcome) != want {
			t.Errorf("outcome %s is %d, and was %d", outcome, outcome, want)
		}
	}
	for command, want := range map[logparse.Command]uint8{
		logparse.NoCommand: 0, logparse.Connect: 1, logparse.Ehlo: 2, logparse.StartTLS: 3, logparse.Auth: 4,
		logparse.Mail: 5, logparse.Rcpt: 6, logparse.Data: 7, logparse.EndOfData: 8, logparse.Rset: 9,
		logparse.Vrfy: 10, logparse.Etrn: 11, logparse.Quit: 12, logparse.OtherCommand: 13,
	} {
		if uint8(command) != want {
			t.Errorf("command %s is %d, and was %d", command, command, want)
		}
	}
	if OtherEnhanced != (logparse.EnhancedCode{Class: 9}) {
		t.Errorf("the enhanced code of others is %v", OtherEnhanced)
	}
}
