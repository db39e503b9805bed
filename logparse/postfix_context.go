package logparse

import "bytes"

// A postfixContext is what stands behind the text of a refusal (log_whatsup() in
// smtpd_check.c, smtpd_whatsup() in smtpd.c, cleanup_milter.c), to the end of the
// line:
//
//	; from=<A> to=<A> proto=ESMTP helo=<H> sasl_method=M sasl_username=U sasl_sender=A
//
// The text holds the addresses in their internal form: Postfix takes the quotes and
// backslashes off (tok822_internalize()), so that an address can imitate all that
// follows it. The context has them in their external form, which cannot end its own
// field (since Postfix 3.5, see info_log_addr_form.c), so it tells what of the text
// is an address. Before 3.5, and with info_log_address_format = internal, it has
// them as the text does. Then the context is read if it has the one form only.
type postfixContext struct {
	sender, recipient []byte // as logged; nil where there is none
	helo              []byte
	user              bool // a user has logged in (since Postfix 3.10; before, where a milter refused)
	// known is true where all of the line behind one place is a context, alone where
	// nothing looks like the beginning of another. certain is true where no context can
	// begin at any other place, even if addresses are in their internal form: what
	// stands before it is the text then.
	known, alone, certain bool
}

// cutPostfixContext splits what follows "NAME[IP]: " into the reply and its context.
// Of many places where a context can begin, that counts from which on all of the
// line is one: no forged context goes on to the end of the line, since none of its
// fields can hold the fields of the true one.
func cutPostfixContext(text []byte) (reply []byte, c postfixContext) {
	first, begins, places := len(text), 0, 0
	for i := nextPostfixContext(text, 0); i >= 0; i = nextPostfixContext(text, i+1) {
		if places++; places == 1 {
			first = i
		}
		if places > maxPostfixContexts {
			begins = 0
			break
		}
		if read, ok := readPostfixContext(text[i+1:]); ok {
			c = read
			begins++
			if begins == 1 {
				first = i
			}
		}
	}
	if begins != 1 {
		c = postfixContext{}
	}
	c.known, c.alone = begins == 1, places == 1
	return bytes.TrimSuffix(text[:first], []byte(";")), c
}

// maxPostfixContexts bounds the places that are tried, and so the time that a line takes.
const maxPostfixContexts = 50

// nextPostfixContext returns the index of the first ";" from start on that begins a
// context; -1 for none.
func nextPostfixContext(text []byte, start int) int {
	for {
		i := bytes.IndexByte(text[start:], ';')
		if i < 0 {
			return -1
		}
		start += i
		for _, field := range []string{" from=<", " to=<", " proto="} {
			if bytes.HasPrefix(text[start+1:], []byte(field)) {
				return start
			}
		}
		start++
	}
}

// readPostfixContext reads a context. ok is false where it is anything else, or is
// not whole.
func readPostfixContext(b []byte) (c postfixContext, ok bool) {
	if c.sender, b, ok = cutPostfixAddressField(b, " from=<"); !ok {
		return c, false
	}
	if c.recipient, b, ok = cutPostfixAddressField(b, " to=<"); !ok {
		return c, false
	}
	for _, name := range []string{" proto=", " helo=<", " sasl_method="} {
		// Neither holds a blank or an angle bracket, a HELO name for NEUTER_CHARACTERS
		// in smtpd.c.
		if rest, found := bytes.CutPrefix(b, []byte(name)); found {
			n := 0
			for n < len(rest) && rest[n] != ' ' && rest[n] != '<' && rest[n] != '>' {
				n++
			}
			b = rest[n:]
			if name[len(name)-1] == '<' {
				c.helo = rest[:n]
				if b, found = bytes.CutPrefix(b, []byte(">")); !found {
					return c, false
				}
			}
		}
	}
	// What a client gives as AUTH= of MAIL comes last.
	if before, sender, found := bytes.Cut(b, []byte(" sasl_sender=")); found {
		if sender, found = bytes.CutPrefix(sender, []byte("<")); found {
			sender = bytes.TrimSuffix(sender, []byte(">"))
		}
		if bytes.ContainsAny(sender, `<>" `) {
			return c, false
		}
		b = before
	}
	if len(b) == 0 {
		return c, true
	}
	// The user's name is the last field that can hold anything. One with a bracket may
	// hold the end of an address, for which there is no other.
	user, found := bytes.CutPrefix(b, []byte(" sasl_username="))
	if bracketed, cut := bytes.CutPrefix(user, []byte("<")); cut {
		user, cut = bytes.CutSuffix(bracketed, []byte(">"))
		found = found && cut
	}
	c.user = found && len(user) > 0 && !bytes.ContainsAny(user, "<>")
	return c, c.user
}

