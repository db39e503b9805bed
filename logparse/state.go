package logparse

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// errState says that a Parser of another version made the state, or that it is
// damaged.
var errState = errors.New("logparse: not the state of this version's Parser")

// MarshalBinary returns what the Parser remembers of the lines so far, so that
// another process can go on after them. It holds hashes instead of names and ids.
// The one exception is the beginning of a message that a container runtime has
// logged in part. Its size is bounded.
func (p *Parser) MarshalBinary() ([]byte, error) {
	var b []byte
	var err error
	for _, part := range p.unwrapper.partial {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(part)))
		b = append(b, part...)
	}
	b = binary.LittleEndian.AppendUint64(b, uint64(p.line.seed))
	for _, g := range p.grammars {
		for _, t := range g.tables() {
			if b, err = t.append(b); err != nil {
				return nil, err
			}
		}
	}
	return b, nil
}

// UnmarshalBinary lets p, which must be new, go on where the Parser that made the
// state stood. After an error p is still as new.
func (p *Parser) UnmarshalBinary(b []byte) error {
	var parts [2][]byte
	for i := range parts {
		if len(b) < 4 {
			return errState
		}
		n := int(binary.LittleEndian.Uint32(b))
		if b = b[4:]; n > len(b) || n > maxJoined {
			return errState
		}
		parts[i], b = append([]byte(nil), b[:n]...), b[n:]
	}
	if len(b) < 8 {
		return errState
	}
	fresh := NewParser()
	fresh.line.seed, b = hash(binary.LittleEndian.Uint64(b)), b[8:]
	for _, g := range fresh.grammars {
		for _, t := range g.tables() {
			var err error
			if b, err = t.read(b); err != nil {
				return err
			}
		}
	}
	if len(b) > 0 {
		return errState
	}
	p.unwrapper.partial, p.grammars, p.line = parts, fresh.grammars, fresh.line
	if p.format != nil {
		p.format.line = p.line
	}
	return nil
}

// remembered is a table of any values.
type remembered interface {
	append([]byte) ([]byte, error)
	read([]byte) ([]byte, error)
}

// A validator is a value that can be read from bytes and still be unusable.
type validator interface{ valid() bool }

// append appends the table's entries, the ones unused for longest first.
func (t *table[V]) append(b []byte) ([]byte, error) {
	entries := t.entries()
	var v V
	b = binary.LittleEndian.AppendUint32(b, uint32(binary.Size(&v)))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(entries)))
	for _, e := range entries {
		b = binary.LittleEndian.AppendUint64(b, uint64(e.key))
		var err error
		if b, err = binary.Append(b, binary.LittleEndian, &e.value); err != nil {
			return nil, fmt.Errorf("logparse: %w", err)
		}
	}
	return b, nil
}

// read fills an empty table with the entries at the start of b and returns the
// rest.
func (t *table[V]) read(b []byte) ([]byte, error) {
	var v V
	size := binary.Size(&v)
	if len(b) < 8 || binary.LittleEndian.Uint32(b) != uint32(size) {
		return nil, errState
	}
	n := int(binary.LittleEndian.Uint32(b[4:]))
	b = b[8:]
	if n > t.size || len(b) < n*(8+size) {
		return nil, errState
	}
	for range n {
		value := t.put(hash(binary.LittleEndian.Uint64(b)))
		if _, err := binary.Decode(b[8:], binary.LittleEndian, value); err != nil {
			return nil, fmt.Errorf("logparse: %w", err)
		}
		if v, ok := any(value).(validator); ok && !v.valid() {
			return nil, errState
		}
		b = b[8+size:]
	}
	return b, nil
}
