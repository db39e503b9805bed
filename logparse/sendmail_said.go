package logparse

import "bytes"

// say sets what a reply says without the words of strangers that it repeats: the
// recipient or sender in front of it, and what Sendmail quotes of a command. Also, it
// takes back the second backslash of each that is logged (conf.c, sm_syslog()).
func (l *sendmail) say(e *Event) {
	start := len(l.said)
	n := 0
	if _, _, ok := ParseReply(e.Text); ok {
		n = len(e.Text) - len(sendmailWords(e.Text))
	}
	codes, words := e.Text[:n], e.Text[n:]
	if e.Direction == Sent && n > 0 {
		words = l.withoutSendmailAddress(e.Code, words)
	}
	before, after := sendmailWithoutQuote(words)
	l.said = append(l.said, codes...)
	for _, some := range [...][]byte{before, after} {
		for i := 0; i < len(some); i++ {
			if some[i] == '\\' && i+1 < len(some) && some[i+1] == '\\' {
				i++
			}
			l.said = append(l.said, some[i])
		}
	}
	if len(l.said)-start != len(e.Text) {
		e.Said = l.said[start:]
	}
}

// withoutSendmailAddress returns the words behind the address in front of some replies
// (err.c, fmtmsg()), if it needs that: an address in brackets is known as one.
//
//	<ann@dest.example>... Relaying denied
//	"a b"@dest.example... Relaying denied
//	<newsletter>... Domain name required for sender address newsletter
func (l *sendmail) withoutSendmailAddress(code Code, words []byte) []byte {
	switch code % 100 { // with SoftBounce, 5xx is 4xx
	case 50, 53:
	default:
		return words
	}
	if isPlainSendmailAddress(words) {
		return words
	}
	if w := sendmailRecipientErrorOf(words); w != nil && w.words != sendmailTooLong {
		return words[len(words)-len(w.words):]
	}
	address, after, ok := cutSendmailLast(words, string(sendmailDots))
	if !ok {
		return words
	}
	// Where nothing can be left out of the address, it ends where it is closed.
	var a sendmailAddressReader
	for i, c := range words[:min(len(words), lenSendmailRecipient/2)] {
		if a.outside(c) && c == ' ' {
			if first, ok := bytes.CutSuffix(words[:i], sendmailDots[:len(sendmailDots)-1]); ok && words[0] == '<' {
				address, after = first, words[i+1:]
			}
			break
		}
	}
	if words[0] != '<' && bytes.IndexByte(address, '@') < 0 && !isSendmailAddress(address) {
		return words
	}
	name := bytes.TrimSuffix(bytes.TrimPrefix(address, []byte("<")), []byte(">"))
	if i := bytes.Index(after, name); i > 0 && len(name) > 0 && bytes.HasSuffix(after[:i], []byte(" sender address ")) {
		return after[:i]
	}
	return after
}

// isPlainSendmailAddress reports whether words begin with an address in brackets that
// is one word with a host.
func isPlainSendmailAddress(words []byte) bool {
	end := bytes.IndexByte(words, '>')
	return end > 0 && words[0] == '<' && !bytes.ContainsAny(words[1:end], "<\"\\( ") && bytes.IndexByte(words[:end], '@') > 0 &&
		bytes.HasPrefix(words[end+1:], sendmailDots)
}

// sendmailQuotes stand around a part of a client's command (srvrsmtp.c). What is behind
// it is nothing of note.
var sendmailQuotes = []struct{ before, after string }{
	{`Command unrecognized: "`, ""},
	{`Bad argument "`, ""},
	{"Unknown BODY type ", ""},
	{"", " parameter unrecognized"},
}

// sendmailWithoutQuote returns what stands around a client's words; all of the words
// where there are none.
func sendmailWithoutQuote(words []byte) (before, after []byte) {
	for i := range sendmailQuotes {
		q := &sendmailQuotes[i]
		if bytes.HasPrefix(words, []byte(q.before)) && bytes.HasSuffix(words, []byte(q.after)) {
			return words[:len(q.before)], words[len(words)-len(q.after):]
		}
	}
	return words, nil
}
