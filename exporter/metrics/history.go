package metrics

import (
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"smtp_reply_exporter/exporter/pipeline"
)

// gaugeInterval is how often a gauge that stays the same is written. Prometheus looks 5
// minutes back for the last sample of a series.
const gaugeInterval = 4 * time.Minute

// A History writes snapshots as samples with timestamps, in the OpenMetrics text that
// promtool tsdb create-blocks-from openmetrics reads. It has the series of a Collector, but
// for counters that are still 0: one of these begins with the 0 before its first count, so
// that increase() sees that count too. The samples of each series are in the order of time,
// but those of a family are not together. It is not safe for concurrent use.
type History struct {
	out     io.Writer
	labels  string // of all series
	series  []series
	index   map[string]int // of series, by text
	samples int
	line    []byte // that is being written
	failed  error
}

// A series is one with its current value.
type series struct {
	text    string // name{labels}
	value   float64
	gauge   bool
	written time.Time // if it is a gauge, the last time at which it was written
}

// validLabel matches the names of labels that are not Prometheus' own.
var validLabel = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

// CheckLabel returns an error if a label cannot be one that Prometheus gives all series of a
// target.
func CheckLabel(name, value string) error {
	switch {
	case !validLabel.MatchString(name) || strings.HasPrefix(name, "__"):
		return fmt.Errorf("%q is not the name of a label; use letters, digits and _, such as job", name)
	case described.labels[name]:
		return fmt.Errorf("%q is a label of the exporter's own; name it in another way", name)
	case value == "" || !utf8.ValidString(value):
		return fmt.Errorf("%q is no value of %s", value, name)
	}
	return nil
}

// NewHistory returns a History that writes to out. All series get the labels, which
// CheckLabel accepts.
func NewHistory(out io.Writer, labels map[string]string) *History {
	h := &History{out: out, index: map[string]int{}}
	var text []byte
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		text = appendLabel(text, name, labels[name])
	}
	h.labels = string(text)
	return h
}

// Set sets the values that Write writes to those of a snapshot. A counter with its first
// count gets a sample 0 at the time before, which lies after all others of it.
func (h *History) Set(s *pipeline.Snapshot, before time.Time) {
	metrics := make(chan prometheus.Metric, 1024)
	go func() {
		NewCollector(s).Collect(metrics)
		close(metrics)
	}()
	known := len(h.series)
	for m := range metrics {
		h.set(m)
	}
	slices.SortFunc(h.series[known:], func(a, b series) int { return strings.Compare(a.text, b.text) })
	for i := known; i < len(h.series); i++ {
		s := &h.series[i]
		h.index[s.text] = i
		if !s.gauge {
			h.sample(s.text, 0, before)
		}
	}
}

// set sets the value of one series.
func (h *History) set(m prometheus.Metric) {
	var d dto.Metric
	if err := m.Write(&d); err != nil {
		h.failed = err
		return
	}
	value, gauge := d.GetCounter().GetValue(), d.Gauge != nil
	if gauge {
		value = d.GetGauge().GetValue()
	} else if value == 0 {
		return
	}
	text := append(h.line[:0], described.names[m.Desc()]...)
	text = append(append(text, '{'), h.labels...)
	for _, l := range d.Label {
		if l.GetValue() != "" {
			text = appendLabel(text, l.GetName(), l.GetValue())
		}
	}
	text = append(text, '}')
	h.line = text
	i, known := h.index[string(text)]
	if !known {
		h.series = append(h.series, series{text: string(text), value: value, gauge: gauge})
		return
	}
	s := &h.series[i]
	if s.value != value {
		s.value, s.written = value, time.Time{}
	}
}

// Write writes a sample of each series. at lies after the last call's. Samples have
// milliseconds.
func (h *History) Write(at time.Time) error {
	for i := range h.series {
		s := &h.series[i]
		if s.gauge {
			if at.Sub(s.written) < gaugeInterval {
				continue
			}
			s.written = at
		}
		h.sample(s.text, s.value, at)
	}
	return h.failed
}

// Close writes the end, without which promtool refuses the text.
func (h *History) Close() error {
	if h.failed == nil {
		_, h.failed = io.WriteString(h.out, "# EOF\n")
	}
	return h.failed
}

// Written returns how many series and samples were written.
func (h *History) Written() (series, samples int) { return len(h.series), h.samples }

func (h *History) sample(series string, value float64, at time.Time) {
	line := append(append(h.line[:0], series...), ' ')
	line = append(strconv.AppendFloat(line, value, 'g', -1, 64), ' ')
	ms := at.UnixMilli()
	line = strconv.AppendInt(line, ms/1000, 10)
	if ms %= 1000; ms != 0 {
		line = fmt.Appendf(line, ".%03d", ms)
	}
	h.line = append(line, '\n')
	h.samples++
	if h.failed == nil {
		_, h.failed = h.out.Write(h.line)
	}
}

// labelEscapes are those of OpenMetrics, which does not know strconv.Quote's others.
var labelEscapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// appendLabel appends name="value", after a comma unless it is the first.
func appendLabel(text []byte, name, value string) []byte {
	if len(text) > 0 && text[len(text)-1] != '{' {
		text = append(text, ',')
	}
	text = append(append(text, name...), '=', '"')
	return append(append(text, labelEscapes.Replace(value)...), '"')
}
