package follow

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
	"github.com/ulikunitz/xz/lzma"
)

// maxWindow is the memory in bytes that the window of a compressed log may take. xz -9
// and zstd -19 need no more.
const maxWindow = 64 << 20

// decompressors are the formats of compressed logs, by file name extension.
var decompressors = map[string]func(io.Reader) (io.Reader, error){
	".gz":  func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
	".bz2": func(r io.Reader) (io.Reader, error) { return bzip2.NewReader(r), nil },
	".xz":  newXZ,
	".zst": func(r io.Reader) (io.Reader, error) {
		return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
	},
}

// unreadable are the extensions of compressed logs that cannot be read.
var unreadable = []string{".7z", ".Z", ".br", ".lz", ".lz4", ".lzma", ".lzo", ".rar", ".sz", ".zip"}

// Decompressor returns a function that decompresses a log with that name; nil if the
// extension is not ".bz2", ".gz", ".xz" or ".zst".
func Decompressor(name string) func(io.Reader) (io.Reader, error) {
	return decompressors[filepath.Ext(name)]
}

func packed(name string) bool { return Decompressor(name) != nil }

// isCompressed reports whether a log with that name is compressed, in a format that can be
// read or not.
func isCompressed(name string) bool {
	return packed(name) || slices.Contains(unreadable, filepath.Ext(name))
}

// newXZ returns a reader of an xz file. Package xz allocates whatever window a file
// asks for, so newXZ refuses a file whose first block asks for too much.
func newXZ(r io.Reader) (io.Reader, error) {
	b := bufio.NewReader(r)
	const header = 12 // of the stream
	start, _ := b.Peek(header + 24)
	if len(start) > header+2 {
		filter := start[header+2:] // after the size and the flags of the block header
		for _, present := range []byte{0x40, 0x80} {
			if start[header+1]&present != 0 { // a size, in seven bits a byte
				i := bytes.IndexFunc(filter, func(r rune) bool { return r < 0x80 })
				filter = filter[i+1:]
			}
		}
		const lzma2 = 0x21
		if len(filter) > 2 && filter[0] == lzma2 {
			if window, err := lzma.DecodeDictCap(filter[2]); err != nil || window > maxWindow {
				return nil, fmt.Errorf("xz: a window of more than %d MiB", maxWindow>>20)
			}
		}
	}
	return xz.NewReader(b)
}

// unpacker reads the plain text of a compressed file, forward only.
type unpacker struct {
	f      *os.File
	r      io.Reader // nil before the first read
	err    error     // of r; io.EOF at the end
	window []byte    // plain bytes
	start  int64     // offset of window in the plain text
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
	if u.r == nil && u.err == nil {
		u.r, u.err = Decompressor(u.f.Name())(u.f)
	}
	u.window = slices.Grow(u.window, max(0, n-len(u.window)))
	for len(u.window) < n && u.err == nil {
		var got int
		got, u.err = u.r.Read(u.window[len(u.window):n])
		u.window = u.window[:len(u.window)+got]
	}
}

// behind returns how many of size compressed bytes have not been read.
func (u *unpacker) behind(size int64) int64 {
	read, _ := u.f.Seek(0, io.SeekCurrent)
	return max(0, size-read)
}
