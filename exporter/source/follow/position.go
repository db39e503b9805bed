package follow

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"slices"
	"time"
)

const (
	headLen = 1024 // bytes of a file that a Head covers
	markLen = 64   // bytes that a Mark covers before an offset beyond the head
	// lineMarks is how many of the last lines have a mark each. After the loss of a
	// tail of no more lines, none is read twice.
	lineMarks = 32
	maxMarks  = lineMarks + 24
)

// A Position is the place in a file up to which lines were handed out. It holds no
// text of the log. It stays valid if the file is renamed, copied or compressed, or
// loses its tail. It has no device number, since that may change at a boot.
type Position struct {
	// Path is the name under which the file is or was followed, or a source's
	// pattern, which only records that this source has been followed before.
	Path string
	// Segment is the time in the name of the newest segment that was opened, if the log is
	// one in segments. Then Inode is 0 if that need not be read again.
	Segment string `json:",omitempty"`
	// Inode is the file's inode number; 0 if no file was seen yet.
	Inode uint64
	// Head covers the file's first bytes: as many as were handed out, at most 1,024.
	Head Head
	// Marks are offsets just after a line that was handed out, newest first. Reading
	// resumes at the newest mark that holds. Each of the last lines has one; older
	// marks are increasingly far apart. They serve a file that lost its tail in a power
	// cut. There are none if the file has not been read.
	Marks []Mark
	// Seen is when a file was last seen under Path.
	Seen time.Time

	// Finished are the files that Path was rotated to and that need not be read again.
	// Only the first Position of a Path has them.
	Finished []Finished `json:",omitempty"`
	// Recorded reports whether Finished is complete. It is false in a state of an
	// earlier version: then the names tell which files are older than this one.
	Recorded bool `json:",omitempty"`
}

// A Head is the fingerprint of Len bytes of a file. They begin at Start, the end of the
// NULs at the file's beginning: a writer without O_APPEND leaves such a hole after a
// truncation. NULs prove nothing.
type Head struct {
	Start int64 `json:",omitempty"`
	Len   int
	Hash  uint64
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
	invalid := func(f Finished) bool { return !f.Head.valid() || negative(f.End) }
	if p.Segment != "" && segmentName.FindString(p.Segment) != p.Segment {
		return false
	}
	return p.Head.valid() && !slices.ContainsFunc(p.Marks, negative) && !slices.ContainsFunc(p.Finished, invalid)
}

func (h Head) valid() bool { return h.Start >= 0 && h.Len >= 0 && h.Len <= headLen }

// proven returns h, or no head if it covers only NULs, as heads of earlier versions may.
func (h Head) proven() Head {
	if h.Len > 0 && h.Hash == hash(make([]byte, h.Len)) {
		return Head{}
	}
	return h
}

// read returns how many of the bytes that h covers are in r, and whether they are all
// there and the same.
func (h Head) read(r io.ReaderAt) (n int, same bool) {
	var buf [headLen]byte
	if h.Start > 0 { // do not unpack a long file for nothing
		if n, _ := r.ReadAt(buf[:1], 0); n == 1 && buf[0] != 0 {
			return h.Len, false
		}
	}
	n, _ = r.ReadAt(buf[:h.Len], h.Start)
	return n, n == h.Len && n > 0 && hash(buf[:n]) == h.Hash
}

// match finds the place in f where pos resumes. m is the newest mark that holds, or
// zero if none does. same is false if f is another file. match compares only the
// head of a compressed file; reading the file checks the rest.
func (f *file) match(pos Position) (m Mark, same bool) {
	if len(pos.Marks) == 0 {
		return Mark{}, f.info.id.inode == pos.Inode
	}
	n, same := pos.Head.read(f.data)
	if f.packed() {
		return pos.Marks[0], same && f.rewind() == nil
	}
	if !same && n == pos.Head.Len && n > 0 {
		return Mark{}, false
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

// addMarks adds marks of line ends in block, whose bytes from index handed on were just
// handed out and which ends with a line at offset end: the last lines, and before them
// lines whose distances from the end double, and a file's first line.
func addMarks(marks []Mark, block []byte, handed int, end int64) []Mark {
	var at [maxMarks]int // indexes in block, newest first
	n := 0
	for i := len(block); i > handed && n < len(at)-1; n++ {
		at[n] = i
		before := i - 1
		if n >= lineMarks {
			before = min(before, len(block)-2*(len(block)-i))
		}
		i = bytes.LastIndexByte(block[:max(0, before)], '\n') + 1
	}
	if first := bytes.IndexByte(block, '\n') + 1; handed == 0 && first < at[n-1] {
		at[n] = first // a tail may be lost up to here
		n++
	}
	for _, i := range slices.Backward(at[:n]) {
		marks = addMark(marks, newMark(end-int64(len(block)-i), block[:i]))
	}
	return marks
}

// addMark puts m before marks and thins out the older ones, so that beyond the last
// lines their distances from m about double. After a loss of more lines than those,
// about as many bytes are read twice as were lost.
func addMark(marks []Mark, m Mark) []Mark {
	if len(marks) > 0 && marks[0].Offset == m.Offset {
		return marks
	}
	marks = slices.Insert(marks, 0, m)
	for i := lineMarks; i < len(marks)-1; i++ {
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
