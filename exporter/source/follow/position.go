package follow

import (
	"crypto/sha256"
	"encoding/binary"
	"io"
	"slices"
	"time"
)

const (
	headLen  = 1024 // bytes of a file's head that its fingerprint covers
	markLen  = 64   // bytes before an offset beyond the head that its mark covers
	maxMarks = 16
)

// A Position says how far a file has been handed out. It holds no text of the
// log and stays valid when the file is renamed, copied, compressed, or loses
// its tail. No device number: those may change at a boot.
type Position struct {
	// Path is the name that the file is or was followed under, or a source's
	// pattern, which only says that this source has been followed before.
	Path string
	// Inode is the file's number in its file system; 0 where no file was seen yet.
	Inode uint64
	// Head covers the file's first bytes: as many as were handed out, at most 1,024.
	Head Head
	// Marks are offsets just after a line that was handed out, newest first:
	// reading goes on at the newest one that holds. The older ones lie ever
	// further apart, for a file that lost its tail in a power cut. None: the
	// file has not been read.
	Marks []Mark
	// Seen is when a file was last seen there.
	Seen time.Time
}

// A Head is the fingerprint of a file's first Len bytes.
type Head struct {
	Len  int
	Hash uint64
}

// A Mark is an offset in bytes and a hash of bytes before it: the last 64, or
// all where they belong to the head.
type Mark struct {
	Offset int64
	Hash   uint64
}

// Offset is where reading goes on, in bytes of plain text.
func (p Position) Offset() int64 {
	if len(p.Marks) == 0 {
		return 0
	}
	return p.Marks[0].Offset
}

// Valid reports whether a Follower can have made the position.
func (p Position) Valid() bool {
	negative := func(m Mark) bool { return m.Offset < 0 }
	return p.Head.Len >= 0 && p.Head.Len <= headLen && !slices.ContainsFunc(p.Marks, negative)
}

// match looks in f for the place where pos goes on: the newest mark that holds,
// or none (a zero m). same is false where f is another file. Of a compressed
// file only the head is compared, reading it tells the rest.
func (f *file) match(pos Position) (m Mark, same bool) {
	if len(pos.Marks) == 0 {
		return Mark{}, f.info.id.inode == pos.Inode
	}
	var buf [headLen]byte
	n, _ := f.data.ReadAt(buf[:pos.Head.Len], 0)
	same = hash(buf[:n]) == pos.Head.Hash
	if !same && n == pos.Head.Len {
		return Mark{}, false
	}
	if f.packed() {
		return pos.Marks[0], same
	}
	for _, m := range pos.Marks {
		if m.holds(f.data) {
			return m, true
		}
	}
	return Mark{}, same
}

// holds reports whether the bytes before m in r are those that it was made of.
func (m Mark) holds(r io.ReaderAt) bool {
	got, err := markAt(r, m.Offset)
	return err == nil && got == m
}

// markAt makes the mark of an offset in r.
func markAt(r io.ReaderAt, offset int64) (Mark, error) {
	var buf [headLen]byte
	b := buf[:marked(offset)]
	if n, err := r.ReadAt(b, offset-int64(len(b))); n < len(b) {
		return Mark{}, err
	}
	return Mark{Offset: offset, Hash: hash(b)}, nil
}

// newMark makes the mark of an offset, given bytes that end there.
func newMark(offset int64, before []byte) Mark {
	return Mark{Offset: offset, Hash: hash(before[len(before)-marked(offset):])}
}

// marked is how many bytes before an offset its mark covers: in the head all of
// them, as lines may well end alike.
func marked(offset int64) int {
	if offset <= headLen {
		return int(offset)
	}
	return markLen
}

// addMark puts m before marks and thins out the older ones, so that the
// distances from m grow about twofold: what is read twice after a loss is of
// the size of the loss.
func addMark(marks []Mark, m Mark) []Mark {
	if len(marks) > 0 && marks[0].Offset == m.Offset {
		return marks
	}
	marks = slices.Insert(marks, 0, m)
	for i := 2; i < len(marks)-1; i++ {
		if m.Offset-marks[i+1].Offset < 4*(m.Offset-marks[i-1].Offset) {
			marks = slices.Delete(marks, i, i+1)
		}
	}
	return marks[:min(len(marks), maxMarks)]
}

func hash(b []byte) uint64 {
	sum := sha256.Sum256(b)
	return binary.BigEndian.Uint64(sum[:])
}
