package main

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"
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
func truth(sessions int) map[string]float64 {
	want := map[string]float64{}
	for series, n := range sessionTruth {
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

// A logWriter writes sessions to mail.log and rotates it as logrotate does with
// delaycompress: it renames the file, and writes a few more lines to the renamed file.
type logWriter struct {
	dir       string
	template  []string // lines of a session
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
	case w.random.IntN(200) == 0:
		w.late = 1 + w.random.IntN(40)
		return w.rotate()
	}
	return nil
}

func (w *logWriter) open() (*os.File, error) {
	return os.OpenFile(filepath.Join(w.dir, "mail.log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
}

// rotate renames mail.log to mail.log.1, and so on; mail.log.2 is compressed.
func (w *logWriter) rotate() error {
	log := filepath.Join(w.dir, "mail.log")
	for i := w.rotations.Load(); i >= 2; i-- {
		if err := os.Rename(fmt.Sprintf("%s.%d.gz", log, i), fmt.Sprintf("%s.%d.gz", log, i+1)); err != nil {
			return err
		}
	}
	err := os.Rename(log+".1", log+".2")
	if err == nil {
		err = compress(log + ".2")
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	w.rotations.Add(1)
	return os.Rename(log, log+".1")
}

// compress compresses a file as gzip(1) does, which keeps the modification time.
func compress(name string) error {
	plain, err := os.Open(name)
	if err != nil {
		return err
	}
	defer plain.Close()
	info, err := plain.Stat()
	if err != nil {
		return err
	}
	packed, err := os.Create(name + ".gz")
	if err != nil {
		return err
	}
	defer packed.Close()
	z := gzip.NewWriter(packed)
	if _, err := io.Copy(z, plain); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	if err := os.Chtimes(name+".gz", time.Time{}, info.ModTime()); err != nil {
		return err
	}
	return os.Remove(name)
}
