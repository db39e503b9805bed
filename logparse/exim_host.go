package logparse

import "bytes"

// An eximHost is a host as Exim names it.
type eximHost struct {
	name, addr []byte
	helo       []byte // a name given in HELO; nil where the line shows none
	ident      bool   // an answer to RFC 1413
}

// client reports whether only a client is named so.
func (h *eximHost) client() bool { return h.helo != nil || h.ident }

// cutEximHost reads what follows "H=" or "from " (host.c, host_and_ident() and
// host_build_sender_fullhost(); deliver.c, d_hostlog()):
//
//	[NAME ][DS ][(HELO) ][IP][:PORT][*][ I=[IP][:PORT]][ PRX=[IP]:PORT][ U=IDENT][ Ci=N][ TFO*]
//
// A HELO name holds neither blank nor bracket, unless helo_accept_junk_hosts allows
// any. An answer to RFC 1413 may hold blanks. If a client's name or answer could go
// on, what is read after it must be checked with restated.
func cutEximHost(b []byte) (h eximHost, rest []byte, ok bool) {
	if len(b) > 0 && b[0] != '(' && b[0] != '[' {
		h.name, b, ok = bytes.Cut(b, []byte(" "))
		if !ok {
			return h, nil, false
		}
		b = bytes.TrimPrefix(b, []byte("DS "))
	}
	if len(b) > 0 && b[0] == '(' {
		end := bytes.Index(b, []byte(") ["))
		if end < 0 {
			return h, nil, false
		}
		h.helo = b[1:end]
		b = b[end+len(") "):]
	}
	h.addr, b, ok = cutEximIP(b)
	if !ok {
		return h, nil, false
	}
	b = bytes.TrimPrefix(b, []byte("*"))
	for {
		rest, ok := cutEximHostField(b)
		if !ok {
			return h, b, true
		}
		h.ident = h.ident || bytes.HasPrefix(b, []byte(" U="))
		b = rest
	}
}

// cutEximHostField drops a field that follows a host's address.
func cutEximHostField(b []byte) (rest []byte, ok bool) {
	switch {
	case bytes.HasPrefix(b, []byte(" I=")):
		_, rest, ok = cutEximIP(b[len(" I="):])
	case bytes.HasPrefix(b, []byte(" PRX=")):
		_, rest, ok = cutEximIP(b[len(" PRX="):])
	case eximStartsWith(b, []string{" U=", " Ci=", " TFO"}):
		return b[1+len(eximField(b[1:])):], true
	}
	return rest, ok
}

// cutEximIP reads "[IP]" and ":PORT".
func cutEximIP(b []byte) (addr, rest []byte, ok bool) {
	if len(b) < 2 || b[0] != '[' {
		return nil, nil, false
	}
	for i, c := range b[1:] {
		if c == ']' {
			addr, b = b[1:i+1], b[i+2:]
			if len(b) > 1 && b[0] == ':' && isDigit(b[1]) {
				_, b = cutNumber(b[1:])
			}
			return addr, b, true
		}
		if c != ':' && c != '.' && c != '%' && !isAlphanumeric(c) {
			break
		}
	}
	return nil, nil, false
}

// restated reports whether b, which stands behind a client's host, begins the
// structure of a client's line once more. If so, the client may have written what
// came before, in a HELO name ("x) [IP] ...") or in its answer to RFC 1413; or else
// what comes now.
func (h *eximHost) restated(b []byte) bool { return h.restatedBefore(b, isEximClientField) }

// restatedBefore is restated for a line in which field reports whether b can follow
// the host.
func (h *eximHost) restatedBefore(b []byte, field func(b []byte) bool) bool {
	if !h.client() {
		return false
	}
	identified := false
	for rest := b; h.helo != nil; {
		i := bytes.Index(rest, []byte(") ["))
		if i < 0 {
			break
		}
		rest = rest[i+len(") "):]
		other, after, ok := cutEximHost(rest)
		if ok && field(after) {
			return true
		}
		if ok && other.ident && !identified {
			identified = true // looks at all that comes
			if other.restatedBefore(after, field) {
				return true
			}
		}
	}
	if h.ident {
		for i := range b {
			if b[i] == ' ' && field(b[i:]) {
				return true
			}
		}
	}
	return false
}

// eximClientFields are what can follow a client's host or certificate, but for an
// ACL's refusal.
var eximClientFields = []string{" F=<", " X=", " CV=", " SNI=", " sender verify "}

func isEximClientField(b []byte) bool {
	if eximStartsWith(b, eximClientFields) {
		return true
	}
	b, ok := bytes.CutPrefix(skipEximVerdicts(b), []byte(" "))
	if !ok || !isEximRefusal(b) {
		return false
	}
	acl, _ := cutEximACL(b)
	return acl != nil
}

// isEximClientLine reports whether b can follow a client's certificate.
func isEximClientLine(b []byte) bool {
	if isEximClientField(b) || eximStartsWith(b, []string{" Warning: ", " incomplete transaction ("}) {
		return true
	}
	address, ok := bytes.CutPrefix(b, []byte(" ")) // see cutThrough
	if !ok {
		return false
	}
	sender, ok := bytes.CutPrefix(skipEximParents(address), []byte(" F=<"))
	if !ok {
		return false
	}
	rest, ok := skipEximAddress(sender)
	return ok && eximStartsWith(rest, []string{" rejected after DATA: ", " tmp-reject ", " Q=", " P=<"})
}