// cutPostfixAddressField reads the field of that name, if it is there.
func cutPostfixAddressField(b []byte, name string) (addr, rest []byte, ok bool) {
	value, found := bytes.CutPrefix(b, []byte(name))
	if !found {
		return nil, b, true
	}
	return cutPostfixAddress(value)
}

// cutPostfixAddress reads an address and the ">" behind it. One that is not in quotes
// may hold blanks, as an internal form does, but neither quotes nor brackets.
func cutPostfixAddress(b []byte) (addr, rest []byte, ok bool) {
	n := 0
	if len(b) > 0 && b[0] == '"' {
		for n = 1; n < len(b) && b[n] != '"'; n++ {
			if b[n] == '\\' {
				n++
			}
		}
		n++
		if n >= len(b) || b[n] != '@' && b[n] != '>' {
			return nil, nil, false
		}
	}
	end := bytes.IndexAny(b[n:], `<>"`)
	if end < 0 || b[n+end] != '>' {
		return nil, nil, false
	}
	return b[:n+end], b[n+end+1:], true
}

// isPlainAddress reports whether an address is one word without quotes, and not the name
// of a local user alone, which could be any word.
func isPlainAddress(addr []byte) bool {
	return bytes.IndexByte(addr, ' ') < 0 && bytes.IndexByte(addr, '"') < 0 &&
		(len(addr) == 0 || bytes.IndexByte(addr, '@') >= 0)
}

// refusal reads what follows "NAME[IP]: " in a refusal: a reply and its context. ok
// is false where it does not begin with a reply.
func (l *postfix) refusal(e *Event, text []byte) (c postfixContext, ok bool) {
	e.Text, c = cutPostfixContext(text)
	c.certain = c.known && (c.alone || c.isOnly(text, e))
	switch {
	case !c.certain:
		e.Said = untilAddress(e.Text)
	case !isPlainAddress(c.sender), !isPlainAddress(c.recipient),
		bytes.Contains(e.Text, []byte(">: Helo command rejected")), bytes.Contains(e.Text, []byte(">: Client host rejected")):
		e.Said = l.without(e.Text, c.sender, c.recipient, c.helo, e.Remote)
	}
	said := e.Text
	if e.Said != nil {
		said = e.Said
	}
	e.Code, e.Enhanced, ok = ParseReply(said)
	c.user = c.user && !l.mayBeCut()
	return c, ok
}

// isOnly reports whether no context can begin elsewhere than behind the event's text.
// Farther behind, one can only begin if all up to there is of an address that the text
// names. Before, the text may name the client, or nobody.
func (c *postfixContext) isOnly(text []byte, e *Event) bool {
	only := len(e.Text)
	start := bytes.IndexAny(e.Text, "<[") + 1
	end := ">: "
	if start > 0 && text[start-1] == '[' {
		end = "] "
	}
	for i := nextPostfixContext(text, 0); i >= 0; i = nextPostfixContext(text, i+1) {
		switch named := text[start:max(start, i)]; {
		case i == only:
		case bytes.HasPrefix(text[i:], []byte("; proto=")) && !bytes.Contains(text[i:], []byte(" sasl_")):
			// Without an address or a user's name, it would have been read.
		case i > only:
			if start > 0 && namesPostfixAddress(named, end, text[i:], only-start) {
				return false
			}
		case start == 0 || start > i || namesPostfixAddress(named, end, text[i:], 0) || c.namesClient(named, end, e):
			return false
		}
	}
	return true
}

// namesClient reports whether a text begins with a client's names, as they stand in
// brackets with that end: HELO>, NAME[IP]> or IP].
func (c *postfixContext) namesClient(text []byte, end string, e *Event) bool {
	if end[0] == ']' {
		after, ok := bytes.CutPrefix(text, e.Addr)
		return ok && bytes.HasPrefix(after, []byte(end))
	}
	after, ok := bytes.CutPrefix(text, c.helo)
	name, addr, rest, host := cutHost(text)
	return ok && bytes.HasPrefix(after, []byte(end)) ||
		host && bytes.Equal(name, e.Remote) && bytes.Equal(addr, e.Addr) && bytes.HasPrefix(rest, []byte(end))
}

