package logparse

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"
)

// A table maps keys to values in bounded memory. A key that finds no room replaces
// the entry that has been unused for longest.
type table[V any] struct {
	size  int
	sets  []*[ways]entry[V] // nil until used, and so is each of them
	clock uint64
	// evicted is told of each entry before it is replaced, unless it is nil. The value
	// is gone afterwards.
	evicted func(key hash, value *V)
}

const ways = 8

type entry[V any] struct {
	key   hash
	used  uint64 // the clock when it was last asked for; 0 is empty
	value V
}

// newTable returns a table of size entries, a power of two.
func newTable[V any](size int) table[V] {
	return table[V]{size: size}
}

// set returns the entries among which key has its place; nil if none was ever put
// there.
func (t *table[V]) set(key hash) *[ways]entry[V] {
	if t.sets == nil {
		return nil
	}
	return t.sets[uint64(key)%uint64(len(t.sets))]
}

// get returns the value of key, or nil.
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

// put returns the value of key, a new zero one if there is none.
func (t *table[V]) put(key hash) *V {
	if v := t.get(key); v != nil {
		return v
	}
	if t.sets == nil {
		t.sets = make([]*[ways]entry[V], t.size/ways)
	}
	place := &t.sets[uint64(key)%uint64(len(t.sets))]
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

// remove forgets a key.
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

// entries returns the entries in use, the ones unused for longest first.
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

// A cell holds one value, such as what the last header of a log says.
type cell[V comparable] struct{ value V }

// A hash names what lines have in common, such as a process or a reply's text,
// in 64 bits. It multiplies and folds eight bytes at a time, as wyhash does, and
// begins with a random seed, so that a state does not show whom a line was about.
type hash uint64

const hashPrime uint64 = 0xe7037ed1a0b428db

// add returns the hash of what h hashed with b as a further part.
func (h hash) add(b []byte) hash {
	h = h.fold(uint64(len(b)))
	for ; len(b) >= 8; b = b[8:] {
		h = h.fold(binary.LittleEndian.Uint64(b))
	}
	var last uint64
	for i, c := range b {
		last |= uint64(c) << (8 * i)
	}
	return h.fold(last)
}

func (h hash) fold(v uint64) hash {
	hi, lo := bits.Mul64(uint64(h)^v, hashPrime)
	return hash(hi ^ lo ^ v)
}
