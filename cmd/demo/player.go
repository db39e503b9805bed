package main

import (
	"bytes"
	"compress/gzip"
	"context"
	_ "embed"
	"fmt"
	"io"
	"os"
	"slices"
	"time"
)

// The pace of the player: that of a mail host with some traffic.
const (
	batchSize     = 10 // lines written at once
	batchInterval = 100 * time.Millisecond
)

// postfixLog is the log of a real Postfix 3.7 in a laboratory. It includes the dialogues
// of a few verbose clients (smtp -v). Its addresses are private or for documentation,
// and its people are fictional. Every line begins with a time like time.Stamp.
//
//go:embed postfix.log.gz
var postfixLog []byte

// unpack returns the lines of postfixLog, each with its newline.
func unpack() ([][]byte, error) {
	unzipped, err := gzip.NewReader(bytes.NewReader(postfixLog))
	if err != nil {
		return nil, fmt.Errorf("read the bundled log: %w", err)
	}
	log, err := io.ReadAll(unzipped)
	if err != nil {
		return nil, fmt.Errorf("read the bundled log: %w", err)
	}
	return slices.Collect(bytes.Lines(log)), nil
}

// play writes lines to the file path again and again, until ctx ends. Before each further
// round it renames the file to path.1, as logrotate does, so that a demo that nobody
// stops does not fill the disk.
func play(ctx context.Context, path string, lines [][]byte) error {
	for {
		if err := playOnce(ctx, path, lines); err != nil {
			return err
		}
		if err := os.Rename(path, path+".1"); err != nil {
			return err
		}
	}
}

// playOnce creates the file path and writes lines to it, one batch per batchInterval. It
// replaces the time in each line with the current time.
func playOnce(ctx context.Context, path string, lines [][]byte) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()

	tick := time.NewTicker(batchInterval)
	defer tick.Stop()
	var out []byte
	for batch := range slices.Chunk(lines, batchSize) {
		out = out[:0]
		for _, line := range batch {
			out = time.Now().AppendFormat(out, time.Stamp)
			out = append(out, line[len(time.Stamp):]...)
		}
		if _, err := file.Write(out); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}
