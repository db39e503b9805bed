package logparse

import "bytes"

// What Sendmail says of a recipient to a client is a line that begins with the
// recipient, in the client's words (err.c, usrerr() and fmtmsg(), while srvrsmtp.c
// reads RCPT):
//
//	nobody@dest.example... User unknown
//	<"a b"@dest.example>... User unknown
//	to=a>, delay=0... Unbalanced '>'
//
// Nothing shows where the recipient ends but what follows it. Where it is no address,
// it is all that the client wrote behind "RCPT TO:". Also, fmtmsg() clears the highest
// bit of each byte, so that bytes that were no blanks and quotes when the address was
// read are logged as such (but with USE_EAI). Such a line may look like any other of
// Sendmail's. Only its end tells: no other line ends in "... " and words of
// sendmailRecipientErrors, unless somebody else says them. An administrator may say
// something else of a recipient (error: in tables). So a line is not understood if it has
// "... " in its last field, where that can be the end of a recipient. All lines of the
// recipients of a message stand before its from= (collect.c; LogUsrErrs is set for RCPT
// and for arguments only), so that a delivery after that is what it looks like.

// A sendmailRecipientError are words behind a recipient and "... ".
type sendmailRecipientError struct {
	words string
	code  Code // that they are said with
	// whole is true of words on what is no address.
	whole bool
}

// said reports whether the words are said with a code.
func (e *sendmailRecipientError) said(code Code) bool {
	return code == e.code || code == e.code-100 // with SoftBounce
}

// sendmailRecipientErrors are those of prescan() and invalidaddr() (parseaddr.c), of
// recipient.c, srvrsmtp.c and alias.c, and of rulesets 0 and 3 (proto.m4).
var sendmailRecipientErrors = []sendmailRecipientError{
	{"User unknown", 550, false},
	{"Addressee unknown", 550, false},
	{"User address required", 553, false},
	{"Hostname required", 553, false},
	{"Invalid address", 553, false},
	{"Invalid host name", 553, false},
	{"Invalid route address", 553, false},
	{"Colon illegal in host name part", 553, false},
	{"List:; syntax illegal for recipient addresses", 553, false},
	{"Cannot mail directly to programs", 550, false},
	{"Cannot mail directly to files", 550, false},
	{"Cannot mail directly to :include:s", 550, false},
	{`Unbalanced '"'`, 553, true},
	{"Unbalanced '('", 553, true},
	{"Unbalanced ')'", 553, true},
	{"Unbalanced '<'", 553, true},
	{"Unbalanced '>'", 553, true},
	{"Address too long", 553, true},
	{"prescan: too many tokens", 553, true},
	{"prescan: token too long", 553, true},
}

// sendmailRecipientErrorsBy are the sendmailRecipientErrors by their last byte.
var sendmailRecipientErrorsBy = indexSendmailRecipientErrors()

func indexSendmailRecipientErrors() (by [256][]*sendmailRecipientError) {
	for i := range sendmailRecipientErrors {
		e := &sendmailRecipientErrors[i]
		last := e.words[len(e.words)-1]
		by[last] = append(by[last], e)
	}
	return by
}

// sendmailTooLong ends the words on an address that is too long, which repeat it.
const sendmailTooLong = " bytes max)"

var sendmailDots = []byte("... ")

// lenSendmailRecipient is the most that is logged of a recipient, but for what is
// escaped (conf.h, MAXSHORTSTR).
const lenSendmailRecipient = 203

func isTooLongForRecipient(b []byte) bool {
	return len(b) > lenSendmailRecipient && bytes.IndexByte(b, '\\') < 0
}

// sendmailRecipientErrorOf returns the words that a line ends in, behind "... " and
// what can be a recipient; nil for none of them.
func sendmailRecipientErrorOf(text []byte) *sendmailRecipientError {
	if len(text) == 0 {
		return nil
	}
	for _, e := range sendmailRecipientErrorsBy[text[len(text)-1]] {
		n := len(text) - len(e.words)
		if n < 0 || string(text[n:]) != e.words {
			continue
		}
		recipient, ok := bytes.CutSuffix(text[:n], sendmailDots)
		if !ok || isTooLongForRecipient(recipient) {
			return nil
		}
		return e
	}
	if bytes.HasSuffix(text, []byte(sendmailTooLong)) && bytes.Contains(text, []byte(`... Address "`)) {
		return &sendmailRecipientError{sendmailTooLong, 553, true}
	}
	return nil
}

// mayBeOfRecipient says that the line is not understood if its end, which looks like
// one of its fields, may be what Sendmail says of a recipient, and reports whether it
// may.
func (l *sendmail) mayBeOfRecipient(end []byte) bool {
	if !l.endsAsRecipient(end) {
		return false
	}
	l.notUnderstood(shapeSendmailRecipient)
	return true
}

