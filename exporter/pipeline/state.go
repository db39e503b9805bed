package pipeline

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"time"

	"smtp_reply_exporter/exporter/counter"
	"smtp_reply_exporter/exporter/source/follow"
	"smtp_reply_exporter/exporter/source/journal"
)

// saved is what the state file holds, as gob: fields may be added. It is one
// cut: the counts, the positions up to which they count, and what parsers
// remember there.
type saved struct {
	Sources   []savedSource
	Positions []follow.Position
}

type savedSource struct {
	Name     string
	Cut      *counter.Cut
	Stats    Stats
	CaughtUp time.Time
	Parsers  map[string]savedParser // by path
	Journal  journal.Position
}

type savedParser struct {
	State []byte
	Used  time.Time
}

// save returns the state that belongs to a cut. The caller holds the lock.
func (p *Pipeline) save(cut *Cut) *saved {
	s := &saved{Positions: p.follower.Positions()}
	for i, source := range p.sources {
		c := &cut.Sources[i]
		counts := *c.Cut // the sums can be made again
		counts.Sent, counts.Received, counts.SentByReason, counts.ReceivedByReason = nil, nil, nil, nil
		s.Sources = append(s.Sources, savedSource{source.name, &counts, c.Stats, c.CaughtUp, source.remember(), source.position()})
	}
	return s
}

func (s *saved) encode() ([]byte, error) {
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(s); err != nil {
		return nil, fmt.Errorf("encode the state: %w", err)
	}
	return b.Bytes(), nil
}

// restore makes the pipeline go on from a state.
func (p *Pipeline) restore(payload []byte) ([]follow.Position, error) {
	var s saved
	if err := gob.NewDecoder(bytes.NewReader(payload)).Decode(&s); err != nil {
		return nil, fmt.Errorf("the state was written by another version and cannot be read: move its file away to begin anew: %w", err)
	}
	for _, saved := range s.Sources {
		before := saved.Stats
		before.Up, before.CaughtUp, before.Files, before.BehindBytes = false, false, 0, 0
		p.sources = append(p.sources, &source{
			name: saved.Name, before: before, caughtUp: saved.CaughtUp,
			saved: saved.Cut, savedParsers: saved.Parsers, journal: saved.Journal,
		})
	}
	p.resumed = time.Now()
	return s.Positions, nil
}
