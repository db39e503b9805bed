package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"smtp_reply_exporter/exporter/source"
	"smtp_reply_exporter/logparse"
)

func TestParseJSON(t *testing.T) {
	got, err := run(t, "parse", "--output=json", "--year=2026", "--timezone=Europe/Berlin", "testdata/mail.log")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "mail.json", got)
}

func TestParseCompressed(t *testing.T) {
	log, err := os.ReadFile("testdata/mail.log")
	if err != nil {
		t.Fatal(err)
	}
	gzipWriter := func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }
	zstdWriter := func(w io.Writer) io.WriteCloser {
		z, err := zstd.NewWriter(w)
		if err != nil {
			t.Fatal(err)
		}
		return z
	}
	for _, tt := range []struct {
		name       string
		compressor func(io.Writer) io.WriteCloser
	}{
		{"mail.log.gz", gzipWriter},
		{"mail.log.zst", zstdWriter},
		{"mail.log", gzipWriter},
		{"20261123-161500.123456", zstdWriter},
		{"mail.log.bz2", zstdWriter},
		{"mail.log.xz", func(w io.Writer) io.WriteCloser { return plainWriter{w} }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var packed bytes.Buffer
			w := tt.compressor(&packed)
			if _, err := w.Write(log); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			path := write(t, tt.name, packed.String())
			want, err := run(t, "parse", "--output=json", "testdata/mail.log")
			if err != nil {
				t.Fatal(err)
			}
			got, err := run(t, "parse", "--output=json", path)
			if err != nil {
				t.Fatal(err)
			}
			want = strings.ReplaceAll(want, `"file":"testdata/mail.log"`, `"file":"`+path+`"`)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-plain +compressed):\n%s", diff)
			}
		})
	}
}

type plainWriter struct{ io.Writer }

func (plainWriter) Close() error { return nil }

