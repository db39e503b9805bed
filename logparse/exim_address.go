package logparse

import "bytes"

// cutEximAddress reads an address as Exim keeps it, without comments (parse.c,
// read_addr_spec()). The words of a local part stand between dots. Each is quoted as
// a whole, or has a backslash before each special character. A domain need not be
// there, and ok is false if no local part is.
//
//	a."b c".d\ e@[192.0.2.7]
func cutEximAddress(b []byte) (address, rest []byte, ok bool) {
	i := 0
	for word := true; word; {
		n, closed := eximWord(b[i:])
		if !closed {
			return nil, b, false
		}
		i += n
		for word = false; i < len(b) && b[i] == '.'; i++ {
			word = true
		}
	}
	if i == 0 {
		return nil, b, false
	}
	if i < len(b) && b[i] == '@' {
		i += 1 + eximDomain(b[i+1:])
	}
	return b[:i], b[i:], true
}

// eximWord returns the length of the word at the start of b (read_local_part()).
// closed is false where one of its quotes or backslashes is the last byte.
func eximWord(b []byte) (n int, closed bool) {
	quoted := len(b) > 0 && b[0] == '"'
	if quoted {
		n = 1
	}
	for ; n < len(b); n++ {
		switch {
		case b[n] == '\\':
			if n++; n == len(b) {
				return n, false
			}
		case quoted && b[n] == '"':
			return n + 1, true
		case !quoted && isEximSpecial[b[n]]:
			return n, true
		}
	}
	return n, !quoted
}

// isEximSpecial says which bytes need quotes (macros.h, mac_iscntrl_or_special()).
var isEximSpecial = func() (is [256]bool) {
	for c := range byte(' ' + 1) {
		is[c] = true
	}
	for _, c := range []byte("()<>@,;:\\\".[]\x7f") {
		is[c] = true
	}
	return is
}()

// eximDomain returns the length of the domain or address literal at the start of b.
func eximDomain(b []byte) int {
	if len(b) > 0 && b[0] == '[' {
		return bytes.IndexByte(b, ']') + 1
	}
	for i, c := range b {
		if c != '.' && isEximSpecial[c] {
			return i
		}
	}
	return len(b)
}

// skipEximAddress passes over an address, which may be empty, and the ">" after it.
func skipEximAddress(b []byte) (rest []byte, ok bool) {
	if address, after, ok := cutEximAddress(b); ok {
		_, b = address, after
	}
	return bytes.CutPrefix(b, []byte(">"))
}

// cutEximRecipient reads the recipient of a delivery (deliver.c,
// string_log_address()):
//
//	ADDR[ (PARENT, ...)][ <ORIGINAL>]
//
// ADDR has lost its quotes and may hold blanks, and so may a command or a file. Then
// ORIGINAL follows, with its quotes. A sender chooses what is in them: if it is what
// looks like the fields behind a recipient, the line has two readings. ok is false
// unless no words of another stranger can have made the second one.
func cutEximRecipient(b []byte, delivered bool) (recipient, rest []byte, ok bool) {
	rest = skipEximParents(b)
	for !isEximDeliveryField(rest) {
		_, rest, ok = cutEximOriginal(rest)
		if !ok {
			return nil, nil, false
		}
	}
	end := len(b) - len(rest)
	for after := b[end:]; ; {
		original, next, found := cutEximOriginal(after)
		if !found {
			return b[:end], rest, true
		}
		if needsEximQuotes(original) && isEximDeliveryField(next) {
			last := len(b) - len(next)
			address := b[:last-len(original)-len(" <>")]
			plain := eximPlain{address: original}
			switch {
			case plain.isLocalPartOf(address) && isEximAddressOnly(b, len(address), delivered):
				return b[:last], next, true
			case plain.holdsFields(address[end:]):
				return nil, nil, false
			}
		}
		after = b[len(b)-len(next)-len(original)-len(">"):] // another can begin within it
	}
}

// skipEximParents passes over a recipient without blanks, with its parents and its
// original.
func skipEximParents(b []byte) (rest []byte) {
	i := bytes.IndexByte(b, ' ')
	switch {
	case i < 0:
		i = len(b)
	case i > 0 && b[i-1] == ':' && b[0] != ':': // and a reason, unlike ":blackhole:"
		i--
	}
	rest = b[i:]
	if parents, found := bytes.CutPrefix(rest, []byte(" (")); found {
		for {
			_, after, ok := cutEximAddress(parents)
			if !ok {
				return rest
			}
			if parents, found = bytes.CutPrefix(after, []byte(", ")); found {
				continue
			}
			if after, found = bytes.CutPrefix(after, []byte(")")); found {
				rest = after
			}
			break
		}
	}
	if original, found := bytes.CutPrefix(rest, []byte(" <")); found {
		if after, ok := skipEximAddress(original); ok {
			rest = after
		}
	}
	return rest
}

