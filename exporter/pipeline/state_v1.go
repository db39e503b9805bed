package pipeline

import (
	"time"

	"smtp_reply_exporter/exporter/counter"
	"smtp_reply_exporter/exporter/source/follow"
	"smtp_reply_exporter/exporter/source/journal"
)

// savedV1 is the state of version 1. Gob identifies fields by their names, so these must
// not change.
type savedV1 struct {
	Sources   []savedSourceV1
	Positions []follow.Position
}

type savedSourceV1 struct {
	Name  string
	Cut   *counter.Snapshot
	Stats struct {
		Stats     struct{ ReadBytes, Rotations, Truncations, LostBytes int64 }
		Dropped   map[string]int64
		LostLines int64
	}
	CaughtUp time.Time
	Parsers  map[string]savedParser
	Journal  journal.Position
}

// migrate converts the state to the current version.
func (s *savedV1) migrate() *saved {
	migrated := &saved{Positions: s.Positions}
	for _, old := range s.Sources {
		source := savedSource{
			Name: old.Name, Snapshot: old.Cut, CaughtUp: old.CaughtUp, Parsers: old.Parsers, Journal: old.Journal,
		}
		stats := &source.Stats
		stats.ReadBytes, stats.LostBytes, stats.LostLines = old.Stats.Stats.ReadBytes, old.Stats.Stats.LostBytes, old.Stats.LostLines
		stats.Rotations, stats.Truncations, stats.Dropped = old.Stats.Stats.Rotations, old.Stats.Stats.Truncations, old.Stats.Dropped
		migrated.Sources = append(migrated.Sources, source)
	}
	return migrated
}
