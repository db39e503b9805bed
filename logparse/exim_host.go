package logparse

import "bytes"

// An eximHost is a host as Exim names it.
type eximHost struct {
	name, addr []byte
	helo       bool // a name given in HELO, which is not kept
	ident      bool // an answer to RFC 1413
	subject    bool // the name in a certificate
}

// client tells whether only a client is named so.
func (h *eximHost) client() bool { return h.helo || h.ident }

// cutEximHost reads what follows "H=" or "from " (host.c, host_and_ident() and
// host_build_sender_fullhost(); deliver.c, d_hostlog()):
//
//	[NAME ][DS ][(HELO) ][IP][:PORT][*][ I=[IP][:PORT]][ PRX=[IP]:PORT][ U=IDENT][ Ci=N][ TFO*]
//
// A HELO name holds neither blank nor bracket, but where helo_accept_junk_hosts
// allows any. An answer to RFC 1413 may hold blanks. What is read of a client whose
// name or answer could go on is to be checked with restated.
func cutEximHost(b []byte) (h eximHost, rest []byte, ok bool) {
	if len(b) > 0 && b[0] != '(' && b[0] != '[' {
		if h.name, b, ok = bytes.Cut(b, []byte(" ")); !ok {
			return h, nil, false
		}
		b = bytes.TrimPrefix(b, []byte("DS "))
	}
	if len(b) > 0 && b[0] == '(' {
		end := bytes.Index(b, []byte(") ["))
		if end < 0 {
			return h, nil, false
		}
		h.helo, b = true, b[end+len(") "):]
	}
	if h.addr, b, ok = cutBracketed(b); !ok {
		return h, nil, false
	}
	b = bytes.TrimPrefix(b, []byte("*"))
	for {
		var field []byte
		switch {
		case bytes.HasPrefix(b, []byte(" I=")):
			field = b[len(" I="):]
		case bytes.HasPrefix(b, []byte(" PRX=")):
			field = b[len(" PRX="):]
		case bytes.HasPrefix(b, []byte(" U=")), bytes.HasPrefix(b, []byte(" Ci=")), bytes.HasPrefix(b, []byte(" TFO")):
			h.ident = h.ident || b[1] == 'U'
			end := 1
			for end < len(b) && b[end] != ' ' && (b[end] != ':' || end+1 < len(b) && b[end+1] != ' ') {
				end++
			}
			b = b[end:]
			continue
		default:
			return h, b, true
		}
		_, rest, ok := cutBracketed(field)
		if !ok {
			return h, b, true
		}
		b = rest
	}
}

// cutBracketed reads "[IP]" and ":PORT".
func cutBracketed(b []byte) (addr, rest []byte, ok bool) {
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

// restated tells whether in what stands behind a client's host its structure begins
// once more: then the client may have written what came before, in a HELO name ("x)
// [IP] ..."), in its certificate or in its answer to RFC 1413; or else what comes now.
func (h *eximHost) restated(b []byte) bool {
	for i := range b {
		switch {
		case b[i] == ')' && h.helo:
			if address, ok := bytes.CutPrefix(b[i:], []byte(") ")); ok {
				if _, rest, ok := cutEximHost(address); ok && isClientField(rest) {
					return true
				}
			}
		case b[i] == '"' && h.subject && isClientField(b[i+1:]), b[i] == ' ' && h.ident && isClientField(b[i:]):
			return true
		}
	}
	return false
}

// clientFields are what can follow a client's host or certificate.
var clientFields = []string{" F=<", " X=", " CV=", " SNI=", " sender verify "}

func isClientField(b []byte) bool {
	for _, field := range clientFields {
		if bytes.HasPrefix(b, []byte(field)) {
			return true
		}
	}
	b, ok := bytes.CutPrefix(b, []byte(" "))
	if !ok || !isRefusal(b) {
		return false
	}
	r, _ := aclRefusalOf(b)
	return r != nil
}
