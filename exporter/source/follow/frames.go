package follow

import (
	"errors"
	"io"

	"github.com/klauspost/compress/zstd"
)

// maxBlock is the length in bytes of the longest block of zstd.
const maxBlock = 128 << 10

// frames reads the zstd frames of a file that may grow. A writer that does not flush
// writes blocks, and parts of them. A decoder cannot go on after its input has ended, so
// that it gets only whole blocks, one at a time.
type frames struct {
	decoder *zstd.Decoder
	in      blocks
	inFrame bool   // the next block belongs to the same frame
	sum     bool   // the frame ends with a checksum
	text    []byte // of the last block, not read yet
	buf     []byte
	err     error
}

// blocks are what the decoder may read of a file.
type blocks struct {
	f       io.ReaderAt
	at, end int64
}

func (b *blocks) Read(p []byte) (int, error) {
	n, err := b.f.ReadAt(p[:min(int64(len(p)), b.end-b.at)], b.at)
	b.at += int64(n)
	if n == 0 && err == nil {
		err = io.EOF
	}
	return n, err
}

func newFrames(f io.ReaderAt) (*frames, error) {
	decoder, err := zstd.NewReader(nil, zstdOptions...)
	// The buffer has room for more than a block, so that a call of Read returns all of it.
	return &frames{decoder: decoder, in: blocks{f: f}, buf: make([]byte, maxBlock+1)}, err
}

// Read reads plain text. io.EOF means that the file has no further whole block now.
func (z *frames) Read(b []byte) (int, error) {
	for len(z.text) == 0 {
		if z.err != nil {
			return 0, z.err
		}
		more, err := z.next()
		if err != nil {
			z.err = err
			continue
		}
		if !more {
			return 0, io.EOF
		}
		var n int
		if n, z.err = z.decoder.Read(z.buf); errors.Is(z.err, io.EOF) { // of the frame
			z.err = nil
		}
		z.text = z.buf[:n]
	}
	n := copy(b, z.text)
	z.text = z.text[n:]
	return n, nil
}

// next gives the decoder the next block that has text, or the end of the frame, and
// reports whether that is in the file.
func (z *frames) next() (bool, error) {
	end, inFrame := z.in.end, z.inFrame
	for !inFrame {
		h, ok, err := z.header(end)
		if !ok {
			return false, err
		}
		end += int64(h.HeaderSize)
		if h.Skippable {
			end += int64(h.SkippableSize)
			continue
		}
		inFrame, z.sum = true, h.HasCheckSum
	}
	for {
		var b [3]byte
		if n, err := z.in.f.ReadAt(b[:], end); n < len(b) {
			return false, notEOF(err)
		}
		const raw, repeated = 0, 1 // types of a block
		header := int64(b[0]) | int64(b[1])<<8 | int64(b[2])<<16
		last, kind, size := header&1 == 1, header>>1&3, header>>3
		empty := size == 0 && (kind == raw || kind == repeated)
		if kind == repeated {
			size = 1
		}
		if end += int64(len(b)) + size; last && z.sum {
			end += 4
		}
		if n, err := z.in.f.ReadAt(b[:1], end-1); n == 0 {
			return false, notEOF(err)
		}
		if empty && !last {
			continue
		}
		if !z.inFrame {
			if err := z.decoder.Reset(&z.in); err != nil {
				return false, err
			}
		}
		z.in.end, z.inFrame = end, !last
		return true, nil
	}
}

// header returns the header of the frame at offset. ok is false if it is not there in
// whole.
func (z *frames) header(offset int64) (h zstd.Header, ok bool, err error) {
	var b [zstd.HeaderMaxSize]byte
	n, err := z.in.f.ReadAt(b[:], offset)
	if err := notEOF(err); err != nil || n == 0 {
		return h, false, err
	}
	err = h.Decode(b[:n])
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return h, false, nil
	}
	return h, err == nil, err
}

// cut reports whether a file of size bytes ends within a frame.
func (z *frames) cut(size int64) bool { return z.inFrame || size > z.in.end }

// notEOF returns err unless it is io.EOF.
func notEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
