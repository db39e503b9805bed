package logparse

import "bytes"

// From LogLevel 15 on, Sendmail logs the dialogue with its clients (err.c,
// putoutmsg(); srvrsmtp.c). Each reply is counted from there, and what other
// lines show of it repeats it, or is repeated.
//
//	QID: <-- MAIL FROM:<a@src.example>
//	QID: --- 250 2.1.0 <a@src.example>... Sender ok
//	QID: --- 050 <ann@dest.example>... queued                for VERB
//	QID: --- 550 5.7.1 No thanks (hold)                      not yet sent
//	QID: --- 550 5.7.1 No thanks (held)                      sent now

// dialogue reads what follows "--- ".
func (l *sendmail) dialogue(id, text []byte) {
	s := l.session()
	held := bytes.HasSuffix(text, []byte(" (hold)"))
	certain := s.Logged || held || isSendmailPositive(text) || isSendmailProgress(text)
	if !certain && l.mayBeOfRecipient(text) {
		return // not one more of these lines may follow
	}
	s.Logged = true
	if held || sendmailUnsent(text) {
		return
	}
	text = bytes.TrimSuffix(text, []byte(" (held)"))
	e, ok := s.reply(text, isFirstOfMany(text))
	if !ok {
		return
	}
	s.Client.Authenticated = s.Client.Authenticated || e.Code == 235
	if e.Code == s.Announced || e.Code == s.Verdict {
		e.Repeat = true
	}
	if s.Open == 0 {
		s.Announced = 0
		if e.Code == s.Verdict {
			s.Verdict = 0
		}
	}
	s.LastText, s.Said = l.seed.add(text), 0
	if e.Command == Rcpt && e.Code.Class() > 3 {
		s.Said = l.seed.add(sendmailWords(text))
	}
	e.Direction, e.QueueID = Sent, id
	s.Client.addTo(&e)
	l.emit(e)
}

// isSendmailPositive reports whether a reply's words on an address are those that
// Sendmail accepts it with. No other line ends so.
func isSendmailPositive(text []byte) bool {
	return bytes.HasSuffix(text, []byte("... Sender ok")) || bytes.HasSuffix(text, []byte("... Recipient ok")) ||
		bytes.HasSuffix(text, []byte("... Recipient ok (will queue)")) || bytes.HasSuffix(text, []byte("... queued"))
}

// isSendmailProgress reports whether a line shows how a delivery goes (deliver.c,
// giveresponse(); the code 050 is no reply's):
//
//	050 <ann@dest.example>... Connecting to mx.dest.example. via esmtp...
//	050 <ann@dest.example>... Sent (2.0.0 Ok)
func isSendmailProgress(text []byte) bool {
	if !bytes.HasPrefix(text, []byte("050 ")) {
		return false
	}
	for _, words := range [...]string{"... Connecting to ", "... Sent", "... Deferred"} {
		if bytes.Contains(text, []byte(words)) {
			return true
		}
	}
	return false
}

// sendmailWords returns the words of a reply, behind its codes.
func sendmailWords(text []byte) []byte {
	text = text[len("550 "):]
	_, n := ParseEnhanced(text)
	return bytes.TrimPrefix(text[n:], []byte(" "))
}

// sendmailUnsent reports whether a reply went nowhere: the connection was gone, or
// the code was 851, which is logged as 451 and not sent (err.c).
func sendmailUnsent(text []byte) bool {
	if lost, ok := bytes.CutPrefix(text, []byte("421 4.4.1 ")); ok {
		_, lost, _ = bytes.Cut(lost, []byte(" "))
		return bytes.HasPrefix(lost, []byte("Lost input channel from ")) ||
			bytes.HasPrefix(lost, []byte("unexpected close on ")) || bytes.HasPrefix(lost, []byte("I/O error on ")) ||
			bytes.HasSuffix(lost, []byte(", info=unexpected close (held)")) || bytes.HasSuffix(lost, []byte(", info=I/O error (held)"))
	}
	_, enhanced, ok := ParseReply(text)
	return ok && text[0] == '4' && enhanced.Class == 0 && bytes.HasSuffix(text, []byte(": Name server timeout"))
}
