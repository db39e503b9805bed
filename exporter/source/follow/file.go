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

	was      *predecessor // until it is known where to begin
	replaced bool         // a younger file has its lines, too
	after    *file        // the file that is read up to shared, where this one goes on
	shared   int64

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
	if isCompressed(name) && !packed(name) {
		return nil, fmt.Errorf("%s: compressed in a format that cannot be read", name)
	}
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

// rewind makes a compressed file begin anew.
func (f *file) rewind() error {
	f.data = &unpacker{f: f.f}
	_, err := f.f.Seek(0, io.SeekStart)
	return err
}

// look records what has changed since the last look.
func (f *file) look(st info, now time.Time) {
	if st.size != f.info.size || !st.mtime.Equal(f.info.mtime) {
		f.unread, f.grown = true, now
	}
	f.unread = f.unread || f.err != nil || f.was != nil
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
	if f.was != nil && f.was.alike {
		pos := f.was.pos
		pos.Inode = f.info.id.inode
		return pos
	}
	if f.after != nil {
		if f.after.offset() < f.shared { // after a restart, this file is read instead
			pos := f.after.position()
			pos.Inode = f.info.id.inode
			return pos
		}
		f.after = nil
	}
	return Position{Path: f.path.name, Inode: f.info.id.inode, Head: f.head, Marks: slices.Clone(f.marks), Seen: f.path.seen}
}

// resume continues reading at m, one of pos's marks.
func (f *file) resume(pos Position, m Mark) {
	i := max(0, slices.Index(pos.Marks, m))
	f.head, f.marks, f.next, f.long, f.unread = pos.Head, slices.Clone(pos.Marks[i:]), m, nil, true
	if !f.packed() && m.Offset < f.head.Start+int64(f.head.Len) { // the lost tail includes the end of the head
		f.head, _ = f.headBefore(m.Offset) // the next block reports an error, if any
	}
}

// headBefore returns the head of the part of f before end.
func (f *file) headBefore(end int64) (Head, error) {
	start, err := f.textFrom(0, end)
	if err != nil || start >= end {
		return Head{}, err
	}
	var b [headLen]byte
	n, err := f.data.ReadAt(b[:min(headLen, end-start)], start)
	return Head{start, n, hash(b[:n])}, err
}

// textFrom returns the offset of the first byte from at to end that is not NUL, or end.
func (f *file) textFrom(at, end int64) (int64, error) {
	b := make([]byte, headLen)
	for at < end {
		n, err := f.data.ReadAt(b[:min(int64(len(b)), end-at)], at)
		i := text(b[:n])
		if at += int64(i); i < n || err != nil {
			return at, err
		}
		b = slices.Grow(b, blockLen)[:blockLen] // a hole is long
	}
	return end, nil
}

// pastHole continues reading after the hole, if there is one, that a power cut left in
// place of lines before limit. All lines between the position and the hole were read.
func (f *file) pastHole(limit int64) {
	b := make([]byte, blockLen)
	for at := f.next.Offset; at < limit; {
		n, err := f.data.ReadAt(b[:min(blockLen, limit-at)], at)
		i := bytes.IndexByte(b[:n], 0)
		if i < 0 && err != nil {
			return
		}
		if i < 0 {
			at += int64(n)
			continue
		}
		hole := at + int64(i)
		if at, err = f.textFrom(hole, f.info.size); err != nil {
			return
		}
		if m, err := markAt(f.data, at); err == nil && at-hole >= markLen {
			f.next = m
			return
		}
	}
}

// text returns the index of the first byte in b that is not NUL, or b's length.
func text(b []byte) int { return len(b) - len(bytes.TrimLeft(b, "\x00")) }

// toEnd continues reading after the last whole line before limit.
func (f *file) toEnd(buf []byte, limit int64) error {
	for end := limit; end > 0; {
		from := max(0, end-int64(len(buf)))
		b := buf[:end-from]
		n, err := f.data.ReadAt(b, from)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		handed := 0
		if from > 0 {
			handed = markLen
		}
		if i := bytes.LastIndexByte(b[:n], '\n') + 1; i > handed {
			return f.passed(b[:i], handed, from+int64(i))
		}
		end = from + int64(handed)
	}
	return nil
}

