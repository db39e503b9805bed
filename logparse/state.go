package logparse

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// A state begins with stateMagic and stateFormat, followed by:
//
//	unwrapper.partial  each a length and its bytes
//	seed
//	number of sections
//	sections           one for each table
//
// Numbers are little-endian. A change of a table's value type drops only that
// table's section; raise stateFormat if the meaning of any other part changes.
const (
	stateMagic         = "logparse"
	stateFormat uint16 = 2 // format 1 had neither magic nor number
)

// errDamagedState is the error for a state that MarshalBinary did not return.
var errDamagedState = errors.New("logparse: the parser's state is damaged; dropped all of it")

// allMTAs stands in place of a name in the section of a table that all MTAs share.
const allMTAs = ""

// A section holds one table in a state.
type section struct {
	mta     string // or allMTAs
	table   uint8  // index in the tables of the MTA's grammar
	layout  uint64 // of the table's values
	entries []byte
}

// MarshalBinary returns the Parser's state, from which another process can resume
// after the last line. The state holds hashes instead of names and ids, except for
// the beginning of a message that a container runtime has logged in part. Its size
// is bounded. MarshalBinary must not run at the same time as another method of the
// Parser.
func (p *Parser) MarshalBinary() ([]byte, error) {
	b := binary.LittleEndian.AppendUint16([]byte(stateMagic), stateFormat)
	for _, part := range p.unwrapper.partial {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(part)))
		b = append(b, part...)
	}
	b = binary.LittleEndian.AppendUint64(b, uint64(p.line.seed))
	count := len(b)
	b = binary.LittleEndian.AppendUint16(b, 0)
	b, err := appendSection(b, allMTAs, 0, &p.once)
	if err != nil {
		return nil, err
	}
	if b, err = appendSection(b, allMTAs, 1, &p.counts); err != nil {
		return nil, err
	}
	sections := 2
	for m, g := range p.grammars {
		if g == nil {
			continue
		}
		for i, t := range g.tables() {
			if b, err = appendSection(b, mtas[m].name, i, t); err != nil {
				return nil, err
			}
			sections++
		}
	}
	binary.LittleEndian.PutUint16(b[count:], uint16(sections))
	return b, nil
}

func appendSection(b []byte, mta string, table int, t remembered) ([]byte, error) {
	b = append(b, uint8(len(mta)))
	b = append(b, mta...)
	b = append(b, uint8(table))
	b = binary.LittleEndian.AppendUint64(b, t.layout())
	size := len(b)
	b = binary.LittleEndian.AppendUint32(b, 0)
	b, err := t.append(b)
	if err != nil {
		return nil, fmt.Errorf("logparse: %w", err)
	}
	binary.LittleEndian.PutUint32(b[size:], uint32(len(b)-size-4))
	return b, nil
}

// UnmarshalBinary restores a state that MarshalBinary returned. The Parser must be
// new; it resumes where the other one stopped. The state of another version may
// hold tables that this version lacks, or has with another layout. UnmarshalBinary
// drops these, restores the others, and returns an error that names the MTAs whose
// tables it dropped; the Parser is usable and lacks only those tables. It drops a
// damaged state, or one of another format, as a whole: after such an error the
// Parser is as new.
func (p *Parser) UnmarshalBinary(b []byte) error {
	r := stateReader{rest: b}
	if !bytes.Equal(r.bytes(uint32(len(stateMagic))), []byte(stateMagic)) {
		return errors.New("logparse: the parser's state is that of an earlier version or damaged; dropped all of it")
	}
	if format := r.uint16(); !r.failed && format != stateFormat {
		return fmt.Errorf("logparse: the parser's state has format %d, not %d; dropped all of it", format, stateFormat)
	}
	fresh := NewParser()
	for i := range fresh.unwrapper.partial {
		size := r.uint32()
		if size > maxJoined {
			return errDamagedState
		}
		fresh.unwrapper.partial[i] = append([]byte(nil), r.bytes(size)...)
	}
	fresh.line.seed = hash(r.uint64())
	sections := r.sections()
	if r.failed || len(r.rest) > 0 {
		return errDamagedState
	}
	dropped := fresh.restore(sections)
	p.unwrapper.partial, p.grammars, p.line = fresh.unwrapper.partial, fresh.grammars, fresh.line
	p.once, p.counts = fresh.once, fresh.counts
	if p.format != nil {
		p.format.line = p.line
	}
	if len(dropped) > 0 {
		return fmt.Errorf("logparse: the parser's state for %s is that of another version or damaged; dropped it", strings.Join(dropped, ", "))
	}
	return nil
}

// restore fills the tables of a new Parser. It returns the names of the MTAs that
// have a section that does not fit. An empty section always fits.
func (p *Parser) restore(sections []section) (dropped []string) {
	for _, s := range sections {
		if t := p.table(s.mta, s.table); len(s.entries) > 0 && (t == nil || t.layout() != s.layout || !t.read(s.entries)) {
			dropped = append(dropped, nameInError(s.mta))
		}
	}
	slices.Sort(dropped)
	return slices.Compact(dropped)
}

