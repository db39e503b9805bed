package journal

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"smtp_reply_exporter/exporter/source"
)

// binaryField returns a field in the form for values that are not plain text.
func binaryField(name, value string) string {
	return name + "\n" + string(binary.LittleEndian.AppendUint64(nil, uint64(len(value)))) + value + "\n"
}

// decoded is an entry: its fields, and whether its message was overlong.
type decoded struct {
	fields   [numFields]string
	overlong bool
}

// decodeAll decodes input in pieces.
func decodeAll(input []byte, piece int) (all []decoded, err error) {
	var d decoder
	for p := range slices.Chunk(input, piece) {
		err := d.decode(p, func() error {
			e := decoded{overlong: d.overlong}
			for i, value := range d.fields {
				e.fields[i] = string(value)
			}
			all = append(all, e)
			return nil
		})
		if err != nil {
			return all, err
		}
	}
	return all, nil
}

func TestDecode(t *testing.T) {
	message := func(m string) decoded {
		var e decoded
		e.fields[fieldMessage] = m
		return e
	}
	long := strings.Repeat("x", source.MaxLine)
	overlong := message(long)
	overlong.overlong = true
	cases := []struct {
		name, input string
		want        []decoded
		err         string
	}{
		{name: "text", input: "__CURSOR=s=1;i=2\nMESSAGE=a=b\n_PID=1\n\n", want: []decoded{{
			fields: [numFields]string{fieldCursor: "s=1;i=2", fieldMessage: "a=b", fieldPID: "1"},
		}}},
		{name: "several lines", input: binaryField("MESSAGE", "a\n\nMESSAGE=b\n") + "\n", want: []decoded{message("a\n\nMESSAGE=b\n")}},
		{name: "empty values", input: "MESSAGE=\n\n" + binaryField("MESSAGE", "") + "\n", want: []decoded{message(""), message("")}},
		{name: "first of several values", input: "MESSAGE=a\nMESSAGE=b\n\nMESSAGE=c\n\n", want: []decoded{message("a"), message("c")}},
		{name: "unknown fields", input: "XMESSAGE=a\n" + binaryField("CORE", "\nMESSAGE=b\n\n") + "MESSAGE=c\n\n", want: []decoded{message("c")}},
		{name: "longest message", input: "MESSAGE=" + long + "\n\n" + binaryField("MESSAGE", long) + "\n", want: []decoded{message(long), message(long)}},
		{
			name:  "longer messages",
			input: "MESSAGE=" + long + "y\n\n" + binaryField("MESSAGE", long+"y") + "\nMESSAGE=" + long + long + "\n\nMESSAGE=z\n\n",
			want:  []decoded{overlong, overlong, overlong, message("z")},
		},
		{name: "long unknown fields", input: "X=" + long + long + "\n" + binaryField("Y", long+long) + "MESSAGE=a\n\n", want: []decoded{message("a")}},
		{name: "no end", input: "MESSAGE=a\n\nMESSAGE=b\n", want: []decoded{message("a")}},
		{name: "no name", input: "=a\n\n", err: `no name of a field: "=a"`},
		{name: "long name", input: strings.Repeat("X", maxName+1) + "=a\n\n", err: `no name of a field: "` + strings.Repeat("X", 65) + `=a"`},
		{name: "wrong length", input: "MESSAGE\n\x01\x00\x00\x00\x00\x00\x00\x00ab\n\n", err: "a value does not end after its length, but with 'b'"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for _, piece := range []int{1, 7, len(c.input)} {
				got, err := decodeAll([]byte(c.input), piece)
				if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(decoded{})); diff != "" {
					t.Errorf("in pieces of %d (-want +got):\n%.1000s", piece, diff)
				}
				if (err != nil || c.err != "") && (err == nil || err.Error() != c.err) {
					t.Errorf("in pieces of %d: error %v, want %s", piece, err, c.err)
				}
			}
		})
	}
}

// FuzzDecode decodes any bytes, at once and in pieces.
func FuzzDecode(f *testing.F) {
	f.Add([]byte("__CURSOR=a\nMESSAGE=b\n\nMESSAGE=c\n\n"), uint16(3))
	f.Add([]byte(binaryField("MESSAGE", "a\nb")+"\n"), uint16(1))
	f.Add([]byte("MESSAGE\n\xff\xff\xff\xff\xff\xff\xff\xffa\n\n"), uint16(9))
	f.Fuzz(func(t *testing.T, input []byte, piece uint16) {
		if len(input) == 0 {
			return
		}
		want, wantErr := decodeAll(input, len(input))
		got, err := decodeAll(input, int(piece)+1)
		if !slices.Equal(got, want) || (err == nil) != (wantErr == nil) {
			t.Errorf("in pieces %+v and %v, at once %+v and %v", got, err, want, wantErr)
		}
	})
}

// FuzzDecodeMessage decodes any message in both forms, among other fields.
func FuzzDecodeMessage(f *testing.F) {
	f.Add("NOQUEUE: reject", "postfix/smtpd")
	f.Add("a\n\nMESSAGE=b", "\x00\x01")
	f.Fuzz(func(t *testing.T, message, program string) {
		entry := "__CURSOR=c\n" + binaryField("SYSLOG_IDENTIFIER", program) + binaryField("OTHER", message)
		input := entry + binaryField("MESSAGE", message) + "\n"
		if !strings.Contains(message, "\n") {
			input += entry + "MESSAGE=" + message + "\n\n"
		}
		got, err := decodeAll([]byte(input), len(input))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range got {
			if e.fields[fieldMessage] != message || e.fields[fieldIdentifier] != program || e.fields[fieldCursor] != "c" || e.overlong {
				t.Errorf("decoded %+v, want %q of %q", e, message, program)
			}
		}
		if len(got) == 0 {
			t.Error("no entry")
		}
	})
}

func TestDecodeAllocations(t *testing.T) {
	input := gunzip(t, "testdata/postfix.export.gz")
	var d decoder
	entries := 0
	allocs := testing.AllocsPerRun(1, func() {
		if err := d.decode(input, func() error { entries++; return nil }); err != nil {
			t.Fatal(err)
		}
	})
	if entries != 2*3534 || allocs > 10 { // only buffers that grow
		t.Errorf("%d entries with %.0f allocations", entries, allocs)
	}
}

func BenchmarkDecode(b *testing.B) {
	input := gunzip(b, "testdata/postfix.export.gz")
	b.SetBytes(int64(len(input)))
	var d decoder
	for b.Loop() {
		if err := d.decode(input, func() error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}

func gunzip(tb testing.TB, name string) []byte {
	tb.Helper()
	f, err := os.Open(name)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		tb.Fatal(err)
	}
	var b bytes.Buffer
	_, err = io.Copy(&b, z)
	if err := errors.Join(err, z.Close()); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}