// passed continues reading at end, after lines that are not handed out. block is what
// ends there, with the bytes that a mark at its index handed needs.
func (f *file) passed(block []byte, handed int, end int64) error {
	head, err := f.headBefore(end)
	if err != nil {
		return err
	}
	var older []Mark
	for distance := int64(len(block)) * 2; distance < end; distance *= 2 {
		if m, ok := f.lineBefore(end - distance); ok {
			older = append(older, m)
		}
	}
	marks := addMarks(nil, block, handed, end)
	marks = append(marks, older...)
	f.head, f.marks, f.next, f.long, f.unread = head, marks[:min(len(marks), maxMarks)], marks[0], nil, true
	return nil
}

// lineBefore returns the mark of the last line that ends within the block before offset.
func (f *file) lineBefore(offset int64) (m Mark, ok bool) {
	b := make([]byte, min(offset, 8*headLen))
	n, _ := f.data.ReadAt(b, offset-int64(len(b)))
	end := bytes.LastIndexByte(b[:n], '\n') + 1
	if end == 0 {
		return Mark{}, false
	}
	m, err := markAt(f.data, offset-int64(len(b)-end))
	return m, err == nil
}

// readBlock hands out the whole lines of the next block and returns their length in
// bytes. It sets f.unread to false if there is no further block.
//
// A block begins with bytes that were read before. If these or the head have
// changed, the file was truncated, even if it has grown again.
func (f *file) readBlock(buf []byte, maxLine int, line func(text []byte, overlong bool)) (handedOut int64, err error) {
	f.unread = false
	from := f.blockStart()
	back := f.next.Offset - from
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
	if errors.Is(err, io.EOF) || f.packed() && int64(n) > back { // read what can be unpacked
		err = nil
	}
	if err != nil {
		return 0, err
	}
	if int64(n) < back || back > 0 && newMark(f.next.Offset, block[:back]) != f.next || !f.headHolds(block[:back], from) {
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
		return 0, f.failed()
	default:
		end = f.skip(b, maxLine)
	}
	f.readHead(block[:int(back)+end], from)
	f.next = newMark(f.next.Offset+int64(end), block[:int(back)+end])
	if b[end-1] == '\n' {
		f.marks = addMarks(f.marks, block[:int(back)+end], int(back), f.next.Offset)
	}
	return f.offset() - start, f.failed()
}

// blockStart returns where the next block begins: before f.next, so that it contains the
// bytes of that mark, and the head while that grows.
func (f *file) blockStart() int64 {
	next, head := f.next.Offset, f.head.Start
	switch {
	case next <= headLen:
		return 0
	case f.head.Len > 0 && next-head <= headLen:
		return min(head, next-markLen)
	}
	return next - markLen
}

// failed returns the error that ends a compressed file before its end, once all before
// the error was handed out.
func (f *file) failed() error {
	u, ok := f.data.(*unpacker)
	if !ok || f.unread || u.err == nil || errors.Is(u.err, io.EOF) {
		return nil
	}
	return u.err
}

// readHead extends the head by a block that begins at from and ends where reading goes
// on.
func (f *file) readHead(block []byte, from int64) {
	start := f.head.Start
	if f.head.Len == 0 {
		i := text(block)
		if i == len(block) || len(f.marks) > 0 {
			return
		}
		start = from + int64(i)
	}
	if f.head.Len < headLen && from <= start {
		h := block[start-from:]
		h = h[:min(len(h), headLen)]
		f.head = Head{start, len(h), hash(h)}
	}
}

// headHolds reports whether the file still begins with the same bytes. before are those
// from the offset from to f.next. A mark alone proves too little, since different lines
// of the same length often end alike.
func (f *file) headHolds(before []byte, from int64) bool {
	h := f.head
	if f.packed() || h.Len == 0 {
		return true
	}
	if i := h.Start - from; i >= 0 {
		return hash(before[i:][:h.Len]) == h.Hash
	}
	_, same := h.read(f.f)
	return same
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
