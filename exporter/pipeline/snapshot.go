package pipeline

import (
	"time"

	"smtp_reply_exporter/exporter/counter"
)

// catchUpTime is how long scrapes are held off after a start that goes on from
// a state, until the sources are where they were answered for.
const catchUpTime = 30 * time.Second

// missingTime is how long they are held off for a log that is missing: a rotation
// may have renamed it a moment ago, with lines that were answered for.
const missingTime = 5 * time.Second

// A Snapshot is what all sources told up to one instant. It is never changed.
type Snapshot struct {
	Sources []SourceSnapshot
	State   *StateSnapshot // nil where no state is kept
	at      time.Time
}

// A SourceSnapshot is one source's part of a snapshot.
type SourceSnapshot struct {
	Name string
	*counter.Snapshot
	Stats Stats
	// CaughtUp is when the source was last read to its end after it had not
	// been; zero before the first time.
	CaughtUp time.Time
}

// A StateSnapshot is what is known of the state file.
type StateSnapshot struct {
	// Durable is true if a crash from now on loses nothing of this snapshot.
	Durable           bool
	Commits, Failures uint64
	Committed         time.Time // when the last commit succeeded; zero before the first one
}

// take returns the present counts, and with them all that is needed to count on.
func (p *Pipeline) take(now time.Time) (*Snapshot, *saved) {
	p.mu.Lock()
	defer p.mu.Unlock()
	snapshot := &Snapshot{at: now}
	for _, s := range p.sources {
		snapshot.Sources = append(snapshot.Sources, SourceSnapshot{
			Name: s.name, Snapshot: s.counts.Snapshot(), Stats: s.total(), CaughtUp: s.caughtUp,
		})
	}
	if p.file == nil {
		return snapshot, nil
	}
	return snapshot, p.save(snapshot)
}

// Ready reports whether what is logged from now on will not be missed and, where
// counting went on from a state, whether no count is behind what was answered
// before: the sources have been read to their ends, or for 30 seconds, and a log
// that is missing has been so for five.
func (p *Pipeline) Ready() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.polled || p.resumed.IsZero() || p.now.Sub(p.resumed) > catchUpTime {
		return p.polled
	}
	for _, s := range p.sources {
		missing := s.feed == nil && s.stats.Files == 0
		if missing && p.now.Sub(p.resumed) < missingTime || s.stats.Files > 0 && !s.stats.CaughtUp {
			return false
		}
	}
	return true
}
