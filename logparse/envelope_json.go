package logparse

import "bytes"

// The members read from Docker's objects and the journal's.
const (
	fieldLog = iota
	fieldStream
	fieldTime
	fieldMessage
	fieldIdentifier
	fieldSyslogPID
	fieldPID
	fieldHostname
	fieldRealtime
)

func newEnvelopeObject() jsonObject {
	return newJSONObject("log", "stream", "time",
		"MESSAGE", "SYSLOG_IDENTIFIER", "SYSLOG_PID", "_PID", "_HOSTNAME", "__REALTIME_TIMESTAMP")
}

// unwrapJSON reads an object of Docker's json-file driver, or of `journalctl -o json`:
//
//	{"log":"Nov 23 14:20:06 mx1 postfix/smtp[699]: ...\n","stream":"stdout","time":"2026-11-23T14:20:06.001575881Z"}
//	{"MESSAGE":"...","SYSLOG_IDENTIFIER":"postfix/smtp","SYSLOG_PID":"699","__REALTIME_TIMESTAMP":"1795443606001575"}
//
// Any other object is a message of an MTA that logs in JSON.
func (u *unwrapper) unwrapJSON(line []byte, env *Envelope) (whole bool) {
	v := u.json.values
	if log := v[fieldLog]; log != nil {
		at, _, _ := cutRFC3339(v[fieldTime])
		stream := 0
		if string(v[fieldStream]) == "stderr" {
			stream = 1
		}
		// Docker splits a message every 16 KiB; only the last part has a line end.
		message, final := bytes.CutSuffix(log, []byte("\n"))
		return u.unwrapPart(at, stream, final, bytes.TrimSuffix(message, []byte("\r")), env)
	}
	if v[fieldMessage] == nil && v[fieldIdentifier] == nil && v[fieldRealtime] == nil {
		*env = Envelope{Message: line}
		return true
	}
	pid := v[fieldSyslogPID]
	if pid == nil {
		pid = v[fieldPID]
	}
	*env = Envelope{
		Time:    Timestamp{timeEpoch, v[fieldRealtime]},
		Host:    v[fieldHostname],
		Program: v[fieldIdentifier],
		PID:     pid,
		Message: v[fieldMessage],
	}
	return true
}
