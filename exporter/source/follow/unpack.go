package follow

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/klauspost/compress/zstd"
)

// decompressors are the formats of compressed logs, by file name extension.
var decompressors = map[string]func(io.Reader) (io.Reader, error){
	".gz":  func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
	".zst": func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r, zstd.WithDecoderConcurrency(1)) },
}

// Decompressor returns a function that decompresses a log with that name; nil if the
// extension is not ".gz" or ".zst".
func Decompressor(name string) func(io.Reader) (io.Reader, error) {
	return decompressors[filepath.Ext(name)]
}

func packed(name string) bool { return Decompressor(name) != nil }

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

// packedAs reports whether name is a compressed copy of f. It compares only their
// beginnings.
func (f *file) packedAs(name string) bool {
	if !packed(name) || f.packed() {
		return false
	}
	g, err := open(name)
	if err != nil {
		return false
	}
	defer g.Close()
	var a, b [headLen]byte
	n, _ := f.data.ReadAt(a[:], 0)
	m, _ := (&unpacker{f: g}).ReadAt(b[:], 0)
	n = min(n, m)
	return n > 0 && bytes.Equal(a[:n], b[:n])
}
