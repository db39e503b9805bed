package follow

import (
	"crypto/sha256"
	"encoding/binary"
	"io"
	"slices"
	"time"
)

const (
	headLen  = 1024 // bytes of a file that a Head covers
	markLen  = 64   // bytes that a Mark covers before an offset beyond the head
	maxMarks = 16
)

// A Position is the place in a file up to which lines were handed out. It holds no
// text of the log. It stays valid if the file is renamed, copied or compressed, or
// loses its tail. It has no device number, since that may change at a boot.
type Position struct {
	// Path is the name under which the file is or was followed, or a source's
	// pattern, which only records that this source has been followed before.
	Path string
	// Inode is the file's inode number; 0 if no file was seen yet.
	Inode uint64
	// Head covers the file's first bytes: as many as were handed out, at most 1,024.
	Head Head
	// Marks are offsets just after a line that was handed out, newest first. Reading
	// resumes at the newest mark that holds. Older marks are increasingly far apart;
	// they serve a file that lost its tail in a power cut. There are none if the file
	// has not been read.
	Marks []Mark
	// Seen is when a file was last seen under Path.
	Seen time.Time
}

// A Head is the fingerprint of a file's first Len bytes.
type Head struct {
	Len  int
	Hash uint64
}

// A Mark is an offset in bytes and a hash of the bytes before it: the last 64, or
// all of them if the offset lies within the head.
type Mark struct {
	Offset int64
	Hash   uint64
}

// Offset returns where reading resumes, in bytes of plain text.
func (p Position) Offset() int64 {
	if len(p.Marks) == 0 {
		return 0
	}
	return p.Marks[0].Offset
}

// Valid reports whether a Follower can have returned the position.
func (p Position) Valid() bool {
	negative := func(m Mark) bool { return m.Offset < 0 }
	return p.Head.Len >= 0 && p.Head.Len <= headLen && !slices.ContainsFunc(p.Marks, negative)
}

// match finds the place in f where pos resumes. m is the newest mark that holds, or
// zero if none does. same is false if f is another file. match compares only the
// head of a compressed file; reading the file checks the rest.
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

// holds reports whether the bytes before m in r have m's hash.
func (m Mark) holds(r io.ReaderAt) bool {
	got, err := markAt(r, m.Offset)
	return err == nil && got == m
}

// markAt returns the mark of an offset in r.
func markAt(r io.ReaderAt, offset int64) (Mark, error) {
	var buf [headLen]byte
	b := buf[:marked(offset)]
	if n, err := r.ReadAt(b, offset-int64(len(b))); n < len(b) {
		return Mark{}, err
	}
	return Mark{Offset: offset, Hash: hash(b)}, nil
}

// newMark returns the mark of an offset, given bytes that end there.
func newMark(offset int64, before []byte) Mark {
	return Mark{Offset: offset, Hash: hash(before[len(before)-marked(offset):])}
}

// marked returns how many bytes before an offset its mark covers: all of them within
// the head, since lines often end alike.
func marked(offset int64) int {
	if offset <= headLen {
		return int(offset)
	}
	return markLen
}

// addMark puts m before marks and thins out the older ones, so that their distances
// from m about double. After a loss, about as many bytes are read twice as were lost.
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
