package pipeline

import (
	"time"

	"smtp_reply_exporter/exporter/counter"
	"smtp_reply_exporter/exporter/follow"
)

// A Cut is what all sources told up to one instant. It is never changed.
type Cut struct {
	Sources []SourceCut
	at      time.Time
}

// A SourceCut is one source's part of a cut.
type SourceCut struct {
	Name string
	*counter.Cut
	Stats follow.Stats
	// CaughtUp is when the source was last read to its end after it had not
	// been; zero before the first time.
	CaughtUp time.Time
}

// Cut returns the present counts. Scrapes within a second of one another share
// one.
func (p *Pipeline) Cut() *Cut {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if p.cut != nil && now.Sub(p.cut.at) < cutAge {
		return p.cut
	}
	cut := &Cut{at: now}
	for _, s := range p.sources {
		cut.Sources = append(cut.Sources, SourceCut{
			Name: s.name, Cut: s.counts.Cut(), Stats: s.total(), CaughtUp: s.caughtUp,
		})
	}
	p.cut = cut
	return cut
}

// Ready tells whether every source has been looked at, so that nothing that is
// logged from now on is missed.
func (p *Pipeline) Ready() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.polled
}
