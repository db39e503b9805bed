package status

import (
	"time"

	"smtp_reply_exporter/exporter/pipeline"
)

// maxMinutes is how many minutes an Hour remembers: one more than it shows, since they
// are a little longer than 60 seconds.
const maxMinutes = 61

// An Hour remembers what was counted in each of the last minutes. It needs memory only
// for what has changed. The zero Hour has seen nothing. It is not safe for concurrent use.
type Hour struct {
	minutes []minute             // oldest first
	sources map[string]time.Time // of the last snapshot: when each began to count
	last    totals
	end     time.Time // of the last minute
}

// A minute is what was counted between two snapshots.
type minute struct {
	begin, end time.Time
	counts     totals
}

// Add adds the minute that ends with a snapshot. Call it once a minute. If sources were
// removed or have begun anew since the last one, the Hour begins anew: nobody knows what
// they had counted last.
func (h *Hour) Add(s *pipeline.Snapshot) {
	t := sum(s)
	if h.last == nil || !h.continues(s) {
		h.minutes = nil
	} else {
		if len(h.minutes) == maxMinutes {
			h.minutes = append(h.minutes[:0], h.minutes[1:]...)
		}
		h.minutes = append(h.minutes, minute{h.end, s.At, t.since(h.last)})
	}
	h.last, h.end = t, s.At
	h.sources = make(map[string]time.Time, len(s.Sources))
	for i := range s.Sources {
		h.sources[s.Sources[i].Name] = s.Sources[i].Created
	}
}

// continues reports whether a snapshot has all sources of the last one.
func (h *Hour) continues(s *pipeline.Snapshot) bool {
	known := 0
	for i := range s.Sources {
		if began, ok := h.sources[s.Sources[i].Name]; ok && began.Equal(s.Sources[i].Created) {
			known++
		}
	}
	return known == len(h.sources)
}

// until returns the minutes that begin at most an hour before a snapshot, and the one that
// is not over yet, with t, the snapshot's sum.
func (h *Hour) until(s *pipeline.Snapshot, t totals) []minute {
	if h.last == nil || !h.continues(s) {
		return []minute{{s.At, s.At, totals{}}}
	}
	first := 0
	for first < len(h.minutes) && s.At.Sub(h.minutes[first].end) >= time.Hour {
		first++
	}
	return append(h.minutes[first:len(h.minutes):len(h.minutes)], minute{h.end, s.At, t.since(h.last)})
}

// sumOf returns what was counted in some minutes.
func sumOf(minutes []minute) totals {
	t := totals{}
	for _, m := range minutes {
		for k, n := range m.counts {
			t[k] += n
		}
	}
	return t
}
