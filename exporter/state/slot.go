package state

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Version is that of the whole file, the encoding of the payload included. Files
// of older versions are read, and written as this one.
const Version = 2

const (
	magic   = "SMTPRSTA"
	headLen = 40 + sha256.Size
	// minSlot is the smallest size of a slot in bytes. A series takes 100 to 150
	// bytes and a source has at most some 4,500 of them, so this holds six
	// sources that are all at their caps. A power of two, so that no block of
	// a file system belongs to both slots.
	minSlot = 4 << 20
)

var errMagic = errors.New("not written by this exporter")

// A slot is what one half of the file holds: a head and a payload. The head is,
// big-endian: magic, version, size, sequence, length of the payload (8 bytes
// each), SHA-256 of these and the payload. Every version keeps to this, so that
// an older exporter can tell a newer file from a damaged one.
type slot struct {
	version  uint64
	size     int64  // bytes, head included: the second slot starts there
	sequence uint64 // 1 when the file is made, one more with each commit
	payload  []byte
}

func (s slot) head() []byte {
	b := []byte(magic)
	b = binary.BigEndian.AppendUint64(b, s.version)
	b = binary.BigEndian.AppendUint64(b, uint64(s.size))
	b = binary.BigEndian.AppendUint64(b, s.sequence)
	b = binary.BigEndian.AppendUint64(b, uint64(len(s.payload)))
	h := sha256.New()
	h.Write(b)
	h.Write(s.payload)
	return h.Sum(b)
}

// readSlot reads the slot at an offset of r, which has size bytes, so that no
// more than these is ever allocated. The error is errMagic, one of reading, or
// says how the slot is damaged.
func readSlot(r io.ReaderAt, offset, size int64) (slot, error) {
	head := make([]byte, headLen)
	if n, err := r.ReadAt(head, offset); n < headLen {
		return slot{}, fmt.Errorf("read the head: %w", err)
	}
	if string(head[:len(magic)]) != magic {
		return slot{}, errMagic
	}
	s := slot{
		version:  binary.BigEndian.Uint64(head[8:]),
		size:     int64(binary.BigEndian.Uint64(head[16:])),
		sequence: binary.BigEndian.Uint64(head[24:]),
	}
	length, room := binary.BigEndian.Uint64(head[32:]), max(0, size-offset-headLen)
	if length > uint64(room) {
		return slot{}, fmt.Errorf("payload of %d bytes, and %d left in the file", length, room)
	}
	s.payload = make([]byte, length)
	if n, err := r.ReadAt(s.payload, offset+headLen); n < len(s.payload) {
		return slot{}, fmt.Errorf("read the payload: %w", err)
	}
	if !bytes.Equal(s.head(), head) {
		return slot{}, errors.New("the checksum does not match")
	}
	return s, nil
}

// readNewest returns the newer one of the slots in r, which has size bytes, and
// where it starts. damage says what is wrong with the other one. The error says
// why there is none to go on from.
func readNewest(r io.ReaderAt, size int64) (newest slot, offset int64, damage, err error) {
	first, firstErr := readSlot(r, 0, size)
	half := size / 2
	if firstErr == nil {
		half = first.size
	}
	second, secondErr := readSlot(r, half, size)
	if secondErr == nil && second.size != half {
		secondErr = fmt.Errorf("made for byte %d", second.size)
	}
	switch {
	case errors.Is(firstErr, errMagic) && errors.Is(secondErr, errMagic):
		return slot{}, 0, nil, fmt.Errorf("%w; choose another path, or move the file away to start from zero", errMagic)
	case firstErr != nil && secondErr != nil:
		return slot{}, 0, nil, fmt.Errorf("both slots are damaged; bring back a copy, or move the file away to start from zero (first: %w; second: %w)", firstErr, secondErr)
	case firstErr != nil:
		newest, offset, damage = second, half, fmt.Errorf("slot at byte 0: %w", firstErr)
	case secondErr != nil:
		newest, damage = first, fmt.Errorf("slot at byte %d: %w", half, secondErr)
	case second.sequence > first.sequence:
		newest, offset = second, half
	default:
		newest = first
	}
	if newest.version < 1 || newest.version > Version {
		return slot{}, 0, nil, fmt.Errorf("format %d, and this exporter knows 1 to %d; run the version that wrote it or a newer one, or move the file away to start from zero", newest.version, Version)
	}
	return newest, offset, damage, nil
}
