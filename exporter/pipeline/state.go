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

// saved is the content of the state file, encoded as gob. Fields may be added. A field
// with a new name or meaning needs a new state.Version. saved is one snapshot: the
// counts, the positions up to which they count, and the parsers' states there.
type saved struct {
	Sources   []savedSource
	Positions []follow.Position
	Pace      time.Duration // of the snapshots; 0 in the state of an older exporter
}

type savedSource struct {
	Name     string
	Snapshot *counter.Snapshot
	Stats    follow.Stats
	CaughtUp time.Time
	Parsers  map[string]savedParser // by path
	Journal  journal.Position
	File     string    // path or glob; "" if it follows none, and in the state of an older exporter
	Current  time.Time // when it was last read to its end; zero in the state of an older exporter
}

type savedParser struct {
	State []byte
	Used  time.Time
}

// source returns the state of a source; nil if there is none.
func (s *saved) source(name string) *savedSource {
	for i := range s.Sources {
		if s.Sources[i].Name == name {
			return &s.Sources[i]
		}
	}
	return nil
}

// save returns the state that belongs to a snapshot. The caller holds the lock.
func (p *Pipeline) save(snapshot *Snapshot) *saved {
	s := &saved{Positions: p.follower.Positions(), Pace: p.pace}
	for i, in := range p.sources {
		s.Sources = append(s.Sources, in.save(&snapshot.Sources[i]))
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

// decode reads a state that was written by a version of the state file.
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
		return nil, fmt.Errorf("the state was written by another version and cannot be read; move its file away to start from zero: %w", err)
	}
	return &s, nil
}

// check returns an error for a state that no exporter writes.
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
