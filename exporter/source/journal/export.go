package journal

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"

	"smtp_reply_exporter/exporter/source"
)

// maxName is journald's limit on the length of a field's name.
const maxName = 64

// The fields that the decoder keeps. It skips all others.
const (
	fieldCursor = iota
	fieldRealtime
	fieldMessage
	fieldIdentifier
	fieldComm
	fieldSyslogPID
	fieldPID
	fieldHostname
	fieldTransport
	fieldMessageID
	fieldDropped
	fieldContainer
	numFields
)

var fieldNames = [numFields]string{
	"__CURSOR", "__REALTIME_TIMESTAMP", "MESSAGE", "SYSLOG_IDENTIFIER", "_COMM", "SYSLOG_PID", "_PID", "_HOSTNAME",
	"_TRANSPORT", "MESSAGE_ID", "N_DROPPED", "CONTAINER_ID",
}

// outputFields limits journalctl's output to the fields that the decoder keeps.
var outputFields = strings.Join(fieldNames[:], ",")

// A decoder reads the Journal Export Format (systemd's
// docs/JOURNAL_EXPORT_FORMATS.md) in pieces of any size. A field is a line
// NAME=value. If the value is not plain text, the field is a line NAME, a length of
// 64 bits, little-endian, the bytes of the value, and a line end. An empty line ends
// an entry. The decoder's memory is bounded, whatever the size of an entry.
type decoder struct {
	fields [numFields][]byte // of the current entry; the first value if a name has several
	// overlong reports whether the current entry's message was truncated to
	// source.MaxLine.
	overlong bool

	state decoderState
	text  []byte // of a line or a value, so far
	long  bool   // text lacks its end
	size  []byte // the length of a value, so far
	left  uint64 // bytes of the value yet to come
	field int    // of the value; -1 for a field that is not kept
}

type decoderState uint8

const (
	inLine decoderState = iota
	inSize
	inValue
	afterValue
)

// decode reads the next bytes of the stream. It calls entry at the end of each entry,
// with d.fields set. It returns an error of entry, or one that says how the stream
// violates the format.
func (d *decoder) decode(b []byte, entry func() error) error {
	for len(b) > 0 {
		switch d.state {
		case inLine:
			line, rest, whole := bytes.Cut(b, []byte("\n"))
			d.add(line, maxName+1+source.MaxLine)
			b = rest
			if whole {
				if err := d.endLine(entry); err != nil {
					return err
				}
			}
		case inSize:
			n := min(len(b), 8-len(d.size))
			d.size, b = append(d.size, b[:n]...), b[n:]
			if len(d.size) == 8 {
				d.left, d.state, d.size = binary.LittleEndian.Uint64(d.size), inValue, d.size[:0]
			}
		case inValue:
			n := int(min(d.left, uint64(len(b))))
			d.add(b[:n], source.MaxLine)
			d.left -= uint64(n)
			b = b[n:]
			if d.left == 0 {
				d.state = afterValue
			}
		case afterValue:
			if b[0] != '\n' {
				return fmt.Errorf("a value does not end after its length, but with %q", b[0])
			}
			d.set(d.field, d.text)
			d.state, b = inLine, b[1:]
		}
	}
	return nil
}

// add appends b to the text of a line or value, up to limit.
func (d *decoder) add(b []byte, limit int) {
	n := min(len(b), limit-len(d.text))
	d.long = d.long || n < len(b)
	d.text = append(d.text, b[:n]...)
}

func (d *decoder) endLine(entry func() error) error {
	name, value, isText := bytes.Cut(d.text, []byte("="))
	switch {
	case len(d.text) == 0:
		err := entry()
		d.clear()
		return err
	case len(name) == 0 || len(name) > maxName:
		return fmt.Errorf("no name of a field: %.80q", d.text)
	case isText:
		d.long = d.long || len(value) > source.MaxLine
		d.set(fieldOf(name), value[:min(len(value), source.MaxLine)])
	default:
		d.field, d.state = fieldOf(name), inSize
		d.text = d.text[:0]
	}
	return nil
}

// set stores a field's value, unless it has one, and clears the text.
func (d *decoder) set(field int, value []byte) {
	if field >= 0 && len(d.fields[field]) == 0 {
		d.fields[field] = append(d.fields[field], value...)
		d.overlong = d.overlong || d.long && field == fieldMessage
	}
	d.text, d.long = d.text[:0], false
}

// clear prepares the decoder for the next entry.
func (d *decoder) clear() {
	for i := range d.fields {
		d.fields[i] = d.fields[i][:0]
	}
	d.overlong = false
}

// reset prepares the decoder for another stream.
func (d *decoder) reset() {
	d.clear()
	d.state, d.text, d.long, d.size = inLine, d.text[:0], false, d.size[:0]
}

func fieldOf(name []byte) int {
	for i, n := range fieldNames {
		if string(name) == n {
			return i
		}
	}
	return -1
}
