package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"

	"smtp_reply_exporter/logparse"
)

// shapes counts the lines that were not understood.
type shapes map[shape]shapeCount

type shape struct{ mta, name string }

type shapeCount struct {
	lines   int
	example position // the first line
}

// line takes the result of a line.
func (s shapes) line(at position, r *logparse.Result) {
	if r.Outcome != logparse.NotUnderstood {
		return
	}
	key := shape{r.MTA, r.Shape}
	c, ok := s[key]
	if !ok {
		c.example = at
	}
	c.lines++
	s[key] = c
}

// print writes a table, if there are such lines. It ignores write errors.
func (s shapes) print(out io.Writer) {
	if len(s) == 0 {
		return
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	defer w.Flush()
	total := 0
	for _, c := range s {
		total += c.lines
	}
	fmt.Fprintf(w, "Lines that look like replies and were not understood: %d\n", total)
	fmt.Fprintf(w, "MTA\tSHAPE\t%9s\tEXAMPLE\n", "COUNT")
	sorted := slices.SortedFunc(maps.Keys(s), func(a, b shape) int {
		return cmp.Or(cmp.Compare(s[b].lines, s[a].lines), cmp.Compare(a.mta, b.mta), cmp.Compare(a.name, b.name))
	})
	for _, shape := range sorted {
		c := s[shape]
		fmt.Fprintf(w, "%s\t%s\t%9d\t%s:%d\n", shape.mta, shape.name, c.lines, c.example.file, c.example.line)
	}
	fmt.Fprintln(w)
}
