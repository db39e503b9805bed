package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"smtp_reply_exporter/exporter/classify"
	"smtp_reply_exporter/exporter/counter"
	"smtp_reply_exporter/exporter/metrics"
	"smtp_reply_exporter/exporter/pipeline"
	"smtp_reply_exporter/exporter/source"
	"smtp_reply_exporter/exporter/source/follow"
	"smtp_reply_exporter/logparse"
)

const (
	// longestStep is the longest time between samples at which every window of 5 minutes,
	// the shortest in the rules, has two.
	longestStep = 2 * time.Minute
	// longestSilence is the longest time without a line in which a log was written. In a
	// longer one there are no samples, as if the exporter had been down: a part of the log
	// may be missing.
	longestSilence = day
	// longestOverlap is how long a log may still be written to after it was rotated, or
	// how far clocks are set back in autumn.
	longestOverlap = time.Hour
)

// A history counts the lines of a log at the times at which they were logged, and writes
// the counts as samples with these times. It is a report.
type history struct {
	name    string // the label source
	step    time.Duration
	until   time.Time
	parts   map[string]part
	file    string // that is being read
	clock   clock
	counts  *counter.Source
	out     *metrics.History
	changed bool // there were lines since the last sample

	begin, next time.Time // the first sample and the next one; zero before the first time
	now         time.Time // the latest time of a line
	written     time.Time // the last sample

	timeless, late, after int // lines
	latest                time.Duration
	notUnderstood         shapes
}

// line counts a line after it has written all samples up to its time. A line that is
// earlier than the last sample counts at the time of the latest line.
func (h *history) line(at position, r *logparse.Result, labels []classify.Labels) error {
	if at.file != h.file {
		if err := h.open(at.file); err != nil {
			return err
		}
	}
	when, ok := h.clock.time(r.Envelope.Time)
	switch {
	case !ok:
		h.timeless++
	case !when.Before(h.until):
		h.after++
		return nil
	case when.Before(h.written):
		h.late++
		h.latest = max(h.latest, h.now.Sub(when))
	default:
		if when.After(h.now) {
			h.now = when
		}
		if err := h.writeUntil(when); err != nil {
			return err
		}
	}
	h.notUnderstood.line(at, r)
	h.counts.Line(r, labels, h.now)
	h.changed = true
	return nil
}

// open begins the next file.
func (h *history) open(file string) error {
	p := h.parts[file]
	if !p.begins.IsZero() && h.now.Sub(p.begins) > longestOverlap {
		return fmt.Errorf("%s begins at %s, while %s goes on to %s: they are not parts of one log; write a history of each, or merge them by time first",
			file, p.begins.Format(time.RFC3339), h.file, h.now.Format(time.RFC3339))
	}
	h.file, h.clock = file, p.clock
	return nil
}

// writeUntil writes the samples that are due before a line is counted. A sample holds what
// was logged before its time. Logs have whole seconds, so the lines of its own second may
// have come after it.
func (h *history) writeUntil(when time.Time) error {
	if h.next.IsZero() {
		h.next = when.Truncate(h.step)
		h.begin = h.next
	} else if when.Sub(h.next) > longestSilence {
		if err := h.write(h.next); err != nil {
			return err
		}
		h.next = when.Truncate(h.step)
	}
	for !h.next.After(when) {
		if err := h.write(h.next); err != nil {
			return err
		}
		h.next = h.next.Add(h.step)
	}
	return nil
}

// write writes a sample of all series.
func (h *history) write(at time.Time) error {
	if h.changed || h.written.IsZero() {
		counts := h.counts.Snapshot()
		counts.DropZeros() // the History does without them, too, but at a higher cost
		h.out.Set(&pipeline.Snapshot{Sources: []pipeline.SourceSnapshot{{
			Name: h.name, Snapshot: counts, Stats: follow.Stats{Stats: source.Stats{Up: true}},
		}}}, at.Add(-h.step))
		h.changed = false
	}
	h.written = at
	return h.out.Write(at)
}

// end writes the last sample, which has all lines, and the end of the text.
func (h *history) end() error {
	switch {
	case h.next.IsZero() && h.after > 0:
		return fmt.Errorf("no line is from before %s; check --until, --year and --timezone", h.until.Format(time.RFC3339))
	case h.next.IsZero():
		return errors.New("no line has a time that can be read; without times there is no history")
	}
	last := h.next
	if !last.Before(h.until) {
		last = h.until.Add(-time.Millisecond)
	}
	if last.After(h.written) {
		if err := h.write(last); err != nil {
			return err
		}
	}
	return h.out.Close()
}

// print says what was written, and which lines are not at their place in it.
func (h *history) print(w io.Writer) {
	h.notUnderstood.print(w)
	series, samples := h.out.Written()
	fmt.Fprintf(w, "%s: %d samples of %d series; for the recording rules: --start=%d --end=%d\n",
		name, samples, series, h.begin.Unix(), h.written.Unix())
	if h.late > 0 {
		fmt.Fprintf(w, "%s: lines logged up to %s before the lines above them: %d; they count at the time of these\n", name, h.latest.Round(time.Second), h.late)
	}
	if h.timeless > 0 {
		fmt.Fprintf(w, "%s: lines without a time that can be read: %d; they count at the time of the line above\n", name, h.timeless)
	}
	if h.after > 0 {
		fmt.Fprintf(w, "%s: lines left out because they are not from before %s (--until): %d\n", name, h.until.Format(time.RFC3339), h.after)
	}
}
