package config

import (
	"bytes"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"smtp_reply_exporter/logparse"
)

// Of so much of its end, and so many files of a glob, is a log looked at for the
// MTAs that write it.
const (
	tailSize  = 64 << 10
	tailFiles = 100
)

// MTAsIn returns the MTAs of the last lines of the files that match a path or
// glob. Files that can't be read have none, and so has what is no regular file.
func MTAsIn(glob string, p *logparse.Parser) []string {
	found := map[string]bool{}
	files, _ := filepath.Glob(glob)
	for _, file := range files[:min(len(files), tailFiles)] {
		for line := range bytes.SplitSeq(tail(file), []byte("\n")) {
			if mta := p.Parse(line).MTA; mta != "" {
				found[mta] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// tail returns the last lines of a regular file.
func tail(file string) []byte {
	if info, err := os.Stat(file); err != nil || !info.Mode().IsRegular() {
		return nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil
	}
	buffer := make([]byte, min(size, tailSize))
	n, _ := f.ReadAt(buffer, size-int64(len(buffer)))
	if size > tailSize { // begins within a line
		_, lines, _ := bytes.Cut(buffer[:n], []byte("\n"))
		return lines
	}
	return buffer[:n]
}