// endsAsRecipient reports whether a recipient and "... " may stand before the words that
// the line ends in, in the last part of it.
func (l *sendmail) endsAsRecipient(end []byte) bool {
	i := lastIndex(end, sendmailDots)
	return i >= 0 && !isTooLongForRecipient(l.text[:len(l.text)-len(end)+i])
}

// mayBeOfRecipientOf is mayBeOfRecipient for a line on what becomes of a message.
func (l *sendmail) mayBeOfRecipientOf(id, end []byte) bool {
	return !l.isReceived(id) && l.mayBeOfRecipient(end)
}

// isReceived reports whether a line has shown that all recipients of a message are known.
func (l *sendmail) isReceived(id []byte) bool {
	return id != nil && l.received.get(l.messageKey(id)) != nil
}

// recipientError reads a line that ends in such words and reports whether it did. If
// not, the line is what it looks like.
func (l *sendmail) recipientError(id, text []byte) bool {
	w := l.ends
	if bytes.HasPrefix(text, []byte("to=")) && l.isReceived(id) {
		return false
	}
	if s := l.sessions.get(l.process()); s != nil && s.Logged {
		said := s.Said == l.seed.add(text)
		if said {
			s.Said = 0
		}
		return said // in the dialogue, just before
	}
	if !w.whole && isSendmailAddress(text[:len(text)-len(w.words)-len(sendmailDots)]) {
		l.refuseRecipient(id, text[len(text)-len(w.words):])
		return true
	}
	switch {
	case bytes.HasPrefix(text, []byte("ruleset=check_rcpt, ")):
		if !w.whole {
			return false
		}
	case bytes.HasPrefix(text, []byte("Milter: to=")), bytes.HasPrefix(text, []byte("milter=")):
		if _, reply, ok := cutSendmailLast(text, ", reject="); ok && !w.whole {
			code, _, _ := ParseReply(reply)
			if w.said(code) {
				return false
			}
		}
	case bytes.HasPrefix(text, []byte("Milter (")), bytes.HasPrefix(text, []byte("SYSERR(")):
		return true // of a header, or of a user of this host
	case !w.whole && beginsWithSendmailID(text):
		return true // savemail.c: "QID: DSN: ADDR... User unknown"
	case w.whole && !mayHoldReply(text):
		l.refuseRecipient(id, text[bytes.LastIndex(text, sendmailDots)+len(sendmailDots):])
		return true
	}
	l.notUnderstood(shapeSendmailRecipient)
	return true
}

func beginsWithSendmailID(text []byte) bool {
	id, _, _ := cutSendmailID(text)
	return id != nil
}

// mayHoldReply reports whether a line looks like one whose end is somebody else's
// words.
func mayHoldReply(text []byte) bool {
	return bytes.HasPrefix(text, []byte("to=")) || bytes.HasPrefix(text, []byte("deliver: ")) ||
		bytes.HasPrefix(text, []byte("ruleset=")) || bytes.HasPrefix(text, []byte("Milter: ")) ||
		bytes.Contains(text, []byte(": SMTP ")) || bytes.Contains(text, []byte("]: ")) || bytes.Contains(text, []byte(": to="))
}

// recipientRefused reads a line that begins with an address, and reports whether it
// does.
func (l *sendmail) recipientRefused(id, text []byte) bool {
	if !bytes.Contains(text, sendmailDots) { // most lines, and cheaper than to read an address
		return false
	}
	var a sendmailAddressReader
	end := 0
	for ; end < len(text); end++ {
		if a.outside(text[end]) && text[end] == ' ' {
			break
		}
	}
	address, ok := bytes.CutSuffix(text[:end], sendmailDots[:len(sendmailDots)-1])
	if end == len(text) || !ok || !isSendmailAddress(address) {
		return false
	}
	l.refuseRecipient(id, text[bytes.LastIndex(text, sendmailDots)+len(sendmailDots):])
	return true
}

// refuseRecipient adds the refusal of a recipient. Of Sendmail's own words, only those
// on unknown users are never an administrator's with another code.
func (l *sendmail) refuseRecipient(id, words []byte) {
	s := l.session()
	if s.Logged {
		return // the dialogue shows it
	}
	e := Event{Kind: Refusal, Direction: Sent, Command: Rcpt, QueueID: id, Text: words}
	if string(words) == "User unknown" {
		e.Kind, e.Code, e.Enhanced, e.Implied = Reply, 550, EnhancedCode{5, 1, 1}, true
	}
	s.Client.addTo(&e)
	l.emit(e)
}
