package follow

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"
)

// A fileID identifies a file while it is open.
type fileID struct{ device, inode uint64 }

// info is what stat returns for a file.
type info struct {
	id      fileID
	size    int64
	mtime   time.Time
	regular bool
}

// errTruncated means that a file no longer holds what was read from it.
var errTruncated = errors.New("truncated")

// file is one inode, held open.
type file struct {
	path *path
	f    *os.File
	data io.ReaderAt // the plain text in f
	info info        // at the last look
	main bool        // a look has found it at its path's name, so it is no copy

	head  Head
	marks []Mark // of line ends, newest first; all lines before marks[0] were handed out

	next   Mark      // where the next block begins: marks[0], or within a line longer than a block
	long   []byte    // the first bytes of that line
	unread bool      // it changed since it was last read to its end
	grown  time.Time // when a look last found a change
	err    error     // of the last read

	// When the last block was read, and the file's size then. They tell how much
	// is lost if the file is truncated.
	read time.Time
	size int64
}

// openFile opens the regular file at name.
func openFile(p *path, name string, now time.Time) (*file, error) {
	// Check before opening, since opening a device may have side effects.
	if st, err := stat(name); err != nil {
		return nil, err
	} else if !st.regular {
		return nil, fmt.Errorf("%s: not a regular file", name)
	}
	f, err := open(name)
	if err != nil {
		return nil, err
	}
	st, err := fstat(f)
	if err != nil {
		f.Close()
		return nil, err
	}
	file := &file{path: p, f: f, data: f, info: st, unread: true, grown: now, read: now, size: st.size}
	if packed(name) {
		file.data = &unpacker{f: f}
	}
	return file, nil
}

// look records what has changed since the last look.
func (f *file) look(st info, now time.Time) {
	if st.size != f.info.size || !st.mtime.Equal(f.info.mtime) {
		f.unread, f.grown = true, now
	}
	f.unread = f.unread || f.err != nil
	f.info = st
}

// offset returns the end of the last line that was handed out.
func (f *file) offset() int64 {
	if len(f.marks) == 0 {
		return 0
	}
	return f.marks[0].Offset
}

// behind returns how many bytes have not been handed out or, in a compressed file,
// not decompressed.
func (f *file) behind() int64 {
	if u, ok := f.data.(*unpacker); ok {
		return u.behind(f.info.size)
	}
	return max(0, f.info.size-f.offset())
}

func (f *file) packed() bool {
	_, ok := f.data.(*unpacker)
	return ok
}

func (f *file) position() Position {
	return Position{Path: f.path.name, Inode: f.info.id.inode, Head: f.head, Marks: slices.Clone(f.marks), Seen: f.path.seen}
}

// resume continues reading at m, one of pos's marks.
func (f *file) resume(pos Position, m Mark) {
	i := max(0, slices.Index(pos.Marks, m))
	f.head, f.marks, f.next, f.long, f.unread = pos.Head, slices.Clone(pos.Marks[i:]), m, nil, true
	if m.Offset < int64(f.head.Len) { // the lost tail includes the end of the head
		var buf [headLen]byte
		n, _ := f.data.ReadAt(buf[:m.Offset], 0) // the next block reports an error, if any
		f.head = Head{n, hash(buf[:n])}
	}
}

// toEnd continues reading after the last whole line.
func (f *file) toEnd(buf []byte) error {
	from := max(0, f.info.size-int64(len(buf)))
	n, err := f.data.ReadAt(buf, from)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	offset := from + int64(bytes.LastIndexByte(buf[:n], '\n')+1)
	if offset == 0 {
		return nil
	}
	m, err := markAt(f.data, offset)
	if err != nil {
		return err
	}
	n, _ = f.data.ReadAt(buf[:min(offset, headLen)], 0)
	f.head, f.marks, f.next, f.long, f.unread = Head{n, hash(buf[:n])}, []Mark{m}, m, nil, true
	return nil
}

