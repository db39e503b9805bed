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

// saved is what the state file holds, as gob: fields may be added, and one that
// gets another name or meaning needs another version (state.Version). It is one
// snapshot: the counts, the positions up to which they count, and what parsers
// remember there.
type saved struct {
	Sources   []savedSource
	Positions []follow.Position
}

type savedSource struct {
	Name     string
	Snapshot *counter.Snapshot
	Stats    Stats
	CaughtUp time.Time
	Parsers  map[string]savedParser // by path
	Journal  journal.Position
}

type savedParser struct {
	State []byte
	Used  time.Time
}

// save returns the state that belongs to a snapshot. The caller holds the lock.
func (p *Pipeline) save(snapshot *Snapshot) *saved {
	s := &saved{Positions: p.follower.Positions()}
	for i, source := range p.sources {
		c := &snapshot.Sources[i]
		counts := *c.Snapshot // the sums can be made again
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

// decode reads a state that was written as a version of the state file.
func decode(payload []byte, version uint64) (*saved, error) {
	var s saved
	var old savedV1
	decoder := gob.NewDecoder(bytes.NewReader(payload))
	var err error
	if version == 1 {
		err = decoder.Decode(&old)
		s = *old.migrate()
	} else {
		err = decoder.Decode(&s)
	}
	if err == nil {
		err = s.check()
	}
	if err != nil {
		return nil, fmt.Errorf("the state was written by another version and cannot be read: move its file away to begin anew: %w", err)
	}
	return &s, nil
}

// check finds what no exporter writes.
func (s *saved) check() error {
	for _, source := range s.Sources {
		if source.Snapshot == nil {
			return fmt.Errorf("source %q has no counts", source.Name)
		}
	}
	for _, position := range s.Positions {
		if !position.Valid() {
			return fmt.Errorf("%q has no valid position", position.Path)
		}
	}
	return nil
}

// restore makes the pipeline go on from a state.
func (p *Pipeline) restore(payload []byte, version uint64) ([]follow.Position, error) {
	s, err := decode(payload, version)
	if err != nil {
		return nil, err
	}
	for _, saved := range s.Sources {
		before := saved.Stats
		before.Up, before.CaughtUp, before.Files, before.BehindBytes = false, false, 0, 0
		p.sources = append(p.sources, &source{
			name: saved.Name, before: before, caughtUp: saved.CaughtUp,
			saved: saved.Snapshot, savedParsers: saved.Parsers, journal: saved.Journal,
		})
	}
	p.resumed = time.Now()
	return s.Positions, nil
}
