package state

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Version is the version of the whole file, including the encoding of the payload.
// Open also reads older versions; Commit writes this one.
const Version = 2

const (
	magic   = "SMTPRSTA"
	headLen = 40 + sha256.Size
	// minSlot is the smallest size of a slot in bytes. A series takes about 60 bytes. A
	// source at all limits of one MTA takes 0.4 MB for its series and 1.2 MB for what its
	// parser remembers, so a slot holds two of them. It is a power of two, so that no
	// block of a file system belongs to both slots.
	minSlot = 4 << 20
)

var errMagic = errors.New("not written by this exporter")

// A slot is one half of the file: a head and a payload. The head holds, big-endian,
// magic, version, size, sequence and length of the payload (8 bytes each), and the
// SHA-256 of these and the payload. All versions keep this form, so that an older
// exporter can distinguish a newer file from a damaged one.
type slot struct {
	version  uint64
	size     int64  // in bytes, with the head: the second slot starts there
	sequence uint64 // 1 in a new file, one more with each commit
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

// readSlot reads the slot at an offset of r. r has size bytes, and readSlot allocates no
// more than these. The error is errMagic, a read error, or says how the slot is damaged.
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
		return slot{}, fmt.Errorf("payload of %d bytes, but only %d left in the file", length, room)
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

// readNewest returns the newer slot in r, which has size bytes, and its offset. damage
// says what is wrong with the other slot. err says why neither slot is usable.
func readNewest(r io.ReaderAt, size int64) (newest slot, offset int64, damage, err error) {
	first, firstErr := readSlot(r, 0, size)
	half := size / 2
	if firstErr == nil {
		half = first.size
	}
	second, secondErr := readSlot(r, half, size)
	if secondErr == nil && second.size != half {
		secondErr = fmt.Errorf("belongs at byte %d", second.size)
	}
	switch {
	case errors.Is(firstErr, errMagic) && errors.Is(secondErr, errMagic):
		return slot{}, 0, nil, fmt.Errorf("%w; choose another path, or move the file away to start from zero", errMagic)
	case firstErr != nil && secondErr != nil:
		return slot{}, 0, nil, fmt.Errorf("both slots are damaged; restore a copy, or move the file away to start from zero (first: %w; second: %w)", firstErr, secondErr)
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
		return slot{}, 0, nil, fmt.Errorf("format %d, but this exporter reads only 1 to %d; run the version that wrote it or a newer one, or move the file away to start from zero", newest.version, Version)
	}
	return newest, offset, damage, nil
}