// namesPostfixAddress reports whether a text can begin with an address of a context in
// its internal form, of least bytes or more, and the end of brackets.
//
//	ann@dest.example>: Relay access denied
//	; from=<a@src.example> to=<ann@dest.example> proto=ESMTP
func namesPostfixAddress(text []byte, end string, context []byte, least int) bool {
	var first []byte
	if i := bytes.IndexByte(context, '<'); i >= 0 && !bytes.HasPrefix(context, []byte("; proto=")) {
		first = context[i+1:]
	}
	if end[0] == ']' {
		least = max(least, 1) // no empty one stands in these
	}
	for n := 0; n < min(len(text), len(first)); n++ {
		if n >= least && first[n] == '>' && bytes.HasPrefix(text[n:], []byte(end)) {
			return true
		}
		if text[n] != first[n] {
			break
		}
	}
	if i := bytes.LastIndex(context, []byte("> proto=")); i >= 0 {
		context = context[:i]
	}
	for {
		_, last, ok := bytes.Cut(context, []byte(" to=<"))
		if !ok {
			return false
		}
		if n := len(last); n >= least && bytes.HasPrefix(text, last) && bytes.HasPrefix(text[n:], []byte(end)) {
			return true
		}
		context = last
	}
}

// untilAddress returns what of a text stands before all that can be an address; nil
// where there is no address.
func untilAddress(text []byte) []byte {
	if i := bytes.IndexAny(text, `<["`); i >= 0 {
		return text[:i]
	}
	return nil
}

// beforeOddAddress is untilAddress for a text whose address may be more than the first
// word in brackets; nil where it is not. No context shows what the address is.
func beforeOddAddress(text []byte) []byte {
	_, after, ok := bytes.Cut(text, []byte("<"))
	if !ok {
		return nil
	}
	if i := bytes.IndexAny(after, ` ">`); i >= 0 && after[i] == '>' && bytes.IndexByte(after[i+1:], '>') < 0 {
		return nil
	}
	return untilAddress(text)
}

// without returns text without addresses or names, where they stand in brackets; nil
// where they do not. The result is valid until the next call.
func (l *postfix) without(text []byte, names ...[]byte) []byte {
	said, all, cut := l.said[:0], len(text), len(text) == postfixLongestText
	for {
		i := bytes.IndexAny(text, "<[")
		if i < 0 {
			break
		}
		said = append(said, text[:i+1]...)
		text = text[i+1:]
		longest := 0
		for _, name := range names {
			longest = max(longest, lenOfPostfixAddress(text, name, cut))
		}
		text = text[longest:]
	}
	l.said = append(said, text...)
	if len(l.said) == all {
		return nil
	}
	return l.said
}

// postfixLongestText is where smtpd cuts the text of a refusal (smtpd_check_reject()
// in smtpd_check.c).
const postfixLongestText = 510

// lenOfPostfixAddress returns the length of an address that begins a text and that a
// bracket follows; 0 where it does not. The address is as a context shows it, and the
// text may hold its internal form. If cut is true, the end of the text may be within
// the address.
func lenOfPostfixAddress(text, addr []byte, cut bool) int {
	if len(addr) == 0 {
		return 0
	}
	n := 0
	if bytes.HasPrefix(text, addr) {
		n = len(addr)
	} else {
		quoted := addr[0] == '"'
		for i := 0; i < len(addr); i++ {
			switch {
			case quoted && i == 0:
				continue
			case quoted && addr[i] == '"':
				quoted = false
				continue
			case quoted && addr[i] == '\\':
				i++
			}
			if n == len(text) {
				if cut {
					return n
				}
				return 0
			}
			// What is not printable is a blank in the text and a question mark in the
			// context (util/printable.c).
			if c := addr[i]; c != text[n] && c != '?' && (c < 0x80 || text[n] != ' ') {
				return 0
			}
			n++
		}
	}
	if n < len(text) && text[n] != '>' && text[n] != ']' && text[n] != '[' {
		return 0
	}
	if n == len(text) && !cut {
		return 0
	}
	return n
}

// mayBeCut reports whether the message has the length at which Postfix cuts one, but
// for its severity (MSG_SYSLOG_RECLEN in util/msg_syslog.c, MSG_LOGGER_RECLEN in
// util/msg_logger.c), or at which rsyslog cuts one that it repeats. Its end may be the
// words of a stranger then.
func (l *postfix) mayBeCut() bool {
	return l.isCutRepeated() || len(bytes.TrimPrefix(l.message, []byte("warning: "))) == 2000
}
