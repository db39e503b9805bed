package pipeline

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"smtp_reply_exporter/exporter/access"
	"smtp_reply_exporter/exporter/config"
	"smtp_reply_exporter/exporter/counter"
	"smtp_reply_exporter/exporter/source/follow"
)

// catchUpTime is how long Ready stays false at most after a start from a state, until
// the sources have caught up with the last answer before it.
const catchUpTime = 30 * time.Second

// missingTime is how long Ready stays false for a missing log: a rotation may have
// renamed it a moment ago, with lines that the last answer counted.
const missingTime = 5 * time.Second

// A Snapshot holds the counts of all sources at one instant. It never changes, so it is
// safe for concurrent use.
type Snapshot struct {
	Sources []SourceSnapshot
	State   *StateSnapshot // nil if no state is kept
	At      time.Time
	Ready   bool // the Pipeline was Ready
}

// A SourceSnapshot is one source's part of a snapshot.
type SourceSnapshot struct {
	Name   string
	Config *config.Source
	*counter.Snapshot
	Stats follow.Stats // for a feed, only the embedded source.Stats
	// CaughtUp is when a backlog was last counted; zero before the first time.
	CaughtUp time.Time
	Current  time.Time // when the source was last read to its end; zero before the first time
	Err      error     // why the source, or one of its logs, cannot be read
}

// A StateSnapshot describes the state file.
type StateSnapshot struct {
	// Durable reports whether a crash from now on loses nothing of this snapshot.
	Durable           bool
	Commits, Failures uint64
	Committed         time.Time // when the last commit succeeded; zero before the first
	Failure           error     // of the last commit
}

// take returns a snapshot and, if a state is kept, the state to resume from it.
func (p *Pipeline) take(now time.Time) (*Snapshot, *saved) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keepPace(now)
	snapshot := p.snapshot(now)
	p.look(snapshot)
	if p.committer.file == nil {
		return snapshot, nil
	}
	return snapshot, p.save(snapshot)
}

func (p *Pipeline) snapshot(now time.Time) *Snapshot {
	snapshot := &Snapshot{At: now, Ready: p.ready()}
	for _, in := range p.sources {
		snapshot.Sources = append(snapshot.Sources, SourceSnapshot{
			Name: in.name, Config: in.config, Snapshot: in.counts.Snapshot(), Stats: in.total(),
			CaughtUp: in.caughtUp, Current: in.current, Err: p.failure(in),
		})
	}
	return snapshot
}

// failure returns why an input cannot be read.
func (p *Pipeline) failure(in *input) error {
	if in.feed != nil {
		return in.feed.Err()
	}
	return p.follower.Err(in.file)
}

// Ready reports whether the Pipeline misses no line that is logged from now on and, if
// it resumed from a state, whether its counts have caught up with the last answer
// before. It has caught up once all sources have been read to their ends, and a missing
// log has been missing for 5 seconds, or after 30 seconds in any case.
func (p *Pipeline) Ready() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ready()
}

// Blind returns why no source is up; nil if one is.
func (p *Pipeline) Blind() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var causes []error
	for _, in := range p.sources {
		if in.stats.Up {
			return nil
		}
		causes = append(causes, fmt.Errorf("source %s: %w", in.name, cmp.Or(access.Explain(p.failure(in)), errUnread)))
	}
	return errors.Join(causes...)
}

var errUnread = errors.New("not read yet")

func (p *Pipeline) ready() bool {
	if !p.polled || p.resumed.IsZero() || p.now.Sub(p.resumed) > catchUpTime {
		return p.polled
	}
	for _, in := range p.sources {
		missing := in.feed == nil && in.stats.Files == 0 && !in.stats.Up // all segments may be read
		if missing && p.now.Sub(p.resumed) < missingTime || in.rereads() && !in.stats.CaughtUp {
			return false
		}
	}
	return true
}
