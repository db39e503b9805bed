package follow

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/klauspost/compress/zstd"
)

// maxWindow is the memory in bytes that the window of a compressed log may take. xz -9
// and zstd -19 need no more.
const maxWindow = 64 << 20

// A compression is a format of compressed logs that can be read.
type compression struct {
	extension string // that its programs give a file
	magic     string // its first bytes
	open      func(io.Reader) (io.Reader, error)
}

var compressions = []compression{
	{".gz", "\x1f\x8b\x08", func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }},
	{".bz2", "BZh", func(r io.Reader) (io.Reader, error) { return bzip2.NewReader(r), nil }},
	{".xz", "\xfd7zXZ\x00", newXZ},
	{".zst", zstdMagic, newZstd},
}

const zstdMagic = "\x28\xb5\x2f\xfd"

// startLen is how many first bytes tell the compression of a file.
const startLen = 10

// compressionOf returns the compression of a file that begins with start, which holds
// startLen bytes unless the file is shorter; nil if that is plain text.
func compressionOf(start []byte) *compression {
	for i, c := range compressions {
		if !bytes.HasPrefix(start, []byte(c.magic)) {
			continue
		}
		// A text may begin with BZh. Behind the size comes the magic of a block or of the end.
		if c.extension == ".bz2" && (len(start) < startLen || string(start[4:]) != "1AY&SY" && string(start[4:]) != "\x17rE8P\x90") {
			continue
		}
		return &compressions[i]
	}
	return nil
}

// Decompress returns a reader of the plain text of a log, which may be compressed with
// bzip2, gzip, xz or zstd.
func Decompress(r io.Reader) (io.Reader, error) {
	in := bufio.NewReader(r)
	start, err := in.Peek(startLen)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if c := compressionOf(start); c != nil {
		return c.open(in)
	}
	return in, nil
}

// Compressed reports whether a log is compressed in a format that Decompress reads.
func Compressed(log io.ReaderAt) bool {
	var start [startLen]byte
	n, _ := log.ReadAt(start[:], 0)
	return compressionOf(start[:n]) != nil
}

func newZstd(r io.Reader) (io.Reader, error) {
	return zstd.NewReader(r, zstdOptions...)
}

var zstdOptions = []zstd.DOption{zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow)}

// unreadable are the extensions of compressed logs that cannot be read.
var unreadable = []string{".7z", ".Z", ".br", ".lz", ".lz4", ".lzma", ".lzo", ".rar", ".sz", ".zip"}

// compressionNamed returns the compression whose extension a name has; nil if there is
// none.
func compressionNamed(name string) *compression {
	i := slices.IndexFunc(compressions, func(c compression) bool { return c.extension == filepath.Ext(name) })
	if i < 0 {
		return nil
	}
	return &compressions[i]
}

// isCompressed reports whether a log has the name of a compressed file, in a format that
// can be read or not.
func isCompressed(name string) bool {
	return compressionNamed(name) != nil || slices.Contains(unreadable, filepath.Ext(name))
}

// unpacker reads the plain text of a compressed file, forward only.
type unpacker struct {
	f      *os.File
	format *compression
	grows  bool          // it has zstd frames, and more may be added
	in     *bufio.Reader // of f, unless it grows; nil before the first read
	r      io.Reader     // of the plain text; nil before the first read
	err    error         // of r; io.EOF at the end
	window []byte        // plain bytes
	start  int64         // offset of window in the plain text
}

// ReadAt reads plain text at offset, which must not be less than that of the last
// call.
func (u *unpacker) ReadAt(b []byte, offset int64) (int, error) {
	for {
		there, err := u.skip(offset)
		if err != nil {
			return 0, err
		}
		if there {
			break
		}
	}
	u.fill(len(b))
	n := copy(b, u.window)
	if n < len(b) {
		return n, u.err
	}
	return n, nil
}

// skip advances to offset and reports whether it has reached it. One call decompresses
// no more than a Poll may read.
func (u *unpacker) skip(offset int64) (there bool, err error) {
	if offset < u.start {
		return false, errors.New("a compressed file can only be read forward")
	}
	for range pollBlocks {
		if n := offset - u.start; n <= int64(len(u.window)) {
			u.window = u.window[:copy(u.window, u.window[n:])]
			u.start = offset
			return true, nil
		}
		u.start += int64(len(u.window))
		u.window = u.window[:0]
		if u.fill(blockLen); len(u.window) == 0 {
			return false, u.err
		}
	}
	return false, nil
}

// fill extends the window to n bytes, or to the end of the file.
func (u *unpacker) fill(n int) {
	switch {
	case u.err == nil && u.r == nil && u.grows:
		u.r, u.err = newFrames(u.f)
	case u.err == nil && u.r == nil:
		u.in = bufio.NewReader(u.f)
		u.r, u.err = u.format.open(u.in)
	case u.grows:
		u.err = notEOF(u.err)
	}
	u.window = slices.Grow(u.window, max(0, n-len(u.window)))
	for len(u.window) < n && u.err == nil {
		var got int
		got, u.err = u.r.Read(u.window[len(u.window):n])
		u.window = u.window[:len(u.window)+got]
	}
}

// behind returns how many of size compressed bytes have not been read. At the end of a
// file that grows, a part of a block is not counted, since it cannot be read yet.
func (u *unpacker) behind(size int64) int64 {
	if u.grows && errors.Is(u.err, io.EOF) {
		return 0
	}
	return u.unread(size)
}

// unread returns how many of size compressed bytes have not been read.
func (u *unpacker) unread(size int64) int64 {
	var read int64
	if z, ok := u.r.(*frames); ok {
		read = z.in.at
	} else if u.in != nil {
		read, _ = u.f.Seek(0, io.SeekCurrent)
		read -= int64(u.in.Buffered())
	}
	return max(0, size-read)
}

// cut reports whether a file of size bytes that grows ends within a frame.
func (u *unpacker) cut(size int64) bool {
	z, ok := u.r.(*frames)
	return ok && z.cut(size)
}