// readBlock hands out the whole lines of the next block and returns their length in
// bytes. It sets f.unread to false if there is no further block.
//
// A block begins with bytes that were read before. If these or the head have
// changed, the file was truncated, even if it has grown again.
func (f *file) readBlock(buf []byte, maxLine int, line func(text []byte, overlong bool)) (handedOut int64, err error) {
	f.unread = false
	back := f.next.Offset
	if back > headLen {
		back = markLen
	}
	from := f.next.Offset - back
	if u, ok := f.data.(*unpacker); ok {
		there, err := u.skip(from)
		if errors.Is(err, io.EOF) {
			err = errTruncated
		}
		if !there {
			f.unread = err == nil
			return 0, err
		}
	}
	block := buf[:blockLen]
	n, err := f.data.ReadAt(block, from)
	if n == len(block) && bytes.IndexByte(block[back:], '\n') < 0 {
		block = buf
		n, err = f.data.ReadAt(block, from)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	if int64(n) < back || back > 0 && newMark(f.next.Offset, block[:back]) != f.next || !f.headHolds(block[:back]) {
		return 0, errTruncated
	}
	f.unread = n == len(block)

	b := block[back:n]
	end := bytes.LastIndexByte(b, '\n') + 1
	start := f.offset()
	switch {
	case end > 0:
		f.lines(b[:end], maxLine, line)
	case len(b) <= maxLine:
		return 0, nil
	default:
		end = f.skip(b, maxLine)
	}
	f.next = newMark(f.next.Offset+int64(end), block[:int(back)+end])
	if from == 0 && f.head.Len < headLen {
		h := block[:min(f.next.Offset, headLen)]
		f.head = Head{len(h), hash(h)}
	}
	if b[end-1] == '\n' {
		f.marks = addMark(f.marks, f.next)
	}
	return f.offset() - start, nil
}

// headHolds reports whether the file still begins with the same bytes. A mark alone
// proves too little, since different lines of the same length often end alike.
func (f *file) headHolds(before []byte) bool {
	var buf [headLen]byte
	switch {
	case f.packed():
		return true
	case f.next.Offset > headLen:
		before = buf[:f.head.Len]
		if n, _ := f.f.ReadAt(before, 0); n < len(before) {
			return false
		}
	}
	return f.head.Len == 0 || hash(before[:f.head.Len]) == f.head.Hash
}

// lines hands out lines, each of which ends with "\n".
func (f *file) lines(b []byte, maxLine int, line func(text []byte, overlong bool)) {
	if f.long != nil {
		line(f.long, true)
		f.long = nil
		b = b[bytes.IndexByte(b, '\n')+1:]
	}
	for len(b) > 0 {
		i := bytes.IndexByte(b, '\n')
		text := bytes.TrimSuffix(trimHole(b[:i]), []byte{'\r'})
		line(text[:min(len(text), maxLine)], len(text) > maxLine)
		b = b[i+1:]
	}
}

// skip reads a part of a line that is longer than a block, and returns how many
// bytes of b it has consumed. The position stays before the line until the line's
// end is found. Then the line is handed out once.
func (f *file) skip(b []byte, maxLine int) int {
	if f.long == nil {
		if text := trimHole(b); len(text) < len(b) {
			return len(b) - len(text)
		}
		f.long = bytes.Clone(b[:maxLine])
	}
	return len(b)
}

// trimHole drops NULs at the beginning of a line. A writer without O_APPEND leaves
// such a hole when it continues after a truncation; a power cut leaves blocks
// unwritten.
func trimHole(line []byte) []byte {
	if len(line) > 0 && line[0] == 0 {
		return bytes.TrimLeft(line, "\x00")
	}
	return line
}

// finish hands out a last line without "\n", which no writer will complete any more,
// and returns its length in bytes.
func (f *file) finish(buf []byte, maxLine int, line func(text []byte, overlong bool)) int64 {
	start := f.offset()
	n, _ := f.data.ReadAt(buf[:maxLine], f.next.Offset)
	text := bytes.TrimSuffix(trimHole(buf[:n]), []byte{'\r'})
	switch {
	case f.long != nil:
		line(f.long, true)
	case len(text) > 0:
		line(text, false)
	default:
		return 0
	}
	if m, err := markAt(f.data, f.next.Offset+int64(n)); err == nil {
		f.marks = addMark(f.marks, m)
	}
	return f.offset() - start
}