// cutEximOriginal reads the first address in angle brackets that follows a blank.
func cutEximOriginal(b []byte) (original, rest []byte, ok bool) {
	for {
		i := bytes.Index(b, []byte(" <"))
		if i < 0 {
			return nil, nil, false
		}
		b = b[i+len(" <"):]
		address, after, ok := cutEximAddress(b)
		if after, closed := bytes.CutPrefix(after, []byte(">")); ok && closed {
			return address, after, true
		}
	}
}

// needsEximQuotes reports whether Exim logs an address without its quotes.
func needsEximQuotes(address []byte) bool { return bytes.ContainsAny(address, `"\`) }

// An eximPlain is the local part of an address without its quotes, from an index on.
type eximPlain struct {
	address []byte
	i       int
	quoted  bool
}

// next returns the next byte; ok is false at the end.
func (p *eximPlain) next() (c byte, ok bool) {
	for ; p.i < len(p.address); p.i++ {
		switch c := p.address[p.i]; {
		case c == '"':
			p.quoted = !p.quoted
			continue
		case c == '@' && !p.quoted:
			return 0, false
		case c == '\\' && p.i+1 < len(p.address):
			p.i++
		}
		p.i++
		return p.address[p.i-1], true
	}
	return 0, false
}

// isLocalPartOf reports whether an address without its quotes has this local part, and
// a domain or none. Routers ignore the case unless told otherwise.
func (p eximPlain) isLocalPartOf(address []byte) bool {
	for {
		c, ok := p.next()
		if !ok {
			break
		}
		if len(address) == 0 || lower(c) != lower(address[0]) {
			return false
		}
		address = address[1:]
	}
	domain, found := bytes.CutPrefix(address, []byte("@"))
	return len(address) == 0 || found && eximDomain(domain) == len(domain)
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// holds reports whether a text is in the local part.
func (p eximPlain) holds(text []byte) bool {
	for {
		from, n := p, 0
		for n < len(text) {
			if c, ok := from.next(); !ok || c != text[n] {
				break
			}
			n++
		}
		if n == len(text) {
			return true
		}
		if _, ok := p.next(); !ok {
			return false
		}
	}
}

// holdsFields reports whether fields are in the local part, but for a domain and
// parents behind them.
func (p eximPlain) holdsFields(fields []byte) bool {
	for {
		domain := bytes.LastIndexByte(fields, '@')
		if p.holds(fields) || domain > 0 && p.holds(fields[:domain]) {
			return true
		}
		parents := bytes.LastIndex(fields, []byte(" ("))
		if parents <= 0 || fields[len(fields)-1] != ')' {
			return false
		}
		if fields = fields[:parents]; bytes.HasSuffix(fields, []byte(" defer")) {
			return false
		}
	}
}

// isEximAddressOnly reports whether nobody but the recipient's own stranger can have
// written the first n bytes, which are an address in one reading of a line and begin
// its fields in the other: neither the other host, in a reply or a certificate, nor a
// sender or return path that goes on behind them.
func isEximAddressOnly(b []byte, n int, delivered bool) bool {
	for i := range b[:n] {
		switch address := b[i:]; {
		case bytes.HasPrefix(address, []byte(` DN="`)), !delivered && bytes.HasPrefix(address, []byte(": ")):
			return false
		case bytes.HasPrefix(address, []byte(" F=<")), bytes.HasPrefix(address, []byte(" P=<")):
			if rest, ok := skipEximAddress(address[len(" F=<"):]); ok && len(b)-len(rest) > n {
				return false
			}
		}
	}
	return true
}

// eximDeliveryFields are what can follow the recipient of a delivery.
var eximDeliveryFields = []string{
	" R=", " T=", " F=<", " P=<", " Q=", " S=", " H=", ` C="`, " DT=", " QT=", ": ", " : ",
	" rejected ", " temporarily rejected ", " tmp-reject ",
}

// isEximDeliveryField reports whether b can follow the recipient of a delivery.
func isEximDeliveryField(b []byte) bool {
	return len(b) == 0 || isEximDeferral(b) || eximStartsWith(b, eximDeliveryFields)
}
