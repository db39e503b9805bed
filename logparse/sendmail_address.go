package logparse

import "bytes"

// cutSendmailClient reads what Sendmail calls a client (daemon.c, getauthinfo()):
//
//	mx.src.example [192.0.2.7]
//	[192.0.2.7]
//	ann@mx.src.example [IPv6:2001:db8::7] (may be forged)
//
// The name is the address where the client has none. What an ident server said
// before the @ is dropped, of which cleanstrcpy() (util.c) leaves letters, digits
// and a few marks. A user who runs sendmail -bs has no address, and is no client.
func cutSendmailClient(b []byte) (name, addr, rest []byte, ok bool) {
	end := bytes.IndexByte(b, '[')
	if end < 0 || end > 0 && b[end-1] != ' ' && b[end-1] != '@' {
		return nil, nil, nil, false
	}
	name = bytes.TrimSuffix(b[:end], []byte(" "))
	if !isSendmailClientName(name) {
		return nil, nil, nil, false
	}
	name = name[bytes.LastIndexByte(name, '@')+1:]
	addr, rest, ok = cutSendmailAddr(b[end:])
	if !ok {
		return nil, nil, nil, false
	}
	if len(name) == 0 {
		name = addr
	}
	return name, addr, bytes.TrimPrefix(rest, []byte(" (may be forged)")), true
}

// isSendmailClientName reports whether b is what Sendmail writes before a client's
// address: the name of a host, perhaps with what an ident server said and @ before it.
// No recipient looks so of whom something else in the line is a part: it would hold
// a mark of quoting, or the "..." of a part left out (util.c, shortenstring()).
func isSendmailClientName(b []byte) bool {
	for i, c := range b {
		switch {
		case c == '.':
			if i > 0 && b[i-1] == '.' {
				return false
			}
		case !isAlphanumeric(c) && c < 0x80 && bytes.IndexByte([]byte("!#$%&'*+-/:@^_`{|}~"), c) < 0:
			return false
		}
	}
	return true
}

// cutSendmailAddr reads an IP address or a socket in brackets (daemon.c,
// anynet_ntoa()):
//
//	[192.0.2.7]
//	[IPv6:2001:db8:0:0:0:0:0:7]
//	[[UNIX: /run/lmtp]]
func cutSendmailAddr(b []byte) (addr, rest []byte, ok bool) {
	if path, ok := bytes.CutPrefix(b, []byte("[[UNIX: ")); ok {
		return bytes.Cut(path, []byte("]]"))
	}
	if len(b) == 0 || b[0] != '[' {
		return nil, nil, false
	}
	b = b[1:]
	for i, c := range b {
		switch c {
		case ' ', ',', '[':
			return nil, nil, false
		case ']':
			return bytes.TrimPrefix(b[:i], []byte("IPv6:")), b[i+1:], i > 0
		}
	}
	return nil, nil, false
}

// cutSendmailAddresses reads mail addresses up to the ", " after them and returns
// how many there are. Sendmail writes what its clients wrote, who may put anything
// into quotes, comments and angle brackets, but must close them, and nothing else
// (parseaddr.c, prescan()).
func cutSendmailAddresses(b []byte) (n int, rest []byte, ok bool) {
	var a sendmailAddressReader
	for i, c := range b {
		if a.outside(c) && c == ',' {
			n++
			if i+1 < len(b) && b[i+1] == ' ' {
				return n, b[i+2:], !a.unbalanced
			}
		}
	}
	return 0, nil, false
}

// isSendmailAddress reports whether b is one address of a client, which ends where
// the first blank is that is in nothing.
func isSendmailAddress(b []byte) bool {
	var a sendmailAddressReader
	for _, c := range b {
		if a.outside(c) && c == ' ' {
			return false
		}
	}
	return len(b) > 0 && !a.unbalanced && !a.quoted && !a.escaped && !a.half && a.comments == 0 && a.angles == 0
}

// A sendmailAddressReader knows what is in an address' quotes, comments and brackets.
// A backslash is logged as two. One that is not is the beginning of a control
// character's name, such as \001 (libsm/util.c, str2prt()).
type sendmailAddressReader struct {
	half             bool // of what is logged as two bytes or more
	escaped, quoted  bool
	comments, angles int
	unbalanced       bool // something ended that had not begun
}

// outside takes the next byte of an address and reports whether it is in none of
// them.
func (a *sendmailAddressReader) outside(c byte) bool {
	switch {
	case a.half:
		a.half = false
		a.escaped = c == '\\' && !a.escaped
	case c == '\\':
		a.half = true
	case a.escaped:
		a.escaped = false
	case a.quoted:
		a.quoted = c != '"'
	case c == '(':
		a.comments++
	case c == ')':
		a.comments--
		if a.comments < 0 {
			a.comments, a.unbalanced = 0, true
		}
	case a.comments > 0:
	case c == '"':
		a.quoted = true
	case c == '<':
		a.angles++
	case c == '>':
		a.angles--
		if a.angles < 0 {
			a.angles, a.unbalanced = 0, true
		}
	default:
		return a.angles == 0
	}
	return false
}

// cutSendmailLast cuts around the last separator in b.
func cutSendmailLast(b []byte, separator string) (before, after []byte, ok bool) {
	i := lastIndex(b, []byte(separator))
	if i < 0 {
		return nil, nil, false
	}
	return b[:i], b[i+len(separator):], true
}
