package follow

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/ulikunitz/xz"
	"github.com/ulikunitz/xz/lzma"
)

var errXZ = errors.New("xz: damaged, or with a filter other than LZMA2")

// newXZ returns a reader of an xz file. Package xz allocates whatever window a block asks
// for, so an xzGuard is before it.
func newXZ(r io.Reader) (io.Reader, error) {
	g := &xzGuard{in: bufio.NewReader(r)}
	g.step = g.stream
	return xz.NewReader(g)
}

// An xzGuard passes an xz file on, up to a block that asks for a window of more than
// maxWindow. It follows the format from length to length: streams of blocks and an index,
// blocks of LZMA2 chunks.
type xzGuard struct {
	in      *bufio.Reader
	pass    int          // bytes that may be read before the next step
	step    func() error // sets pass, and the next step
	check   int          // length of a block's checksum
	size    int          // of the block's chunks, or of the index, so far
	numbers uint64       // in the rest of the index
}

func (g *xzGuard) Read(p []byte) (int, error) {
	for g.pass == 0 {
		if err := g.step(); err != nil {
			return 0, err
		}
	}
	n, err := g.in.Read(p[:min(len(p), g.pass)])
	g.pass -= n
	return n, err
}

// peek returns the next n bytes. A file that ends before them gets an error from package
// xz, which reads what there is.
func (g *xzGuard) peek(n int) (b []byte, whole bool, err error) {
	b, err = g.in.Peek(n)
	if len(b) == n {
		return b, true, nil
	}
	if g.pass = len(b); len(b) > 0 {
		err = nil
	}
	return b, false, err
}

// stream passes the header of a stream, or padding between two.
func (g *xzGuard) stream() error {
	const padding, header = 4, 12
	b, whole, err := g.peek(padding)
	if !whole {
		return err
	}
	if binary.LittleEndian.Uint32(b) == 0 {
		g.pass = padding
		return nil
	}
	if b, whole, err = g.peek(header); !whole {
		return err
	}
	if kind := b[7] & 0xf; kind > 0 { // 4 bytes for kinds 1 to 3, 8 for 4 to 6, up to 64
		g.check = 4 << ((kind - 1) / 3)
	} else {
		g.check = 0
	}
	g.pass, g.step = header, g.block
	return nil
}

// block passes the header of a block, or the beginning of the index.
func (g *xzGuard) block() error {
	b, whole, err := g.peek(1)
	if !whole {
		return err
	}
	if b[0] == 0 {
		g.pass, g.size, g.step = 1, 1, g.index
		return nil
	}
	n := (int(b[0]) + 1) * 4
	if b, whole, err = g.peek(n); !whole {
		return err
	}
	filter := b[2:] // after the size and the flags
	for _, present := range []byte{0x40, 0x80} {
		if b[1]&present != 0 { // a size
			_, n := binary.Uvarint(filter)
			filter = filter[max(0, n):]
		}
	}
	const lzma2 = 0x21
	if b[1]&3 != 0 || len(filter) < 3 || filter[0] != lzma2 {
		return errXZ
	}
	if window, err := lzma.DecodeDictCap(filter[2]); err != nil || window > maxWindow {
		return fmt.Errorf("xz: a window of more than %d MiB", maxWindow>>20)
	}
	g.pass, g.size, g.step = n, 0, g.chunk
	return nil
}

// chunk passes a chunk of LZMA2, or the end of the block.
func (g *xzGuard) chunk() error {
	b, whole, err := g.peek(6) // the index, at least, follows
	if !whole {
		return err
	}
	switch c := b[0]; {
	case c == 0:
		g.pass, g.step = 1+-(g.size+1)&3+g.check, g.block
		return nil
	case c < 3: // not compressed
		g.pass = 3 + int(binary.BigEndian.Uint16(b[1:])) + 1
	case c >= 0x80:
		g.pass = 5 + int(binary.BigEndian.Uint16(b[3:])) + 1
		if c >= 0xc0 { // with new properties
			g.pass++
		}
	default:
		return errXZ
	}
	g.size += g.pass
	return nil
}

// index passes the number of records in the index.
func (g *xzGuard) index() error {
	n, err := g.number()
	g.numbers, g.step = 2*n, g.record
	return err
}

// record passes a number of the index, or its end and that of the stream.
func (g *xzGuard) record() error {
	if g.numbers == 0 {
		const checksum, footer = 4, 12
		g.pass, g.step = -g.size&3+checksum+footer, g.stream
		return nil
	}
	g.numbers--
	_, err := g.number()
	return err
}

func (g *xzGuard) number() (uint64, error) {
	b, whole, err := g.peek(9) // the checksum and the footer follow
	if !whole {
		return 0, err
	}
	v, n := binary.Uvarint(b)
	if n <= 0 {
		return 0, errXZ
	}
	g.pass = n
	g.size += n
	return v, nil
}
