package logparse

import "bytes"

// maxEximAddress is the longest address that Exim takes (exim.h, EXIM_EMAILADDR_MAX).
const maxEximAddress = 256

// skipEximAddress passes over an address as Exim has read it (parse.c,
// read_local_part()) and the ">" after it: any word of a local part can stand in
// quotes, and any character behind a backslash.
func skipEximAddress(b []byte) (rest []byte, ok bool) {
	i := indexUnquoted(b, ">")
	if i < 0 {
		return nil, false
	}
	return b[i+1:], true
}

// cutEximRecipient reads the recipient of a delivery (deliver.c,
// string_log_address()):
//
//	ADDR[ (PARENT, ...)][ <ORIGINAL>]
//
// ADDR has lost its quotes and may hold blanks, and so may a command or a file. Then
// ORIGINAL follows, with its quotes. A sender chooses what is in them: if it reads
// like the fields behind a recipient, the line has two readings, and ok is false.
func cutEximRecipient(b []byte) (recipient, rest []byte, ok bool) {
	rest = skipEximParents(b)
	for !isEximDeliveryField(rest) {
		_, rest, ok = cutEximOriginal(rest)
		if !ok {
			return nil, nil, false
		}
	}
	after := rest
	for {
		original, next, found := cutEximOriginal(after)
		if !found {
			return b[:len(b)-len(rest)], rest, true
		}
		if imitatesEximFields(original) {
			return nil, nil, false
		}
		after = next
	}
}

// skipEximParents passes over a recipient without blanks, with its parents and its
// original.
func skipEximParents(b []byte) (rest []byte) {
	i := bytes.IndexByte(b, ' ')
	switch {
	case i < 0:
		i = len(b)
	case i > 0 && b[i-1] == ':': // and a reason
		i--
	}
	rest = b[i:]
	if parents, found := bytes.CutPrefix(rest, []byte(" (")); found {
		if i := indexUnquoted(parents, ")"); i >= 0 {
			rest = parents[i+1:]
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
		address := b[:min(len(b), maxEximAddress+len(">"))]
		if after, ok := skipEximAddress(address); ok {
			n := len(address) - len(after)
			return b[:n-len(">")], b[n:], true
		}
	}
}

// imitatesEximFields reports whether an address without its quotes holds what looks
// like the fields of a delivery.
func imitatesEximFields(address []byte) bool {
	var buffer [maxEximAddress]byte
	plain := buffer[:0]
	for i := 0; i < len(address); i++ {
		if address[i] == '"' {
			continue
		}
		if address[i] == '\\' && i+1 < len(address) {
			i++
		}
		plain = append(plain, address[i])
	}
	for i := range plain {
		if isEximDeliveryField(plain[i:]) {
			return true
		}
	}
	return false
}

// eximDeliveryFields are what can follow the recipient of a delivery.
var eximDeliveryFields = []string{
	" R=", " T=", " F=<", " P=<", " Q=", " S=", " H=", ` C="`, " DT=", " QT=", ": ", " defer (", " routing defer (",
	" rejected ", " temporarily rejected ", " tmp-reject ",
}

// isEximDeliveryField reports whether b can follow the recipient of a delivery.
func isEximDeliveryField(b []byte) bool {
	return len(b) == 0 || eximStartsWith(b, eximDeliveryFields)
}
