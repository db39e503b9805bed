package logparse

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"
)

// A table maps keys to values in bounded memory. A key that finds no room replaces
// the least recently used entry of its set.
type table[V any] struct {
	size  int
	sets  []*[ways]entry[V] // nil until used, as is each set
	clock uint64
	// evicted is told of each entry before it is replaced, unless it is nil. The value
	// is gone afterwards.
	evicted func(key hash, value *V)
}

const ways = 8

type entry[V any] struct {
	key   hash
	used  uint64 // the clock at the last get or put; 0 is empty
	value V
}

// newTable returns a table with room for size entries, a power of two.
func newTable[V any](size int) table[V] {
	return table[V]{size: size}
}

// set returns the set of entries that may hold key; nil if nothing was put there
// yet.
func (t *table[V]) set(key hash) *[ways]entry[V] {
	if t.sets == nil {
		return nil
	}
	return t.sets[t.index(key)]
}

// index returns which set may hold key. It depends on the size of the table, so that the
// keys which find no room in one table do not crowd in one set of the next.
func (t *table[V]) index(key hash) uint64 {
	set, _ := bits.Mul64(uint64(key)*(hashPrime+2*uint64(t.size)), uint64(len(t.sets)))
	return set
}

// get returns a pointer to key's value, or nil.
func (t *table[V]) get(key hash) *V {
	set := t.set(key)
	if set == nil {
		return nil
	}
	for i := range set {
		if e := &set[i]; e.key == key && e.used > 0 {
			t.clock++
			e.used = t.clock
			return &e.value
		}
	}
	return nil
}

// put returns a pointer to key's value. It adds a zero value if there is none.
func (t *table[V]) put(key hash) *V {
	if v := t.get(key); v != nil {
		return v
	}
	if t.sets == nil {
		t.sets = make([]*[ways]entry[V], t.size/ways)
	}
	place := &t.sets[t.index(key)]
	if *place == nil {
		*place = new([ways]entry[V])
	}
	set := *place
	oldest := &set[0]
	for i := range set {
		if set[i].used < oldest.used {
			oldest = &set[i]
		}
	}
	if oldest.used > 0 && t.evicted != nil {
		t.evicted(oldest.key, &oldest.value)
	}
	t.clock++
	*oldest = entry[V]{key: key, used: t.clock}
	return &oldest.value
}

// remove drops key's entry, if there is one.
func (t *table[V]) remove(key hash) {
	set := t.set(key)
	if set == nil {
		return
	}
	for i := range set {
		if set[i].key == key {
			set[i] = entry[V]{}
		}
	}
}

// entries returns the entries in use, the least recently used first.
func (t *table[V]) entries() []*entry[V] {
	var all []*entry[V]
	for _, set := range t.sets {
		for i := 0; set != nil && i < len(set); i++ {
			if set[i].used > 0 {
				all = append(all, &set[i])
			}
		}
	}
	slices.SortFunc(all, func(a, b *entry[V]) int { return cmp.Compare(a.used, b.used) })
	return all
}

// A cell holds one value, such as the last header of a log.
type cell[V comparable] struct{ value V }

// A hash identifies in 64 bits what lines have in common, such as a process or a
// reply's text. It multiplies and folds eight bytes at a time, as wyhash does. It
// begins with a random seed, so that a state does not reveal whom a line was about.
type hash uint64

const hashPrime uint64 = 0xe7037ed1a0b428db

// add returns the hash of h's input followed by b. Each b is one part: its length
// is hashed too.
func (h hash) add(b []byte) hash {
	h = h.fold(uint64(len(b)))
	i := 0
	for ; i <= len(b)-8; i += 8 {
		h = h.fold(binary.LittleEndian.Uint64(b[i:]))
	}
	return h.fold(lastBytes(b, i))
}

// lastBytes returns b[i:], which is less than eight bytes, as a little-endian number. It
// does not take them one by one.
func lastBytes(b []byte, i int) (v uint64) {
	switch last := b[i:]; {
	case i > 0:
		return binary.LittleEndian.Uint64(b[len(b)-8:]) >> (8 * (8 - len(last)))
	case len(last) >= 4:
		from := len(last) - 4 // may be in the first four, too
		return uint64(binary.LittleEndian.Uint32(last)) | uint64(binary.LittleEndian.Uint32(last[from:]))<<(8*from)
	default:
		for i, c := range last {
			v |= uint64(c) << (8 * i)
		}
		return v
	}
}

func (h hash) fold(v uint64) hash {
	hi, lo := bits.Mul64(uint64(h)^v, hashPrime)
	return hash(hi ^ lo ^ v)
}
