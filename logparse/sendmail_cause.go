package logparse

import "bytes"

// cause reads why nobody answered. But for the names of hosts, the words are
// Sendmail's and the system's.
func (d *sendmailDelivery) cause() Cause {
	if madeUp(d.reply) {
		return CauseLostConnection
	}
	if d.insecure() {
		return CauseTLS
	}
	if string(d.stat) == "Deferred" {
		return CauseSuspended // the host did not work a moment ago (deliver.c, mci_exitstat)
	}
	text := bytes.TrimPrefix(d.stat, []byte("Deferred: "))
	for i := range sendmailCauses {
		c := &sendmailCauses[i]
		if bytes.HasPrefix(text, []byte(c.words)) || c.anywhere && bytes.Contains(text, []byte(c.words)) {
			return c.cause
		}
	}
	return CauseOther
}

// sendmailCauses are tried in order (sm_errstring(), sysexits.c, deliver.c).
var sendmailCauses = []struct {
	words    string
	anywhere bool // a host's name may stand before them
	cause    Cause
}{
	{"Connection timed out", false, CauseTimeout},
	{"Operation timed out", false, CauseTimeout},
	{"Connection refused", false, CauseRefused},
	{"Connection reset", false, CauseLostConnection},
	{"Connection closed", false, CauseLostConnection},
	{"Broken pipe", false, CauseLostConnection},
	{"Remote protocol error", false, CauseOther},
	{"Name server: ", false, CauseDNS},
	{"Host unknown", false, CauseDNS},
	{"Temporary AUTH failure", false, CauseAuth},
	{"Local configuration error", false, CauseLoop}, // "mail loops back to me (MX problem?)"
	{"Too many hops", false, CauseLoop},
	{"Message is too large", false, CauseTooLarge},
	{"Operating system error", false, CauseSystem},
	{"Internal error", false, CauseSystem},
	{"I/O error", false, CauseSystem},
	{"No route to host", true, CauseUnreachable},
	{"Network is unreachable", true, CauseUnreachable},
	{"Network is down", true, CauseUnreachable},
	{"Host is down", true, CauseUnreachable},
	{"Connection timed out", true, CauseTimeout},
}

// insecure tells whether a ruleset found the connection too insecure, whose words
// are in stat= as if the server had said them (deliver.c, tls_server; proto.m4,
// TLS_connection). The code is 403, from 8.17 on also 454. A server that is a
// Sendmail may say the same, but then reply= holds it. A text that was cut short
// counts as the whole one.
func (d *sendmailDelivery) insecure() bool {
	text, deferred := bytes.CutPrefix(d.stat, []byte("Deferred: "))
	if !deferred || d.reply != nil || len(text) < len("403") {
		return false
	}
	for _, code := range [...]string{"403 4.7.0 ", "454 4.7.0 "} {
		n := min(len(text), len(code))
		if string(text[:n]) != code[:n] {
			continue
		}
		for _, words := range sendmailTLSWords {
			if m := min(len(text)-n, len(words)); string(text[n:n+m]) == words[:m] {
				return true
			}
		}
	}
	return false
}

var sendmailTLSWords = [...]string{
	"TLS handshake failed.", "STARTTLS failed.", "STARTTLS temporarily not possible.", "DANE check failed.",
	"server not authenticated.", "not authenticated", "no authentication requested", "authentication required",
	"authentication failed", "authentication failure ", "other side does not support STARTTLS",
	"STARTTLS disabled locally", "encryption too weak ", "CN ", "Cert Subject ", "Cert Issuer ",
}
