package discover

import (
	"bytes"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"smtp_reply_exporter/exporter/source/follow"
	"smtp_reply_exporter/logparse"
)

// The limits on what MTAs reads.
const (
	tailSize  = 64 << 10 // bytes at the end of each file, or at the beginning of a compressed one
	tailFiles = 100      // files of a glob, the last ones
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
	for _, file := range files[max(0, len(files)-tailFiles):] {
		for line := range bytes.SplitSeq(tail(file), []byte("\n")) {
			if mta := p.Parse(line).MTA; mta != "" {
				found[mta] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// tail returns the last lines of a regular file, or the first ones if it is compressed; nil
// for any other file.
func tail(file string) []byte {
	if info, err := os.Stat(file); err != nil || !info.Mode().IsRegular() {
		return nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil
	}
	defer f.Close()
	if follow.Compressed(f) {
		return head(f)
	}
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

// head returns the first lines of a compressed file, which may be damaged.
func head(f *os.File) []byte {
	text, err := follow.Decompress(f)
	if err != nil {
		return nil
	}
	buffer := make([]byte, tailSize)
	n, _ := io.ReadFull(text, buffer)
	return buffer[:bytes.LastIndexByte(buffer[:n], '\n')+1]
}