// The delivery to a message's second recipient shows the reply again, also in the next
// file.
func TestParseGoesOnOverFiles(t *testing.T) {
	const head, tail = "Nov 23 14:16:25 mx1 postfix/smtp[405]: 5B1B2C3D4E: to=<", "@example.net>, relay=mx.example.net[192.0.2.30]:25, " +
		"delay=0.3, delays=0.05/0.05/0.2/0.01, dsn=2.0.0, status=sent (250 ok)\n"
	old := write(t, "mail.log.1", head+"anna"+tail)
	recent := write(t, "mail.log", head+"ben"+tail)
	out, err := run(t, "parse", "--output=json", old, recent)
	if err != nil {
		t.Fatal(err)
	}
	type row struct {
		File   string `json:"file"`
		Line   int    `json:"line"`
		Repeat bool   `json:"repeat"`
	}
	var got []row
	for in := json.NewDecoder(strings.NewReader(out)); in.More(); {
		var r row
		if err := in.Decode(&r); err != nil {
			t.Fatal(err)
		}
		got = append(got, r)
	}
	if diff := cmp.Diff([]row{{old, 1, false}, {recent, 1, true}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestParseMTA(t *testing.T) {
	log := write(t, "mixed.log", "in 451 4.7.1 later\nNov 23 14:16:24 mx1 postfix/smtpd[698]: NOQUEUE: reject: RCPT from unknown[192.0.2.7]: "+
		"554 5.7.1 no; from=<a@src.example> to=<bob@dest.example> proto=ESMTP helo=<pc>\n")
	cfg := write(t, "config.yaml", `
sources: [{name: mail, file: /var/log/mail.log}]
formats:
  - {mta: house_mta, direction: sent, pattern: '^in (?P<code>\d+) (?P<text>.*)', samples: [{line: in 451 later, code: 451}]}
`)
	for mta, want := range map[string][]string{
		"auto": {"postfix"}, "postfix": {"postfix"}, "sendmail": nil, "house_mta": {"house_mta"},
	} {
		t.Run(mta, func(t *testing.T) {
			out, err := run(t, "parse", "--output=json", "--config.file="+cfg, "--mta="+mta, log)
			if (err != nil) != (want == nil) {
				t.Fatalf("error %v with MTAs %q", err, want)
			}
			var got []string
			for in := json.NewDecoder(strings.NewReader(out)); in.More(); {
				var r struct{ MTA string }
				if err := in.Decode(&r); err != nil {
					t.Fatal(err)
				}
				got = append(got, r.MTA)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := io.WriteString(w, strings.Repeat("a line\n", 10000)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	whole := packed.String()
	for _, tt := range []struct{ name, file, content, flag, want string }{
		{"gzip cut off", "mail.log.gz", whole[:len(whole)-8], "", "FILE: cannot be read from line 10001 on: unexpected EOF"},
		{"gzip damaged", "mail.log.gz", whole[:len(whole)-8] + "12345678", "", "FILE: cannot be read from line 10001 on: gzip: invalid checksum"},
		{"gzip header cut off", "mail.log.gz", whole[:5], "", "FILE: unexpected EOF"},
		{"unknown time zone", "mail.log", "", "--timezone=Berlin", "--timezone: unknown time zone Berlin; use Local, UTC or a name such as Europe/Berlin"},
		{"no year", "mail.log", "", "--year=26", `--year: "26" is not a year; use four digits`},
		{
			"unknown MTA", "mail.log", "", "--mta=eximm", `--mta: "eximm" is not one of ` + strings.Join(append([]string{"auto"}, logparse.MTAs()...), ", ") +
				", or the mta of an item of formats",
		},
		{"bad configuration", "mail.log", "", "--config.file=testdata/bad.yaml", `testdata/bad.yaml:2: sources[0].name: missing; it is the label source of the metrics, such as name: mail`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := write(t, tt.file, tt.content)
			args := []string{"parse", path}
			if tt.flag != "" {
				args = append(args, tt.flag)
			}
			out, err := run(t, args...)
			if err == nil {
				t.Fatalf("no error; output:\n%s", out)
			}
			if got := strings.ReplaceAll(err.Error(), path, "FILE"); got != tt.want {
				t.Errorf("error %q, want %q", got, tt.want)
			}
		})
	}
}

func TestParseDirectory(t *testing.T) {
	_, err := run(t, "parse", "testdata")
	if want := "testdata is a directory; name its log files"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

// Files that are missing or damaged do not keep parse from the others. What a damaged one
// held counts.
func TestParseGoesOnAfterErrors(t *testing.T) {
	log, err := os.ReadFile("testdata/mail.log")
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(log); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	cut := write(t, "mail.log.gz", string(packed.Bytes()[:packed.Len()-8]))
	cmd := command(t, "parse", "--output=json", "nosuch.log", cut, "testdata", "testdata/mail.log")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	got, err := cmd.Output()
	if status := cmd.ProcessState.ExitCode(); status != 1 {
		t.Errorf("exit status %d, error %v, want status 1", status, err)
	}
	for _, file := range []string{cut, "testdata/mail.log"} {
		want, err := run(t, "parse", "--output=json", "testdata/mail.log")
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(want, "\n"); n == 0 || strings.Count(string(got), `"file":"`+file+`"`) != n {
			t.Errorf("%s: not %d replies in\n%s", file, n, got)
		}
	}
	want := `Lines that look like replies and were not understood: 4
MTA      SHAPE         COUNT  EXAMPLE
postfix  delivery          4  CUT:18

smtp_reply_exporter: open nosuch.log: no such file or directory
CUT: cannot be read from line LINE on: unexpected EOF
testdata is a directory; name its log files
`
	want = strings.ReplaceAll(want, "LINE", strconv.Itoa(bytes.Count(log, []byte("\n"))+1))
	if diff := cmp.Diff(want, strings.ReplaceAll(stderr.String(), cut, "CUT")); diff != "" {
		t.Errorf("stderr (-want +got):\n%s", diff)
	}
}

// Without a file, parse reads those that serve would follow.
func TestParseFollowedFiles(t *testing.T) {
	log, err := filepath.Abs("testdata/mail.log")
	if err != nil {
		t.Fatal(err)
	}
	followed := write(t, "config.yaml", "sources: [{name: mail, file: '"+filepath.Dir(log)+"/mail.lo?'}]\n")
	got, err := run(t, "parse", "--output=json", "--config.file="+followed)
	if err != nil {
		t.Fatal(err)
	}
	want, err := run(t, "parse", "--output=json", log)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-named +followed):\n%s", diff)
	}

	journal := write(t, "config.yaml", "sources: [{name: journal, journal: {}}]\n")
	if _, err := run(t, "parse", "--config.file="+journal); err == nil || !strings.Contains(err.Error(), "journalctl") {
		t.Errorf("error %v, want one that shows how to read the journal", err)
	}
}

// A file is read with the header and the MTA of the source that it belongs to.
func TestParseReadsAsItsSource(t *testing.T) {
	const line = "%s|postfix/smtpd|NOQUEUE: reject: RCPT from unknown[192.0.2.7]: 451 4.7.1 no; from=<a@src.example> to=<bob@dest.example> proto=ESMTP helo=<pc>\n"
	dir := t.TempDir()
	source := func(name, file, mark, more string) string {
		return fmt.Sprintf("  - name: %s\n    file: %s\n    header: '%s\\|(?P<program>[^ |]+)\\|(?P<message>.*)'\n"+
			"    samples: [{line: '%s|postfix/smtpd|connect from a[192.0.2.7]', program: postfix/smtpd}]\n%s", name, file, mark, mark, more)
	}
	one := "sources:\n" + source("a", dir+"/a.log", "A", "")
	two := one + source("b", dir+"/b-*.log", "B", "    olddir: old\n")
	for _, tt := range []struct {
		name, config, file, mark string
		flag                     string
		want                     int
	}{
		{"the file", two, "a.log", "A", "", 1},
		{"a rotated file", two, "a.log-20261123", "A", "", 1},
		{"another source's header", two, "a.log.1", "B", "", 0},
		{"a glob", two, "b-1.log", "B", "", 1},
		{"a rotated file of a glob", two, "b-1.log.2", "B", "", 1},
		{"in olddir", two, "old/b-1.log.2", "B", "", 1},
		{"in another directory", two, "other/a.log", "A", "", 0},
		{"another name", two, "a.log.copy", "A", "", 0},
		{"the only source", one, "other/copy", "A", "", 1},
		{"--mta", one, "a.log", "A", "--mta=exim", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(dir, tt.file)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, fmt.Appendf(nil, line, tt.mark), 0o600); err != nil {
				t.Fatal(err)
			}
			args := []string{"parse", "--output=json", "--config.file=" + write(t, "config.yaml", tt.config), path}
			if tt.flag != "" {
				args = append(args, tt.flag)
			}
			out, err := run(t, args...)
			if got := strings.Count(out, "\n"); got != tt.want || (err == nil) != (tt.want > 0) {
				t.Errorf("%d replies, error %v, want %d replies", got, err, tt.want)
			}
		})
	}
}

func TestReadLine(t *testing.T) {
	const size = 16 // the smallest buffer of bufio
	full := strings.Repeat("x", size-1)
	for _, tt := range []struct {
		name, text string
		want       []string // the last line has io.EOF
		overlong   int
	}{
		{"empty", "", []string{""}, 0},
		{"lines", "a\n\nb\r\n", []string{"a", "", "b\r", ""}, 0},
		{"no end", "a\nb", []string{"a", "b"}, 0},
		{"fills the buffer", full + "\nb\n", []string{full, "b", ""}, 0},
		{"just too long", full + "y\nb\n", []string{full, "b", ""}, 1},
		{"many buffers", full + full + full + "y\nb\n", []string{full, "b", ""}, 1},
		{"too long without end", full + full + "y", []string{full}, 1},
		{"too long twice", full + "y\n" + full + "z\n", []string{full, full, ""}, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := bufio.NewReaderSize(iotest.OneByteReader(strings.NewReader(tt.text)), size)
			var got []string
			count := 0
			for {
				line, overlong, err := readLine(in)
				if overlong {
					count++
				}
				got = append(got, string(line))
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || count != tt.overlong {
				t.Errorf("%d overlong, want %d; (-want +got):\n%s", count, tt.overlong, diff)
			}
		})
	}
}

// A line that is longer than the buffer counts as one line.
func TestParseLongLine(t *testing.T) {
	const reject = "Nov 23 14:16:22 mx1 postfix/smtpd[401]: NOQUEUE: reject: RCPT from unknown[203.0.113.9]: 450 4.2.0 "
	out, err := run(t, "parse", "--output=json", write(t, "mail.log", reject+strings.Repeat("x", 3*source.MaxLine)+"\n"+reject+"no\n"))
	if err != nil {
		t.Fatal(err)
	}
	var lines []int
	for in := json.NewDecoder(strings.NewReader(out)); in.More(); {
		var r jsonReply
		if err := in.Decode(&r); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, r.Line)
	}
	if diff := cmp.Diff([]int{1, 2}, lines); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

// write writes a file into a directory of the test and returns its path.
func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
