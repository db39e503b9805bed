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
// ORIGINAL follows, with its quotes. A sender chooses what is in them: where it reads
// like the fields behind a recipient, the line could be read in two ways, and ok is
// false.
func cutEximRecipient(b []byte) (recipient, rest []byte, ok bool) {
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
	for !isDeliveryField(rest) {
		if _, rest, ok = cutOriginal(rest); !ok {
			return nil, nil, false
		}
	}
	for after := rest; ; {
		var original []byte
		if original, after, ok = cutOriginal(after); !ok {
			return b[:len(b)-len(rest)], rest, true
		}
		if imitatesFields(original) {
			return nil, nil, false
		}
	}
}

// cutOriginal reads the first address in angle brackets that a blank stands before.
func cutOriginal(b []byte) (original, rest []byte, ok bool) {
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

// imitatesFields tells whether an address without its quotes holds what looks like
// the fields of a delivery.
func imitatesFields(address []byte) bool {
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
		if isDeliveryField(plain[i:]) {
			return true
		}
	}
	return false
}

// deliveryFields are what can follow the recipient of a delivery.
var deliveryFields = []string{
	" R=", " T=", " F=<", " P=<", " Q=", " S=", " H=", ` C="`, " DT=", " QT=", ": ", " defer (", " routing defer (",
	" rejected ", " temporarily rejected ", " tmp-reject ",
}

func isDeliveryField(b []byte) bool {
	for _, field := range deliveryFields {
		if bytes.HasPrefix(b, []byte(field)) {
			return true
		}
	}
	return len(b) == 0
}
