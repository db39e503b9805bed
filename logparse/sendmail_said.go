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
// more of these, an address in brackets ends where it is closed or, if it was so long
// that Sendmail left out what stood in its middle, at its length. An address that can end
// at both leaves no words that are certain.
func cutSendmailReplyAddress(words []byte) (address, rest []byte, ok bool) {
	if bytes.HasPrefix(words, []byte("<")) {
		closed, full := endsOfSendmailAddress(words)
		switch {
		case closed > 0 && full > 0 && closed != full:
			return words[:closed], nil, true
		case max(closed, full) > 0:
			end := max(closed, full)
			return words[:end], words[end+len(sendmailDots):], true
		}
	}
	address, rest, ok = cutSendmailLast(words, string(sendmailDots))
	if len(words) > lenSendmailRecipient && bytes.IndexByte(rest, '"') >= 0 { // of the address, once more
		return words, nil, true
	}
	ok = ok && (len(address) > 0 && address[0] == '<' || bytes.IndexByte(address, '@') >= 0 || isSendmailAddress(address))
	return address, rest, ok
}

// endsOfSendmailAddress returns where "... " follows an address in brackets: where it is
// closed, and where it is as long as one that Sendmail shortened, which has "..." in its
// middle (snprintf.c, shortenstring()); 0 for neither.
func endsOfSendmailAddress(words []byte) (closed, full int) {
	var a sendmailAddressReader
	open, shortened := true, false
	n := 0 // bytes, but for the second backslashes
	for i, c := range words {
		if n == (lenSendmailRecipient-len("..."))/2 {
			shortened = shortened || bytes.HasPrefix(words[i:], []byte("..."))
		}
		if n == lenSendmailRecipient && shortened && bytes.HasPrefix(words[i:], sendmailDots) {
			full = i
		}
		if open && a.outside(c) && c == ' ' {
			open = false
			if bytes.HasSuffix(words[:i+1], sendmailDots) {
				closed = i + 1 - len(sendmailDots)
			}
		}
		if !open && c == '\\' {
			a.half = !a.half
		}
		if !a.half {
			n++
		}
	}
	return closed, full
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
