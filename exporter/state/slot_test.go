package state

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	first  = "first payload"
	second = "second payload, a longer one"
)

// image returns a file of two small slots with these payloads.
func image(size int64, payloads ...string) []byte {
	b := make([]byte, 2*size)
	for i, p := range payloads {
		s := slot{version: Version, size: size, sequence: uint64(i + 2), payload: []byte(p)}
		copy(b[int64(i)*size:], append(s.head(), p...))
	}
	return b
}

func TestReadNewest(t *testing.T) {
	whole := image(256, first, second)
	tests := []struct {
		name   string
		image  []byte
		want   string
		damage string
		err    string
	}{
		{name: "whole", image: whole, want: second},
		{name: "first newer", image: append(bytes.Clone(whole[256:]), whole[:256]...), damage: "", want: second},
		{name: "cut in the second head", image: whole[:256+20], want: first, damage: "slot at byte 256: read the head: EOF"},
		{name: "cut in the second payload", image: whole[:256+headLen+4], want: first, damage: "slot at byte 256: payload of 28 bytes, but only 4 left in the file"},
		{name: "cut to the first payload", image: whole[:headLen+len(first)], want: first, damage: "slot at byte 256: read the head: EOF"},
		{name: "zeros in the newest", image: image(256, first), want: first, damage: "slot at byte 256: not written by this exporter"},
		{name: "longer than two slots", image: append(bytes.Clone(whole), "appended"...), want: second},
		{
			name: "slot of another size", image: append(make([]byte, 300), append(bytes.Clone(whole[:256]), make([]byte, 44)...)...),
			err: "both slots are damaged; restore a copy, or move the file away to start from zero (first: not written by this exporter; second: belongs at byte 256)",
		},
		{name: "zeros", image: make([]byte, 512), err: "not written by this exporter; choose another path, or move the file away to start from zero"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, _, damage, err := readNewest(bytes.NewReader(tt.image), int64(len(tt.image)))
			if message(err) != tt.err || message(damage) != tt.damage || string(got.payload) != tt.want {
				t.Errorf("payload %q, damage %q, error %q; want %q, %q, %q", got.payload, message(damage), message(err), tt.want, tt.damage, tt.err)
			}
		})
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// If a bit flips anywhere in a slot, Open returns the other slot. A bit in the unused
// rest has no effect.
func TestEveryBitFlipped(t *testing.T) {
	const size = 128
	whole := image(size, first, second)
	for i := range len(whole) * 8 {
		b := bytes.Clone(whole)
		b[i/8] ^= 1 << (i % 8)
		got, _, damage, err := readNewest(bytes.NewReader(b), int64(len(b)))
		want, damaged := second, false
		switch at := i / 8; {
		case at < headLen+len(first):
			damaged = true
		case at >= size && at < size+headLen+len(second):
			want, damaged = first, true
		}
		if err != nil || string(got.payload) != want || (damage != nil) != damaged {
			t.Fatalf("bit %d of byte %d: payload %q, damage %v, error %v; want %q, damage %v", i%8, i/8, got.payload, damage, err, want, damaged)
		}
	}
}

// A commit that stops after any number of bytes leaves the previous one, and the next
// commit overwrites it.
func TestTornCommit(t *testing.T) {
	const third = "3rd: ends otherwise than the first"
	path := filepath.Join(t.TempDir(), "state")
	f, _ := open(t, path)
	commit(t, f, first)
	commit(t, f, second)
	before := make([]byte, headLen+len(second))
	if _, err := f.data.ReadAt(before, f.next); err != nil {
		t.Fatal(err)
	}
	offset := f.next
	written := append(slot{version: Version, size: minSlot, sequence: f.sequence + 1, payload: []byte(third)}.head(), third...)
	closeFile(t, f)
	for n := range len(written) + 1 {
		patch(t, path, offset, before)
		patch(t, path, offset, written[:n])
		f, payload := open(t, path)
		if n == len(written) {
			if string(payload) != third || f.Damage != nil {
				t.Errorf("whole: payload %q, damage %v", payload, f.Damage)
			}
		} else if same := bytes.HasPrefix(before, written[:n]); string(payload) != second || (f.Damage == nil) != same {
			t.Errorf("%d bytes: payload %q, damage %v", n, payload, f.Damage)
		} else if f.next != offset {
			t.Errorf("%d bytes: the next commit goes over the last durable one", n)
		}
		closeFile(t, f)
	}
	patch(t, path, offset, written[:len(written)-1])
	patch(t, path, offset+int64(len(written)-1), []byte("?"))
	f, _ = open(t, path)
	commit(t, f, "fourth")
	closeFile(t, f)
	wantPayload(t, path, "fourth")
}

// The next commit replaces a file that lost its tail.
func TestTruncated(t *testing.T) {
	for _, size := range []int64{headLen + int64(len(first)), minSlot - 1, minSlot, minSlot + 1, 2*minSlot - 1} {
		path := filepath.Join(t.TempDir(), "state")
		f, _ := open(t, path)
		commit(t, f, "zeroth")
		commit(t, f, first)
		closeFile(t, f)
		if err := os.Truncate(path, size); err != nil {
			t.Fatal(err)
		}
		f, payload := open(t, path)
		if string(payload) != first {
			t.Errorf("cut to %d bytes: payload %q, damage %v", size, payload, f.Damage)
		}
		commit(t, f, second)
		closeFile(t, f)
		wantPayload(t, path, second)
		if info, err := os.Stat(path); err != nil || info.Size() != 2*minSlot {
			t.Errorf("cut to %d bytes: %v, %v; want a size of %d", size, info.Size(), err, 2*minSlot)
		}
	}
}

// FuzzOpen opens a file with overwritten bytes, truncated or extended. Open must never
// return a payload that was not committed.
func FuzzOpen(f *testing.F) {
	whole := image(256, first, second)
	f.Add([]byte("\x00\xff"), uint16(300), uint16(512))
	f.Add(whole[:256], uint16(256), uint16(512))
	f.Add(whole, uint16(10), uint16(600))
	f.Add(whole[256:256+headLen], uint16(0), uint16(512))
	f.Add(slot{version: Version + 1, size: 256, sequence: 9}.head(), uint16(0), uint16(512))
	f.Add(slot{version: 1, size: -1, sequence: 9, payload: []byte(first)}.head(), uint16(0), uint16(256))
	f.Fuzz(func(t *testing.T, over []byte, offset, size uint16) {
		b := make([]byte, size)
		copy(b, whole)
		copy(b[min(offset, size):], over)
		got, _, _, err := readNewest(bytes.NewReader(b), int64(size))
		switch p := string(got.payload); {
		case err != nil && got.payload != nil:
			t.Errorf("payload %q and error %v", p, err)
		case err == nil && p != first && p != second:
			t.Errorf("payload %q was never committed", p)
		}
	})
}

// A slot that cannot be read, such as one with a bad sector, is a damaged one.
func TestUnreadableSlot(t *testing.T) {
	b := image(256, first, second)
	got, _, damage, err := readNewest(badSector{bytes.NewReader(b), 256}, int64(len(b)))
	if string(got.payload) != first || !errors.Is(damage, os.ErrDeadlineExceeded) || err != nil {
		t.Errorf("payload %q, damage %v, error %v", got.payload, damage, err)
	}
	if !strings.HasPrefix(message(damage), "slot at byte 256: read the head: ") {
		t.Error(damage)
	}
}

// badSector fails to read at one offset.
type badSector struct {
	*bytes.Reader
	offset int64
}

func (r badSector) ReadAt(b []byte, offset int64) (int, error) {
	if offset == r.offset {
		return 0, os.ErrDeadlineExceeded
	}
	return r.Reader.ReadAt(b, offset)
}
