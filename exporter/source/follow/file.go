package follow

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
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
	// readOnly reports whether nobody may write to it.
	readOnly bool
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

	found Finished // the file as it was found, until its first block is read
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
	format, err := formatOf(f, name)
	if err != nil {
		f.Close()
		return nil, err
	}
	file := &file{path: p, f: f, data: f, info: st, unread: true, grown: now, read: now, size: st.size}
	if format != nil {
		file.data = &unpacker{f: f, format: format}
	}
	return file, nil
}

// formatOf returns the compression of a file, which its first bytes tell, or its name if it
// is too short. nil means plain text.
func formatOf(f *os.File, name string) (*compression, error) {
	var start [startLen]byte
	n, err := f.ReadAt(start[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	format := compressionOf(start[:n])
	switch {
	case format != nil:
		return format, nil
	case slices.Contains(unreadable, filepath.Ext(name)):
		return nil, fmt.Errorf("%s: compressed in a format that cannot be read", name)
	case n < startLen:
		return compressionNamed(name), nil
	}
	return nil, nil
}

// rewind makes a compressed file begin anew.
func (f *file) rewind() error {
	u := f.data.(*unpacker)
	f.data = &unpacker{f: f.f, format: u.format, grows: u.grows}
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
