package discover

import (
	"bytes"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"smtp_reply_exporter/logparse"
)

// How much is read to find the MTAs of a log.
const (
	tailSize  = 64 << 10 // bytes at the end of each file
	tailFiles = 100      // files of a glob
)

// MTAs returns, sorted, the MTAs of the last lines of the files that match a path
// or glob, as p parses them. Files that cannot be read, or are not regular, have
// none.
func MTAs(glob string, p *logparse.Parser) []string {
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

// tail returns the last lines of a regular file, and nothing of any other.
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
	if size > tailSize { // it begins within a line
		_, lines, _ := bytes.Cut(buffer[:n], []byte("\n"))
		return lines
	}
	return buffer[:n]
}
