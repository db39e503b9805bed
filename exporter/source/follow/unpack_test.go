package follow

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"hash/crc32"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

var unpacked = strings.Repeat("Nov 23 16:00:00 mail postfix/smtp[1]: a line of a log\n", 5000)

func packXZ(t *testing.T, text string, blockSize int64) []byte {
	t.Helper()
	var out bytes.Buffer
	z, err := xz.WriterConfig{BlockSize: blockSize}.NewWriter(&out)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(z, text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// widen makes the first block of an xz file ask for a window of 4 GiB.
func widen(b []byte) []byte {
	header := b[12:][:(int(b[12])+1)*4]
	header[bytes.IndexByte(header, 0x21)+2] = 40
	binary.LittleEndian.PutUint32(header[len(header)-4:], crc32.ChecksumIEEE(header[:len(header)-4]))
	return b
}

func TestDecompress(t *testing.T) {
	var gz, zst bytes.Buffer
	g := gzip.NewWriter(&gz)
	z, err := zstd.NewWriter(&zst)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []io.WriteCloser{g, z} {
		if _, err := io.WriteString(w, unpacked); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	var bz2 bytes.Buffer
	if _, err := (bzip2Command{&bz2}).Write([]byte(unpacked)); err != nil {
		t.Fatal(err)
	}
	one := packXZ(t, unpacked, 0)
	two := bytes.Join([][]byte{packXZ(t, unpacked[:1000], 0), packXZ(t, unpacked[1000:], 0)}, make([]byte, 8))
	for _, tt := range []struct {
		name, packed, want, err string
	}{
		{"plain", unpacked, unpacked, ""},
		{"empty", "", "", ""},
		{"short", "a\n", "a\n", ""},
		{"text that begins with the letters of bzip2", "BZh91 is no log\n", "BZh91 is no log\n", ""},
		{"gzip", gz.String(), unpacked, ""},
		{"bzip2", bz2.String(), unpacked, ""},
		{"zstd", zst.String(), unpacked, ""},
		{"xz", string(one), unpacked, ""},
		{"xz of one byte", string(packXZ(t, "a", 0)), "a", ""},
		{"xz of many blocks", string(packXZ(t, unpacked, 1000)), unpacked, ""},
		{"xz of two streams", string(two), unpacked, ""},
		{"xz, cut off", string(one[:len(one)-30]), unpacked, "unexpected EOF"},
		{"xz with a wide window", string(widen(packXZ(t, unpacked, 0))), "", "xz: a window of more than 64 MiB"},
		{"xz with a wide window in its second stream", string(one) + string(widen(packXZ(t, unpacked, 0))), unpacked, "xz: a window of more than 64 MiB"},
		{"gzip, cut off", gz.String()[:gz.Len()-8], unpacked, "unexpected EOF"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, in := range []io.Reader{strings.NewReader(tt.packed), iotest.OneByteReader(strings.NewReader(tt.packed))} {
				var got []byte
				r, err := Decompress(in)
				if err == nil {
					got, err = io.ReadAll(r)
				}
				if message := ""; err != nil {
					if message = err.Error(); message != tt.err {
						t.Errorf("error %q, want %q", message, tt.err)
					}
				} else if tt.err != "" {
					t.Errorf("no error, want %q", tt.err)
				}
				if string(got) != tt.want && (tt.err != "unexpected EOF" || !strings.HasPrefix(tt.want, string(got))) {
					t.Errorf("%d bytes read, want %d", len(got), len(tt.want))
				}
			}
		})
	}
}

// What a decompressor does not read of a log is counted.
func TestWideWindow(t *testing.T) {
	w := newWorld(t, down, Source{Path: "mail.log"})
	log := w.open("mail.log")
	log.raw("old\n")
	w.start()
	rotate(w, log)
	log.add(3)
	packed := widen(packXZ(t, unpacked, 0))
	old := w.open("mail.log.1.xz")
	old.raw(string(packed))
	w.remove("mail.log.1")
	w.settle(false)
	header := int64(12)
	if st := w.stats(); st.LostFiles == 0 || st.LostBytes != int64(len(packed))-header {
		t.Errorf("stats: %+v, want %d lost bytes", st, int64(len(packed))-header)
	}
}

func FuzzDecompress(f *testing.F) {
	f.Add([]byte("\xfd7zXZ\x00\x00\x04\xe6\xd6\xb4F\x02\x00!\x01\x16\x00\x00\x00t/\xe5\xa3\x01\x00\x00a\x00\x00\x00"))
	f.Add([]byte("\x28\xb5\x2f\xfd\x00\x58\x09\x00\x00a"))
	f.Fuzz(func(_ *testing.T, b []byte) {
		if r, err := Decompress(bytes.NewReader(b)); err == nil {
			_, _ = io.CopyN(io.Discard, r, 1<<20)
		}
		if z, err := newFrames(bytes.NewReader(b)); err == nil {
			_, _ = io.CopyN(io.Discard, z, 1<<20)
		}
	})
}
