package logparse

import "bytes"

// say sets what a reply says without the words of strangers that it repeats: the
// recipient or sender in front of it, and what Sendmail quotes of a command. Also, it
// takes back the second backslash of each that is logged (conf.c, sm_syslog()).
func (l *sendmail) say(e *Event) {
	start := len(l.said)
	n := 0
	if _, _, ok := ParseReply(e.Text); ok && len(e.Text) >= len("550 ") {
		n = len(e.Text) - len(sendmailWords(e.Text))
	}
	before, after := e.Text[n:], []byte(nil)
	if e.Direction == Sent && n > 0 {
		before, after = withoutSendmailAddress(e.Code, before)
	}
	if after == nil {
		before, after = withoutSendmailQuote(before)
	}
	if n+len(before)+len(after) == len(e.Text) && bytes.IndexByte(e.Text, '\\') < 0 {
		return
	}
	l.said = append(l.said, e.Text[:n]...)
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
// (err.c, fmtmsg()), if it needs that: an address in brackets is known as one. It
// returns two parts where the words repeat the address.
//
//	<ann@dest.example>... Relaying denied
//	"a b"@dest.example... Relaying denied
//	<newsletter>... Domain name required for sender address newsletter
func withoutSendmailAddress(code Code, words []byte) (said, more []byte) {
	switch code % 100 { // with SoftBounce, 5xx is 4xx
	case 50, 53:
	default:
		return words, nil
	}
	if isPlainSendmailAddress(words) {
		return words, nil
	}
	if w := sendmailRecipientErrorOf(words); w != nil && w.words != sendmailTooLong {
		return words[len(words)-len(w.words):], nil
	}
	address, said, ok := cutSendmailReplyAddress(words)
	if !ok {
		return words, nil
	}
	address = bytes.TrimSuffix(bytes.TrimPrefix(address, []byte("<")), []byte(">"))
	const of = " sender address "
	if i := bytes.Index(said, []byte(of)); i >= 0 && len(address) > 0 {
		if more, ok := bytes.CutPrefix(said[i+len(of):], address); ok {
			return said[:i+len(of)], more
		}
	}
	return said, nil
}

// cutSendmailReplyAddress cuts words behind an address and "... ". If the words have
// more of these, an address in brackets ends where it is closed, unless it is so long
// that Sendmail has left out what stood in its middle (util.c, shortenstring()).
func cutSendmailReplyAddress(words []byte) (address, rest []byte, ok bool) {
	if bytes.HasPrefix(words, []byte("<")) {
		var a sendmailAddressReader
		bytesRead := 0 // but for the second backslashes
		for i, c := range words {
			if bytesRead == (lenSendmailRecipient-len("..."))/2 && bytes.HasPrefix(words[i:], []byte("...")) {
				break
			}
			if a.outside(c) && c == ' ' {
				if address, ok = bytes.CutSuffix(words[:i+1], sendmailDots); ok {
					return address, words[i+1:], true
				}
				break
			}
			if !a.half {
				bytesRead++
			}
		}
	}
	address, rest, ok = cutSendmailLast(words, string(sendmailDots))
	ok = ok && (len(address) > 0 && address[0] == '<' || bytes.IndexByte(address, '@') >= 0 || isSendmailAddress(address))
	return address, rest, ok
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

// withoutSendmailQuote returns what stands around a client's words; all of the words
// where there are none.
func withoutSendmailQuote(words []byte) (before, after []byte) {
	for i := range sendmailQuotes {
		q := &sendmailQuotes[i]
		if bytes.HasPrefix(words, []byte(q.before)) && bytes.HasSuffix(words, []byte(q.after)) {
			return words[:len(q.before)], words[len(words)-len(q.after):]
		}
	}
	return words, nil
}
