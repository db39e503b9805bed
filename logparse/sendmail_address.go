package logparse

import "bytes"

// cutSendmailClient reads what Sendmail calls a client (daemon.c, getauthinfo()):
//
//	mx.src.example [192.0.2.7]
//	[192.0.2.7]
//	ann@mx.src.example [IPv6:2001:db8::7] (may be forged)
//
// The name is the address where the client has none. What an ident server said
// before the @ is dropped. A user who runs sendmail -bs has no address, and is no
// client.
func cutSendmailClient(b []byte) (name, addr, rest []byte, ok bool) {
	end := bytes.IndexByte(b, '[')
	if end < 0 || end > 0 && b[end-1] != ' ' && b[end-1] != '@' {
		return nil, nil, nil, false
	}
	name = bytes.TrimSuffix(b[:end], []byte(" "))
	if bytes.ContainsAny(name, " ,") {
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
	addr, rest, ok = bytes.Cut(b[1:], []byte("]"))
	if !ok || len(addr) == 0 || bytes.ContainsAny(addr, " ,[") {
		return nil, nil, false
	}
	return bytes.TrimPrefix(addr, []byte("IPv6:")), rest, true
}

// cutSendmailAddresses reads mail addresses up to the ", " after them and returns
// how many there are. Sendmail writes what its clients wrote, who may put anything
// into quotes, comments and angle brackets, but must close them (parseaddr.c,
// prescan()).
func cutSendmailAddresses(b []byte) (n int, rest []byte, ok bool) {
	var a sendmailAddressReader
	for i, c := range b {
		if a.outside(c) && c == ',' {
			n++
			if i+1 < len(b) && b[i+1] == ' ' {
				return n, b[i+2:], true
			}
		}
	}
	return 0, nil, false
}

// A sendmailAddressReader knows what is in an address' quotes, comments and brackets.
type sendmailAddressReader struct {
	escaped, quoted  bool
	comments, angles int
}

// outside takes the next byte of an address and reports whether it is in none of
// them.
func (a *sendmailAddressReader) outside(c byte) bool {
	switch {
	case a.escaped:
		a.escaped = false
	case c == '\\':
		a.escaped = true
	case a.quoted:
		a.quoted = c != '"'
	case c == '(':
		a.comments++
	case c == ')':
		a.comments = max(a.comments-1, 0)
	case a.comments > 0:
	case c == '"':
		a.quoted = true
	case c == '<':
		a.angles++
	case c == '>':
		a.angles = max(a.angles-1, 0)
	default:
		return a.angles == 0
	}
	return false
}

// cutSendmailLast cuts around the last separator in b.
func cutSendmailLast(b []byte, separator string) (before, after []byte, ok bool) {
	i := bytes.LastIndex(b, []byte(separator))
	if i < 0 {
		return nil, nil, false
	}
	return b[:i], b[i+len(separator):], true
}
