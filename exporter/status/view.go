// Package status makes the page for people: what is read, what was counted, what is wrong
// and what to do about it. New makes a View from a snapshot of the counts, without I/O. A
// Page serves it as HTML.
package status

import (
	"fmt"
	"time"

	"smtp_reply_exporter/exporter/pipeline"
	"smtp_reply_exporter/logparse"
)

// About is what the page says of the exporter itself. It does not change.
type About struct {
	Name, Version string
	Host          string // where it runs
	Metrics       string // address of the metrics, relative to the page's
	Stateless     bool   // the configuration wants no state
}

// A View is what the page shows. Times are in the zone of Now.
type View struct {
	About
	Now   time.Time
	Ready bool
	// Since is when counting began; zero if there is no source.
	Since time.Time
	// Recent is the last hour, or what is known of it.
	Recent     Span
	Warnings   []Warning
	Directions []Direction
	Providers  List[Provider]
	Shapes     List[Shape]
	Sources    List[Source]
}

// A Span is a time in which replies were counted.
type Span struct {
	Begin time.Time
	Whole bool // it is an hour
}

// A List is the first of many items.
type List[T any] struct {
	Items []T
	More  int // how many are left out
}

// first returns the first n items.
func first[T any](n int, items []T) List[T] {
	if len(items) <= n {
		return List[T]{Items: items}
	}
	return List[T]{items[:n], len(items) - n}
}

// What the page shows at most of each list.
const (
	maxSources   = 20
	maxRows      = 10
	maxProviders = 10
	maxShapes    = 10
	maxNames     = 5
)

// New returns what the page shows of a snapshot. now has the time zone.
func New(about About, s *pipeline.Snapshot, hour *Hour, now time.Time) *View {
	total := sum(s)
	minutes := hour.until(s, total)
	c := counts{total: total, minutes: minutes, recent: sumOf(minutes), end: s.At}
	v := &View{
		About: about, Now: now, Ready: s.Ready,
		Recent:     span(minutes[0].begin, now),
		Directions: []Direction{c.direction(logparse.Sent), c.direction(logparse.Received)},
		Providers:  c.providers(),
		Shapes:     c.shapes(),
	}
	for i := range s.Sources {
		if began := s.Sources[i].Created; v.Since.IsZero() || began.Before(v.Since) {
			v.Since = began.In(now.Location())
		}
	}
	sources := sourcesOf(s, now)
	v.Warnings = append(c.warnings(sources, v.Recently()), stateWarnings(s, about)...)
	v.Sources = first(maxSources, sources)
	return v
}

// span returns the span from a time until now. Its minutes are a little longer than 60
// seconds.
func span(begin, now time.Time) Span {
	length := now.Sub(begin)
	return Span{begin.In(now.Location()), length > time.Hour-time.Minute && length < time.Hour+3*time.Minute}
}

// counts are what the page counts.
type counts struct {
	total, recent totals
	minutes       []minute // of recent
	end           time.Time
}

// A pair is a count of the recent time and one since the start.
type pair struct{ Recent, Total uint64 }

func (p *pair) add(q pair) { p.Recent, p.Total = p.Recent+q.Recent, p.Total+q.Total }

// main returns the recent count, or the total if there was nothing recently.
func (p pair) main() uint64 {
	if p.Recent > 0 {
		return p.Recent
	}
	return p.Total
}

func (c *counts) of(k key) pair { return pair{c.recent[k], c.total[k]} }

// less orders by what is most frequent, recently and then in all.
func less(a, b pair) int {
	switch {
	case a.Recent > b.Recent || a.Recent == b.Recent && a.Total > b.Total:
		return -1
	case a == b:
		return 0
	}
	return 1
}

// When returns a time as short as it is clear: the date only if it is another day.
func (v *View) When(t time.Time) string {
	y, m, d := t.Date()
	nowY, nowM, nowD := v.Now.Date()
	switch {
	case y != nowY:
		return t.Format("2 Jan 2006 15:04")
	case m != nowM || d != nowD:
		return t.Format("2 Jan 15:04")
	}
	return t.Format("15:04:05")
}

// Ago returns how long a time is ago.
func (v *View) Ago(t time.Time) string {
	const day = 24 * time.Hour
	ago := max(0, v.Now.Sub(t))
	switch {
	case ago < time.Minute:
		return fmt.Sprintf("%d s ago", ago/time.Second)
	case ago < time.Hour:
		return fmt.Sprintf("%d min ago", ago/time.Minute)
	case ago < 2*day:
		return fmt.Sprintf("%d h ago", ago/time.Hour)
	}
	return fmt.Sprintf("%d days ago", ago/day)
}

// Zone returns the name of the time zone.
func (v *View) Zone() string { return v.Now.Format("MST") }

// Recently returns when the recent counts were counted.
func (v *View) Recently() string {
	if v.Recent.Whole {
		return "in the last hour"
	}
	return "since " + v.When(v.Recent.Begin)
}

// RecentTitle returns the title of the column of the recent time.
func (v *View) RecentTitle() string {
	if v.Recent.Whole {
		return "last hour"
	}
	return "since " + v.Recent.Begin.Format("15:04")
}

// TotalTitle returns the title of the column of all counts.
func (v *View) TotalTitle() string {
	if v.Since.IsZero() {
		return "in all"
	}
	return "since " + v.Since.Format("2 Jan")
}

// Trouble returns how many warnings there are.
func (v *View) Trouble() int { return len(v.Warnings) }

// Well says that nothing is wrong.
func (v *View) Well() string {
	waiting := 0
	for i := range v.Sources.Items {
		if v.Sources.Items[i].State == Waiting {
			waiting++
		}
	}
	switch n := len(v.Sources.Items) + v.Sources.More; {
	case waiting == n && n > 0:
		return "The exporter waits for the first line. As mail flows, replies show here."
	case n == 1:
		return "The log is read to its end."
	default:
		return fmt.Sprintf("All %d sources are read to their ends.", n)
	}
}
