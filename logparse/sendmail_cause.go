package logparse

import "bytes"

// cause reads why no server answered. But for the names of hosts, the words are
// Sendmail's and the system's.
func (d *sendmailDelivery) cause() Cause {
	if sendmailMadeUp(d.reply) {
		return CauseLostConnection
	}
	if d.insecure() {
		return CauseTLS
	}
	if string(d.stat) == "Deferred" {
		return CauseSuspended // the host did not work a moment ago (deliver.c, mci_exitstat)
	}
	return causeOf(sendmailCauses, bytes.TrimPrefix(d.stat, []byte("Deferred: ")))
}

// sendmailCauses are tried in order (sm_errstring(), sysexits.c, deliver.c). A
// host's name may stand before the words of the last ones.
var sendmailCauses = []causeRule{
	{prefix: "Connection timed out", cause: CauseTimeout},
	{prefix: "Operation timed out", cause: CauseTimeout},
	{prefix: "Connection refused", cause: CauseRefused},
	{prefix: "Connection reset", cause: CauseLostConnection},
	{prefix: "Connection closed", cause: CauseLostConnection},
	{prefix: "Broken pipe", cause: CauseLostConnection},
	{prefix: "Remote protocol error", cause: CauseProtocol},
	{prefix: "Name server: ", cause: CauseDNS},
	{prefix: "Host unknown", cause: CauseDNS},
	{prefix: "Temporary AUTH failure", cause: CauseAuth},
	{prefix: "Local configuration error", cause: CauseLoop}, // "mail loops back to me (MX problem?)"
	{prefix: "Too many hops", cause: CauseLoop},
	{prefix: "Message is too large", cause: CauseTooLarge},
	{prefix: "Operating system error", cause: CauseSystem},
	{prefix: "Internal error", cause: CauseSystem},
	{prefix: "I/O error", cause: CauseSystem},
	{contains: "No route to host", cause: CauseUnreachable},
	{contains: "Network is unreachable", cause: CauseUnreachable},
	{contains: "Network is down", cause: CauseUnreachable},
	{contains: "Host is down", cause: CauseUnreachable},
	{contains: "Connection timed out", cause: CauseTimeout},
}

// insecure reports whether a ruleset found the connection too insecure. stat= has
// its words as if the server had said them (deliver.c, tls_server; proto.m4,
// TLS_connection). The code is 403, from 8.17 on also 454. A server that is a
// Sendmail may say the same, but then reply= holds it. A truncated text counts as
// the whole one.
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
			m := min(len(text)-n, len(words))
			if string(text[n:n+m]) == words[:m] {
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
