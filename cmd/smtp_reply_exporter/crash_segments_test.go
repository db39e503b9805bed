package main

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

// kumoTruth holds the counts of one session of testdata/crash/kumomta.log.
var kumoTruth = map[string]float64{
	"smtp_replies_sent_total 550":     1,
	"smtp_replies_sent_total 250":     1, // at end of data
	"smtp_replies_received_total 451": 1,
	"smtp_replies_received_total 550": 1,
	"smtp_replies_received_total 250": 1, // for three recipients
	"smtp_deliveries_total 451":       1,
	"smtp_deliveries_total 550":       1,
	"smtp_deliveries_total 250":       3,
}

// TestCrashSegments kills the exporter at random instants while KumoMTA's log is written,
// in segments that grow block by block.
func TestCrashSegments(t *testing.T) {
	t.Parallel()
	const seed, kills = 5, 8
	random := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	v := newVictimWith(t, "--config.file="+filepath.Join(dir, "config.yaml"))
	v.dir = dir
	config := "state: DIR/state\nsources:\n  - {name: mail, file: DIR/log/*, start: beginning}\n"
	err := errors.Join(os.Mkdir(filepath.Join(dir, "log"), 0o700),
		os.WriteFile(filepath.Join(dir, "config.yaml"), []byte(strings.ReplaceAll(config, "DIR", dir)), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	template, err := os.ReadFile("testdata/crash/kumomta.log")
	if err != nil {
		t.Fatal(err)
	}
	log := &segmentWriter{dir: filepath.Join(dir, "log"), template: string(template), random: rand.New(rand.NewPCG(seed, 1))}

	v.start()
	v.scrapeOnce()
	stopWriting, written := make(chan struct{}), make(chan error, 1)
	go func() { written <- log.run(stopWriting) }()
	stopScraping := v.scrapeRepeatedly(rand.New(rand.NewPCG(seed, 2)))
	for i := range kills {
		if random.IntN(4) > 0 {
			seen := v.scraped()
			v.wait("a scrape", func() bool { return v.scraped() > seen })
		}
		time.Sleep(time.Duration(random.IntN(700)) * time.Millisecond) // the random instant
		v.kill()
		if i%3 == 0 {
			segments := log.segments.Load()
			v.wait("three segments while it is down", func() bool { return log.segments.Load() >= segments+3 })
		}
		v.start()
	}
	close(stopWriting)
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	v.wait("the log is read", func() bool {
		return v.scrapeOnce()["smtp_reply_exporter_source_lines_total"] >= float64(log.lines)
	})
	stopScraping()
	v.terminate()
	v.start()
	v.checkCounts(counts(kumoTruth, log.sessions), log.lines)
	t.Logf("%d kills, %d segments, %d sessions, %d lines, %d good scrapes, %d bad ones",
		kills, log.segments.Load(), log.sessions, log.lines, v.scraped(), v.missed)
}

// A segmentWriter writes sessions to segments as KumoMTA does: a segment is one zstd frame,
// which reaches the file in pieces, and is made read-only at its end.
type segmentWriter struct {
	dir      string
	template string // records of a session
	random   *rand.Rand
	sessions int
	lines    int
	segments atomic.Int64
}

// run writes until stop is closed, and then ends the segment.
func (w *segmentWriter) run(stop <-chan struct{}) error {
	for {
		select {
		case <-stop:
			return nil
		default:
		}
		if err := w.segment(); err != nil {
			return err
		}
		w.segments.Add(1)
	}
}

// segment writes a segment in up to a second.
func (w *segmentWriter) segment() error {
	file, err := os.OpenFile(filepath.Join(w.dir, time.Now().UTC().Format("20060102-150405.000000000")), os.O_APPEND|os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	var packed bytes.Buffer
	z, err := zstd.NewWriter(&packed, zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false), zstd.WithWindowSize(1<<16))
	if err != nil {
		return err
	}
	for range w.random.IntN(20) {
		for range w.random.IntN(60) {
			text := strings.ReplaceAll(w.template, "ID", fmt.Sprintf("%032x", w.sessions))
			if _, err := z.Write([]byte(text)); err != nil {
				return err
			}
			w.sessions++
			w.lines += strings.Count(text, "\n")
		}
		if _, err := file.Write(packed.Next(w.random.IntN(packed.Len() + 1))); err != nil {
			return err
		}
		time.Sleep(time.Duration(w.random.IntN(100)) * time.Millisecond) // as long as a busy host does
	}
	if err := z.Close(); err != nil {
		return err
	}
	if _, err := packed.WriteTo(file); err != nil {
		return err
	}
	return file.Chmod(0o400)
}
