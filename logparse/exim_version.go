package logparse

import "bytes"

// started reads the version of a daemon that starts (daemon.c, daemon_go()):
//
//	exim 4.100.1 daemon started: pid=45119, -q9s, listening for SMTP on port 25 (IPv4)
func (l *exim) started(b []byte) {
	if rest, ok := bytes.CutPrefix(b, []byte("exim ")); ok {
		if version, rest, ok := cutVersion(rest); ok && bytes.HasPrefix(rest, []byte(" daemon started: pid=")) {
			l.version = version
		}
	}
}
