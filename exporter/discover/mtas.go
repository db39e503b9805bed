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

// The limits on what MTAs reads.
const (
	tailSize  = 64 << 10 // bytes at the end of each file
	tailFiles = 100      // files of a glob
)

// MTAs returns the MTAs, sorted, of the last lines in the files that match a path or
// glob, as p parses them. If they show none, as just after a rotation, it returns those
// of the file that the log was last rotated to. It ignores files that are not regular or
// that it cannot read.
func MTAs(glob string, p *logparse.Parser) []string {
	files, _ := filepath.Glob(glob)
	if found := mtasIn(files, p); len(found) > 0 || glob == "" {
		return found
	}
	return mtasIn([]string{lastRotated(glob)}, p)
}

func mtasIn(files []string, p *logparse.Parser) []string {
	found := map[string]bool{}
	for _, file := range files[:min(len(files), tailFiles)] {
		for line := range bytes.SplitSeq(tail(file), []byte("\n")) {
			if mta := p.Parse(line).MTA; mta != "" {
				found[mta] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// tail returns the last lines of a regular file; nil for any other file.
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
	if size > tailSize { // buffer begins within a line
		_, lines, _ := bytes.Cut(buffer[:n], []byte("\n"))
		return lines
	}
	return buffer[:n]
}