// table returns a table of an MTA's grammar; nil if there is none.
func (p *Parser) table(mta string, index uint8) remembered {
	if mta == allMTAs {
		switch index {
		case 0:
			return &p.once
		case 1:
			return &p.counts
		}
	}
	m := mtaNamed(mta)
	if m < 0 {
		return nil
	}
	tables := p.grammar(m).tables()
	if int(index) >= len(tables) {
		return nil
	}
	return tables[index]
}

// nameInError quotes a name that is no MTA's.
func nameInError(mta string) string {
	if mtaNamed(mta) >= 0 {
		return mta
	}
	return strconv.Quote(mta)
}

// A stateReader reads the parts of a state. If the state ends too early, it sets
// failed and reads zeros.
type stateReader struct {
	rest   []byte
	failed bool
}

func (r *stateReader) bytes(n uint32) []byte {
	if uint64(n) > uint64(len(r.rest)) {
		r.rest, r.failed = nil, true
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

// number reads a number of size bytes, at most 8.
func (r *stateReader) number(size uint32) uint64 {
	var b [8]byte
	copy(b[:], r.bytes(size))
	return binary.LittleEndian.Uint64(b[:])
}

func (r *stateReader) uint8() uint8   { return uint8(r.number(1)) }
func (r *stateReader) uint16() uint16 { return uint16(r.number(2)) }
func (r *stateReader) uint32() uint32 { return uint32(r.number(4)) }
func (r *stateReader) uint64() uint64 { return r.number(8) }

func (r *stateReader) sections() (all []section) {
	for n := r.uint16(); n > 0 && !r.failed; n-- {
		all = append(all, section{
			mta: string(r.bytes(uint32(r.uint8()))), table: r.uint8(), layout: r.uint64(),
			entries: r.bytes(r.uint32()),
		})
	}
	return all
}

// remembered is a table or a cell with values of any type.
type remembered interface {
	// layout returns a hash of the form of an entry.
	layout() uint64
	// append appends the entries.
	append([]byte) ([]byte, error)
	// read replaces the entries with those that append wrote. If one of them is not
	// valid, it changes nothing and returns false.
	read([]byte) bool
}

// A validator is a value that may decode from bytes and still be unusable.
type validator interface{ valid() bool }

// layouts holds the layoutOf each type, since each state needs it.
var layouts sync.Map

// layoutOf returns a hash of a type's encoding: the names and kinds of its fields,
// and the lengths of its arrays.
func layoutOf(t reflect.Type) uint64 {
	if layout, ok := layouts.Load(t); ok {
		return layout.(uint64)
	}
	h := fnv.New64a()
	_, _ = h.Write(appendLayout(nil, t)) // never fails
	layouts.Store(t, h.Sum64())
	return h.Sum64()
}

func appendLayout(b []byte, t reflect.Type) []byte {
	switch t.Kind() {
	case reflect.Array:
		b = append(b, '[')
		b = strconv.AppendInt(b, int64(t.Len()), 10)
		b = append(b, ']')
		return appendLayout(b, t.Elem())
	case reflect.Struct:
		b = append(b, '{')
		for i := range t.NumField() {
			b = append(b, t.Field(i).Name...)
			b = append(b, ' ')
			b = appendLayout(b, t.Field(i).Type)
			b = append(b, ';')
		}
		return append(b, '}')
	default:
		return append(b, t.Kind().String()...)
	}
}

// decodeValue reads a value and reports whether it is valid.
func decodeValue[V any](b []byte, value *V) bool {
	if _, err := binary.Decode(b, binary.LittleEndian, value); err != nil {
		return false
	}
	v, checked := any(value).(validator)
	return !checked || v.valid()
}

func (t *table[V]) layout() uint64 { return layoutOf(reflect.TypeFor[entry[V]]()) }

// append appends the table's entries, the least recently used first.
func (t *table[V]) append(b []byte) ([]byte, error) {
	for _, e := range t.entries() {
		b = binary.LittleEndian.AppendUint64(b, uint64(e.key))
		var err error
		if b, err = binary.Append(b, binary.LittleEndian, &e.value); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (t *table[V]) read(b []byte) bool {
	size := 8 + binary.Size(new(V))
	if len(b)%size != 0 || len(b)/size > t.size {
		return false
	}
	filled := newTable[V](t.size)
	for e := range slices.Chunk(b, size) {
		if !decodeValue(e[8:], filled.put(hash(binary.LittleEndian.Uint64(e)))) {
			return false
		}
	}
	filled.evicted = t.evicted
	*t = filled
	return true
}

func (c *cell[V]) layout() uint64 { return layoutOf(reflect.TypeFor[V]()) }

// append appends the value if it is not zero.
func (c *cell[V]) append(b []byte) ([]byte, error) {
	var zero V
	if c.value == zero {
		return b, nil
	}
	return binary.Append(b, binary.LittleEndian, &c.value)
}

func (c *cell[V]) read(b []byte) bool {
	var value V
	if len(b) != binary.Size(&value) || !decodeValue(b, &value) {
		return false
	}
	c.value = value
	return true
}
