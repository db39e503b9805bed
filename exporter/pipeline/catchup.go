package pipeline

import (
	"time"

	"smtp_reply_exporter/exporter/config"
)

// A backlog is what was logged while nobody counted. It enters the counters at once, so
// that a rule sees hours of it in one window. A source catches up, and alerts hold off,
// when it reads something
//
//   - more than maxGap after it was last read to its end: because the exporter was down,
//     or because the log or journal could not be read. What a gap of maxGap held is at
//     most a sixth of the shortest window of the bundled rules, 30 minutes. A restart is
//     shorter, and so is not a catch-up.
//   - or that no mail server can have logged in the meantime: more than maxRate bytes a
//     second, and than maxBurst. Somebody has appended old lines.
//
// The time without a file is no gap, since nothing is logged then. A first start is
// none, except with start: beginning.
const (
	// maxGap is gapScrapes usual intervals between scrapes, which is from 30 seconds to
	// longestGap: who scrapes every second has short windows.
	gapScrapes = 30
	longestGap = 5 * time.Minute
	slowest    = longestGap / gapScrapes // the longest interval that counts
	paceWeight = 8                       // one interval changes the usual one by an eighth

	maxBurst = 4 << 20 // bytes; what the sources read in one poll
	maxRate  = 1 << 20 // bytes a second, some 6,000 lines
)

// progress is how far a source is behind.
type progress struct {
	caughtUp time.Time // when a backlog was last counted
	current  time.Time // when the source was last read to its end
	backlog  int64     // bytes read since then
	returned time.Time // when a source that others send to was there again after a gap
}

// catchUp makes alerts hold off, because the counters have jumped.
func (p *progress) catchUp(now time.Time) { p.caughtUp = now }

// read notes that n more bytes were read. pushed reports whether others send them: these
// send what they kept while the source was away some time after its return.
func (p *progress) read(n int64, now time.Time, maxGap time.Duration, pushed bool) {
	gap := max(0, now.Sub(p.current)) // the clock may have been set back
	p.backlog += n
	late := gap > maxGap || p.backlog > maxBurst+int64(gap.Seconds()*maxRate)
	if late && pushed {
		p.returned = now
	}
	if n > 0 && (late || now.Sub(p.returned) < longestGap) {
		p.catchUp(now)
	}
}

// atEnd notes that the source is read to its end.
func (p *progress) atEnd(now time.Time) { p.current, p.backlog = now, 0 }

// progress returns the progress of a source that resumes from its state.
func (s *savedSource) progress(sc *config.Source) progress {
	p := progress{caughtUp: s.CaughtUp, current: s.Current}
	switch {
	case s.File != sc.File && sc.Start == config.Beginning: // another log, of unknown age
		p.current = time.Time{}
	case p.current.IsZero(): // an older exporter's: no later than this
		p.current = s.Snapshot.LastLine
	}
	return p
}

// keepPace adjusts the usual interval between snapshots. Scrapes within snapshotAge
// share one.
func (p *Pipeline) keepPace(now time.Time) {
	if !p.taken.IsZero() {
		interval := min(max(now.Sub(p.taken), snapshotAge), slowest)
		p.pace += (interval - p.pace) / paceWeight
	}
	p.taken = now
}

// maxGap returns how long a source may go unread without a catch-up.
func (p *Pipeline) maxGap() time.Duration { return gapScrapes * p.pace }
