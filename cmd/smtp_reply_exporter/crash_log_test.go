package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// sessionTruth holds the counts of one session of testdata/crash: the sums of each
// family by code.
var sessionTruth = map[string]float64{
	"smtp_replies_sent_total 554":          1,
	"smtp_replies_sent_total 250":          1, // at end of data
	"smtp_replies_received_total 550":      1, // for two recipients
	"smtp_replies_received_total 452":      1,
	"smtp_replies_received_total 250":      1,
	"smtp_deliveries_total 550":            2,
	"smtp_deliveries_total 452":            1,
	"smtp_deliveries_total 250":            1,
	"smtp_dialogue_replies_sent_total 220": 1,
	"smtp_dialogue_replies_sent_total 250": 3, // to EHLO, MAIL and RCPT
	"smtp_dialogue_replies_sent_total 354": 1,
	"smtp_dialogue_replies_sent_total 221": 1,
}

// truth returns the counts of all families after a number of sessions.
func truth(sessions int) map[string]float64 { return counts(sessionTruth, sessions) }

// counts returns the counts of all families after a number of sessions that have those of
// session each.
func counts(session map[string]float64, sessions int) map[string]float64 {
	want := map[string]float64{}
	for series, n := range session {
		n *= float64(sessions)
		want[series] = n
		family, code, _ := strings.Cut(series, " ")
		if replies, ok := strings.CutSuffix(family, "_total"); ok && strings.HasPrefix(family, "smtp_replies_") {
			want[replies+"_by_reason_total "+code] = n
			want[replies+"_detail_total "+code] = n
		}
	}
	return want
}

// A logWriter writes sessions to mail.log and rotates it in all ways that lose nothing:
// it renames the file to a number or to a date, as logrotate does with delaycompress,
// and writes a few more lines to the renamed file; it copies and truncates it, and goes
// on at its old offset; it replaces it by a copy.
type logWriter struct {
	dir       string
	template  []string // lines of a session
	between   int      // lines between two rotations, on average
	random    *rand.Rand
	sessions  int
	lines     int
	rotations atomic.Int64

	file *os.File
	late int // lines until it reopens the log
}

// run writes until stop is closed, and then completes the session.
func (w *logWriter) run(stop <-chan struct{}) error {
	var err error
	if w.file, err = w.open(); err != nil {
		return err
	}
	defer func() { w.file.Close() }()
	for at := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC); ; at = at.Add(time.Second) {
		select {
		case <-stop:
			return nil
		default:
		}
		i := w.sessions
		replace := strings.NewReplacer("TIME", at.Format(time.Stamp), "QUEUEID", fmt.Sprintf("%011X", 0xA0000000000+i),
			"PID1", fmt.Sprint(1000+i%7), "PID2", fmt.Sprint(2000+i%5))
		for _, line := range w.template {
			if err := w.line(replace.Replace(line)); err != nil {
				return err
			}
		}
		w.sessions++
	}
}

// line writes a line and waits as long as a busy host does.
func (w *logWriter) line(text string) error {
	if _, err := w.file.WriteString(text); err != nil {
		return err
	}
	w.lines++
	time.Sleep(time.Duration(w.random.IntN(5000)) * time.Microsecond)
	switch {
	case w.late > 1:
		w.late--
	case w.late == 1:
		w.late = 0
		w.file.Close()
		var err error
		w.file, err = w.open()
		return err
	case w.random.IntN(w.between) == 0:
		w.rotations.Add(1)
		switch w.random.IntN(5) {
		case 0:
			return w.copyTruncate()
		case 1:
			return w.replace()
		case 2:
			w.late = 1 + w.random.IntN(40)
			return os.Rename(w.log(), fmt.Sprintf("%s.%d", w.log(), 9926803+w.rotations.Load()))
		}
		w.late = 1 + w.random.IntN(40)
		if err := w.shift(); err != nil {
			return err
		}
		return os.Rename(w.log(), w.log()+".1")
	}
	return nil
}

func (w *logWriter) log() string { return filepath.Join(w.dir, "mail.log") }

// open opens the log at its end, with O_APPEND or without.
func (w *logWriter) open() (*os.File, error) {
	file, err := os.OpenFile(w.log(), w.random.IntN(2)*os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = file.Seek(0, io.SeekEnd)
	}
	return file, err
}

// shift renames mail.log.1 to mail.log.2, and so on, and compresses that.
func (w *logWriter) shift() error {
	extensions := []string{".gz", ".bz2", ".xz", ".zst"}
	for i := w.rotations.Load(); i >= 2; i-- {
		for _, ext := range extensions {
			err := os.Rename(fmt.Sprintf("%s.%d%s", w.log(), i, ext), fmt.Sprintf("%s.%d%s", w.log(), i+1, ext))
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	err := os.Rename(w.log()+".1", w.log()+".2")
	if err == nil {
		err = compress(w.log()+".2", extensions[w.random.IntN(len(extensions))])
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// copyTruncate rotates the log with copytruncate. It writes nothing meanwhile.
func (w *logWriter) copyTruncate() error {
	err := w.shift()
	if err == nil {
		err = w.copyTo(w.log() + ".1")
	}
	if err == nil {
		err = os.Truncate(w.log(), 0)
	}
	return err
}

// replace replaces the log by a copy, as rsync and sed -i do, and reopens it.
func (w *logWriter) replace() error {
	err := w.copyTo(w.log() + "~")
	if err == nil {
		err = os.Rename(w.log()+"~", w.log())
	}
	if err == nil {
		err = w.file.Close()
	}
	if err == nil {
		w.file, err = w.open()
	}
	return err
}

func (w *logWriter) copyTo(name string) error {
	text, err := os.ReadFile(w.log())
	if err != nil {
		return err
	}
	return os.WriteFile(name, text, 0o600)
}

// compress compresses a file as gzip(1) and its like do, which keep the modification
// time. Where there is no bzip2(1), it uses gzip.
func compress(name, ext string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	var z io.WriteCloser
	bzip2, missing := exec.LookPath("bzip2")
	switch {
	case ext == ".bz2" && missing == nil:
		command := exec.Command(bzip2)
		command.Stdin, command.Stdout = bytes.NewReader(text), &out
		err = command.Run()
	case ext == ".xz":
		z, err = xz.NewWriter(&out)
	case ext == ".zst":
		z, err = zstd.NewWriter(&out)
	default:
		ext, z = ".gz", gzip.NewWriter(&out)
	}
	if err == nil && z != nil {
		_, err = z.Write(text)
		err = errors.Join(err, z.Close())
	}
	if err == nil {
		err = os.WriteFile(name+ext, out.Bytes(), 0o600)
	}
	if err == nil {
		err = os.Chtimes(name+ext, time.Time{}, info.ModTime())
	}
	if err != nil {
		return err
	}
	return os.Remove(name)
}
