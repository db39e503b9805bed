package listen

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// frames reads a stream as a connection does, with a buffer of 32 bytes. It marks an
// overlong message with "!".
func frames(r io.Reader, maxLen int) (messages []string, end error) {
	b := bufio.NewReaderSize(r, 32)
	for {
		if _, err := b.Peek(1); err != nil {
			return messages, nil
		}
		message, overlong, err := readFrame(b, maxLen, func() []byte { return make([]byte, 0, maxLen+2) })
		switch {
		case err != nil:
			return messages, err
		case overlong:
			messages = append(messages, string(message)+"!")
		default:
			messages = append(messages, string(message))
		}
	}
}

func TestReadFrame(t *testing.T) {
	x20 := strings.Repeat("x", 20)
	tests := []struct {
		name, stream string
		want         []string
		end          error
	}{
		{"lines", "<1>a\n<1>b\r\n", []string{"<1>a", "<1>b"}, nil},
		{"counted", "4 <1>a5 <1>bc", []string{"<1>a", "<1>bc"}, nil},
		{"counted, with LF inside and digits after", "6 <1>a\n17 <1>2 34", []string{"<1>a\n1", "<1>2 34"}, nil},
		{"mixed", "4 <1>a<1>b\n4 <1>c", []string{"<1>a", "<1>b", "<1>c"}, nil},
		{"counted and LF too", "4 <1>a\n4 <1>b\n", []string{"<1>a", "", "<1>b", ""}, nil},
		{"line that begins with a date", "2026-11-23 x\n", []string{"2026-11-23 x"}, nil},
		{"line that begins with a Unix time", "1795449600 x\n", []string{"1795449600 x"}, nil},
		{"line of digits", "12\n", []string{"12"}, nil},
		{"zero is no length", "0 a\n012 a\n", []string{"0 a", "012 a"}, nil},
		{"negative is no length", "-5 a\n", []string{"-5 a"}, nil},
		{"blank is no length", " a\n", []string{" a"}, nil},
		{"as long as may be", x20 + "\r\n20 " + x20 + x20 + "\n", []string{x20, x20, x20}, nil},
		{"one longer", x20 + "x\n21 " + x20 + "x" + x20 + "x\r\n<1>a\n", []string{x20 + "!", x20 + "!", x20 + "!", "<1>a"}, nil},
		{"much longer", strings.Repeat(x20, 9) + "\n180 " + strings.Repeat(x20, 9) + "<1>a\n", []string{x20 + "!", x20 + "!", "<1>a"}, nil},
		{"half a line", "<1>a\n<1>", []string{"<1>a"}, io.EOF},
		{"half a long line", x20 + x20, nil, io.EOF},
		{"half a message", "4 <1>a4 <1>", []string{"<1>a"}, io.EOF},
		{"half a long message", "30 " + x20, nil, io.EOF},
		{"half a length", "4", nil, io.EOF},
		{"nothing", "", nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, r := range []io.Reader{strings.NewReader(tt.stream), iotest.OneByteReader(strings.NewReader(tt.stream))} {
				got, end := frames(r, 20)
				if d := cmp.Diff(tt.want, got); d != "" || !errors.Is(end, tt.end) {
					t.Errorf("ended with %v, want %v (-want +got):\n%s", end, tt.end, d)
				}
			}
		})
	}
}

// A stream holds the same frames, however it is split. A well-framed message is read
// unchanged, whatever precedes it.
func FuzzReadFrame(f *testing.F) {
	f.Add([]byte("<22>a\n5 <22>b<22>c\r\n"), []byte("<22>d"))
	f.Add([]byte("99 too long for what follows"), []byte("1"))
	f.Add([]byte("000000000 x\n999999999 x"), []byte{})
	f.Fuzz(func(t *testing.T, stream, message []byte) {
		const maxLen = 100
		whole, end := frames(bytes.NewReader(stream), maxLen)
		slowly, slowEnd := frames(iotest.OneByteReader(bytes.NewReader(stream)), maxLen)
		if d := cmp.Diff(whole, slowly); d != "" || !errors.Is(slowEnd, end) {
			t.Fatalf("byte by byte: %v, at once: %v\n%s", slowEnd, end, d)
		}
		for _, m := range whole {
			if len(strings.TrimSuffix(m, "!")) > maxLen {
				t.Errorf("message of %d bytes", len(m))
			}
		}
		if end != nil {
			return
		}
		want := string(message)
		if len(message) > maxLen {
			want = want[:maxLen] + "!"
		}
		if len(message) > 0 {
			counted := fmt.Appendf(bytes.Clone(stream), "%d %s", len(message), message)
			if got, end := frames(bytes.NewReader(counted), maxLen); end != nil || got[len(got)-1] != want {
				t.Errorf("counted: %q, %v, want %q", got, end, want)
			}
		}
		line := append([]byte("<22>"), bytes.ReplaceAll(message, []byte("\n"), nil)...)
		line = bytes.TrimRight(line, "\r")
		if want = string(line); len(line) > maxLen {
			want = want[:maxLen] + "!"
		}
		ended := append(append(bytes.Clone(stream), line...), '\n')
		if got, end := frames(bytes.NewReader(ended), maxLen); end != nil || got[len(got)-1] != want {
			t.Errorf("line: %q, %v, want %q", got, end, want)
		}
	})
}
