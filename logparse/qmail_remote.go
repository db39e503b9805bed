package logparse

import "bytes"

// remote reads the words of qmail-remote.c, one sentence on each line; patches put
// some before its own. One of them names the recipient, which is skipped by its
// length: it is a stranger's, and may look like a sentence.
//
//	[SENTENCE./]...[<RECIPIENT>_]192.0.2.10_does_not_like_recipient./Remote_host_said:_REPLY/Giving_up_on_192.0.2.10./
//	(RECIPIENT)_192.0.2.10_accepted_message./Remote_host_said:_REPLY/
func (l *qmail) remote(e Event, success bool, recipientLen uint32, started bool) {
	text := e.Text
	for first := true; len(text) > 0; first = false {
		text = bytes.TrimPrefix(text, []byte("User_and_password_not_set,_continuing_without_authentication./"))
		if bytes.HasPrefix(text, []byte("<")) || first && bytes.HasPrefix(text, []byte("(")) {
			var ok bool
			text, ok = skipQmailRecipient(text, recipientLen, started)
			if !ok {
				l.notUnderstood(shapeQmailDelivery)
				return
			}
		}
		e.Cause = qmailCause(text)
		if e.Cause != NoCause {
			break
		}
		sentence, rest, _ := bytes.Cut(text, []byte("/"))
		said, isSaid := bytes.CutPrefix(rest, []byte("Remote_host_said:_"))
		addr, command, ok := cutQmailIntroduction(sentence)
		switch {
		case isSaid && (!ok || !first && bytes.Contains(said, []byte("Remote_host_said:_"))):
			l.notUnderstood(shapeQmailDelivery)
			return
		case isSaid:
			l.said(e, said, success, addr, command)
			return
		case ok && success && command == EndOfData && len(rest) == 0:
			l.emit(Event{
				Kind: Reply, Direction: Received, Code: 250, Implied: true, Command: command,
				Deliveries: 1, Remote: addr, Addr: addr,
			})
			return
		}
		text = rest
	}
	switch {
	case e.Cause != NoCause:
	case success && !started: // qmail-remote's success is known: a command's of a .qmail file
		e.Cause = CauseLocal
	default:
		e.Cause = CauseOther
	}
	l.emit(e)
}

// skipQmailRecipient passes over "<RECIPIENT>_" or "(RECIPIENT)_". If the recipient's
// length is not known, ok is false where it may end in two places.
func skipQmailRecipient(text []byte, length uint32, started bool) (rest []byte, ok bool) {
	after := []byte(">_")
	if text[0] == '(' {
		after = []byte(")_")
	}
	if end := int(length) + 1; started && end < len(text) && text[end] == after[0] {
		return bytes.TrimPrefix(text[end+1:], []byte("_")), true
	}
	recipient, rest, ok := bytes.Cut(text, after)
	if !ok || bytes.IndexByte(recipient, '@') < 0 {
		return text, text[0] == '(' // of something else
	}
	for _, again, more := bytes.Cut(rest, after); more; _, again, more = bytes.Cut(again, after) {
		sentence, _, _ := bytes.Cut(again, []byte("/"))
		if _, _, ok := cutQmailIntroduction(sentence); ok || qmailCause(again) != NoCause {
			return nil, false
		}
	}
	return rest, true
}

// said adds the reply that a server ended a delivery with. A positive one to STARTTLS
// does not end it: the handshake failed after it.
func (l *qmail) said(e Event, said []byte, success bool, addr []byte, command Command) {
	e.Remote = addr
	e.Addr = addr
	reply := e
	reply.Kind = Reply
	reply.Command = command
	reply.Text = l.unsafe(said)
	var ok bool
	reply.Code, reply.Enhanced, ok = ParseReply(reply.Text)
	positive := reply.Code.Class() < 4
	if !ok || success != (command == EndOfData && positive) {
		l.notUnderstood(shapeQmailDelivery)
		return
	}
	if success || !positive {
		l.emit(reply)
		return
	}
	reply.Deliveries = 0
	reply.Dialogue = true
	l.emit(reply)
	e.Cause = CauseOther
	if command == StartTLS {
		e.Cause = CauseTLS
	}
	l.emit(e)
}

// unsafe undoes logsafe as far as possible, and drops qmail's own last words. A slash
// before the reply's code or at the end is a newline.
func (l *qmail) unsafe(said []byte) []byte {
	said = bytes.TrimSuffix(said, []byte("I'm_not_going_to_try_again;_this_message_has_been_in_the_queue_too_long./"))
	if i := bytes.LastIndex(said, []byte("/Giving_up_on_")); i >= 0 && bytes.IndexByte(said[i+1:], '/') == len(said)-i-2 {
		said = said[:i]
	}
	said = bytes.TrimRight(said, "/")
	l.text = l.text[:0]
	for i, c := range said {
		switch {
		case c == '_':
			c = ' '
		case c == '/' && len(said) > i+4 && bytes.Equal(said[i+1:i+4], said[:3]) && (said[i+4] == '_' || said[i+4] == '-'):
			c = ' '
		}
		l.text = append(l.text, c)
	}
	return l.text
}

