package logparse

import "bytes"

// maxColumns is the limit on the columns that a csvRecord keeps.
const maxColumns = 64

// A csvRecord is one record of comma-separated values (RFC 4180). Reading it does
// not allocate: its fields refer into the line or, if quotes were doubled, into
// buffer. They are valid until the next record.
type csvRecord struct {
	fields [maxColumns][]byte
	n      int // number of fields, including those not kept
	buffer []byte
}

// parse reads the fields of a line. It stops at a quoted field that is not followed
// by a comma. A quoted field without a closing quote extends to the end of the line.
func (r *csvRecord) parse(line []byte) {
	r.n, r.buffer = 0, r.buffer[:0]
	for more := true; more; r.n++ {
		var field []byte
		if len(line) == 0 || line[0] != '"' {
			field, line, more = bytes.Cut(line, []byte(","))
		} else {
			text, doubled, rest := cutQuotes(line[1:])
			if more = len(rest) > 0; more {
				if rest[0] != ',' {
					return
				}
				line = rest[1:]
			}
			if field = text; doubled {
				field = r.undouble(text)
			}
		}
		if r.n < maxColumns {
			r.fields[r.n] = field
		}
	}
}

// cutQuotes reads a quoted field, after its opening quote. doubled reports whether
// text has doubled quotes.
func cutQuotes(b []byte) (text []byte, doubled bool, rest []byte) {
	for i := 0; i < len(b); i++ {
		if b[i] != '"' {
			continue
		}
		if i+1 == len(b) || b[i+1] != '"' {
			return b[:i], doubled, b[i+1:]
		}
		doubled = true
		i++
	}
	return b, doubled, nil
}

// undouble returns text with each doubled quote as a single one.
func (r *csvRecord) undouble(text []byte) []byte {
	start := len(r.buffer)
	for {
		before, after, ok := bytes.Cut(text, []byte(`""`))
		r.buffer = append(r.buffer, before...)
		if !ok {
			return r.buffer[start:]
		}
		r.buffer = append(r.buffer, '"')
		text = after
	}
}

// field returns the field of a column; nil if the record has none.
func (r *csvRecord) field(column uint8) []byte {
	if int(column) >= min(r.n, maxColumns) {
		return nil
	}
	return r.fields[column]
}

// noColumn is the index of a column that the record does not have.
const noColumn = maxColumns

// column returns the index of the column with that name in the record, a header.
func (r *csvRecord) column(name string) uint8 {
	for i, field := range r.fields[:min(r.n, maxColumns)] {
		if string(field) == name {
			return uint8(i)
		}
	}
	return noColumn
}
