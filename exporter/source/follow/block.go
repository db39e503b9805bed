package follow

import (
	"bytes"
	"errors"
	"io"
)

// A block is what is read of a file at once. It begins with bytes that were read before.
type block struct {
	from int64  // offset of text
	text []byte // valid until the next block is loaded
	back int    // the length of what was read before
	full bool   // there may be a further block
}

// load reads the next block into buf. If the bytes that were read before, or the head,
// have changed, the file was truncated, even if it has grown again.
func (f *file) load(buf []byte) (b block, err error) {
	b.from = f.blockStart()
	b.back = int(f.next.Offset - b.from)
	if u, ok := f.data.(*unpacker); ok {
		there, err := u.skip(b.from)
		if errors.Is(err, io.EOF) {
			err = errTruncated
		}
		if !there {
			b.full = err == nil
			return b, err
		}
	}
	text := buf[:blockLen]
	n, err := f.data.ReadAt(text, b.from)
	if n == len(text) && bytes.IndexByte(text[b.back:], '\n') < 0 {
		text = buf
		n, err = f.data.ReadAt(text, b.from)
	}
	b.text, b.full = text[:n], n == len(text)
	if errors.Is(err, io.EOF) || f.packed() && n > b.back { // read what can be unpacked
		err = nil
	}
	if err == nil && !f.goesOn(&b) {
		err = errTruncated
	}
	return b, err
}

// goesOn reports whether b continues what was read of f before.
func (f *file) goesOn(b *block) bool {
	if len(b.text) < b.back || b.back > 0 && newMark(f.next.Offset, b.text[:b.back]) != f.next {
		return false
	}
	return f.headHolds(b.text[:b.back], b.from)
}

// handOut hands out the whole lines of a block and returns their length in bytes.
func (f *file) handOut(b block, maxLine int, line func(text []byte, overlong bool)) (handedOut int64, err error) {
	text := b.text[min(b.back, len(b.text)):]
	end := bytes.LastIndexByte(text, '\n') + 1
	start := f.offset()
	switch {
	case end > 0:
		f.lines(text[:end], maxLine, line)
	case len(text) <= maxLine:
		return 0, f.failed()
	default:
		end = f.skip(text, maxLine)
	}
	read := b.text[:b.back+end]
	f.readHead(read, b.from)
	f.next = newMark(f.next.Offset+int64(end), read)
	if text[end-1] == '\n' {
		f.marks = addMarks(f.marks, read, b.back, f.next.Offset)
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