// cutQmailIntroduction reads the sentence before a reply, which names the server's
// address and the command.
//
//	192.0.2.10_does_not_like_recipient.
//	Connected_to_192.0.2.10_but_sender_was_rejected.
//	No_TLS_achieved_while_control/tlshosts/mx.dest.example.pem_exists;_connecting_to_192.0.2.10.
func cutQmailIntroduction(sentence []byte) (addr []byte, command Command, ok bool) {
	for _, before := range [...]string{";_connecting_to_", ";_connected_to_"} {
		if i := bytes.LastIndex(sentence, []byte(before)); i >= 0 {
			addr, ok = bytes.CutSuffix(sentence[i+len(before):], []byte("."))
			return addr, StartTLS, ok && isQmailServer(addr)
		}
	}
	addr, rest, ok := bytes.Cut(bytes.TrimPrefix(sentence, []byte("Connected_to_")), []byte("_"))
	if !ok || !isQmailServer(addr) {
		return nil, NoCommand, false
	}
	for i := range qmailIntroductions {
		if bytes.HasPrefix(rest, []byte(qmailIntroductions[i].words)) {
			return addr, qmailIntroductions[i].command, true
		}
	}
	return addr, NoCommand, true
}

var qmailIntroductions = []struct {
	words   string
	command Command
}{
	{"but_greeting_failed", Connect},
	{"but_my_name_was_rejected", Ehlo},
	{"but_authentication_was_rejected", Auth},
	{"but_sender_was_rejected", Mail},
	{"does_not_like_recipient", Rcpt},
	{"failed_on_DATA_command", Data},
	{"failed_after_I_sent_the_message", EndOfData},
	{"accepted_message", EndOfData},
}

// isQmailServer reports whether b looks like an IP address.
func isQmailServer(b []byte) bool {
	for _, c := range b {
		if !isDigit(c) && (c < 'a' || 'f' < c) && c != '.' && c != ':' {
			return false
		}
	}
	return bytes.ContainsAny(b, ".:")
}

// qmailCause returns why there is no reply, by a sentence of qmail-remote.c or
// qmail-rspawn.c at the start of text; NoCause for any other.
//
//	Connected_to_192.0.2.10_but_connection_died.
func qmailCause(text []byte) Cause {
	if rest, ok := bytes.CutPrefix(text, []byte("Connected_to_")); ok {
		_, rest, _ = bytes.Cut(rest, []byte("_"))
		if bytes.HasPrefix(rest, []byte("but_connection_died.")) {
			return CauseLostConnection
		}
		return NoCause
	}
	if cause := causeOf(qmailCauses, text); cause != CauseOther {
		return cause
	}
	return NoCause
}

// qmailCauses are the sentences without an address.
var qmailCauses = []causeRule{
	{prefix: "did_", cause: CauseLocal}, // qmail-local.c
	{prefix: "Sorry,_I_wasn't_able_to_establish_an_SMTP_connection.", cause: CauseUnreachable},
	{prefix: "CNAME_lookup_failed_temporarily.", cause: CauseDNS},
	{prefix: "Sorry,_I_couldn't_find_any_host_", cause: CauseDNS},
	{prefix: "Sorry,_I_couldn't_find_a_mail_exchanger_or_IP_address.", cause: CauseDNS},
	{prefix: "Sorry._Although_I'm_listed_as_a_best-preference_MX_or_A_for_that_host,", cause: CauseLoop},
	{prefix: "Out_of_memory.", cause: CauseSystem},
	{prefix: "System_resources_temporarily_unavailable.", cause: CauseSystem},
	{prefix: "Unable_to_read_message.", cause: CauseSystem},
	{prefix: "Unable_to_read_control_files.", cause: CauseSystem},
	{prefix: "Unable_to_switch_to_home_directory.", cause: CauseSystem},
	{prefix: "Unable_to_run_qmail-remote.", cause: CauseSystem},
	{prefix: "SMTP_cannot_transfer_messages_with_partial_final_lines.", cause: CauseSystem},
	{prefix: "I_(qmail-remote)_was_invoked_improperly.", cause: CauseSystem},
	{prefix: "qmail-remote_", cause: CauseSystem}, // crashed, or produced no output
}
