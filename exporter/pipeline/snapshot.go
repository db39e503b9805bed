package pipeline

import (
	"time"

	"smtp_reply_exporter/exporter/counter"
	"smtp_reply_exporter/exporter/source/follow"
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
	Stats follow.Stats // of feeds what all sources have
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
	snapshot := p.snapshot(now)
	if p.committer.file == nil {
		return snapshot, nil
	}
	return snapshot, p.save(snapshot)
}

func (p *Pipeline) snapshot(now time.Time) *Snapshot {
	snapshot := &Snapshot{at: now}
	for _, in := range p.sources {
		snapshot.Sources = append(snapshot.Sources, SourceSnapshot{
			Name: in.name, Snapshot: in.counts.Snapshot(), Stats: in.total(), CaughtUp: in.caughtUp,
		})
	}
	return snapshot
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
	for _, in := range p.sources {
		missing := in.feed == nil && in.stats.Files == 0
		if missing && p.now.Sub(p.resumed) < missingTime || in.rereads() && !in.stats.CaughtUp {
			return false
		}
	}
	return true
}
