package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"smtp_reply_exporter/exporter/source"
	"smtp_reply_exporter/exporter/source/follow"
	"smtp_reply_exporter/logparse"
)

// A part is one file of a log.
type part struct {
	clock  clock     // as it was before the first line
	begins time.Time // the time of the first line that has one; zero if there is none
}

// inOrder returns files in the order of their first lines, and the part that each of them
// is. Files that cannot be read, and those without a line, come first. The year is 0 if it
// is not known. newParser returns a parser for one file.
func inOrder(files []string, year int, zone *time.Location, newParser func() *logparse.Parser) ([]string, map[string]part, error) {
	parts := map[string]part{}
	var sorted []string
	for _, file := range files {
		if _, given := parts[file]; given {
			return nil, nil, fmt.Errorf("%s is given twice", file)
		}
		p := part{clock: clock{zone: zone, year: year, wrote: time.Now()}}
		switch {
		case file != stdin:
			if err := p.look(file, newParser()); err != nil {
				return nil, nil, err
			}
		case len(files) > 1:
			return nil, nil, errors.New("standard input cannot be put in the order of time with files; give - alone")
		}
		parts[file] = p
		sorted = append(sorted, file)
	}
	slices.SortStableFunc(sorted, func(a, b string) int { return parts[a].begins.Compare(parts[b].begins) })
	return sorted, parts, nil
}

// look sets when the part begins and when the file was written to. It returns an error if
// no line has a time, but none if the file cannot be read: who reads all of it has that
// error too.
func (p *part) look(file string, parser *logparse.Parser) error {
	f, _, err := openLog(file)
	if err != nil {
		return nil
	}
	defer f.Close()
	if info, err := os.Stat(file); err == nil {
		p.clock.wrote = info.ModTime()
	}
	text, err := follow.Decompress(f)
	if err != nil {
		return nil
	}
	lines := bufio.NewReaderSize(text, source.MaxLine+1)
	for n := 1; ; n++ {
		line, _, err := readLine(lines)
		last := errors.Is(err, io.EOF)
		if err != nil && !last || last && n == 1 && len(line) == 0 {
			return nil
		}
		r, c := parser.Parse(line), p.clock
		if at, ok := c.time(r.Envelope.Time); ok {
			p.begins = at
			return nil
		}
		if last {
			return fmt.Errorf("%s: no line has a time that can be read; without times there is no history", file)
		}
	}
}
