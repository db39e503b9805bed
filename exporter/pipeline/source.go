package pipeline

import (
	"log/slog"
	"maps"
	"time"

	"smtp_reply_exporter/exporter/config"
	"smtp_reply_exporter/exporter/counter"
	"smtp_reply_exporter/exporter/source/follow"
	"smtp_reply_exporter/exporter/source/journal"
	"smtp_reply_exporter/logparse"
)

// A source is one source of the configuration, with what goes on when the
// configuration is read again.
type source struct {
	name      string
	config    *config.Source
	feed      feed // nil for files
	file      int  // index of the Follower's source, for files
	counts    *counter.Source
	newParser func() *logparse.Parser // for the configured MTA
	parsers   map[string]*parser      // by path: each file has its own sessions
	stats     Stats                   // of the present Follower or feed
	before    Stats                   // of those before it
	caughtUp  time.Time

	// Of the state that the source goes on from, until it is configured.
	saved        *counter.Snapshot
	savedParsers map[string]savedParser

	journal journal.Position // where the last feed left off
}

type parser struct {
	*logparse.Parser
	used time.Time
}

// Stats are what is known of a source besides what its lines told.
type Stats struct {
	follow.Stats
	Dropped   map[string]int64 // messages, by cause; of feeds
	LostLines int64            // that journald says it suppressed, by a message of its own
}

// total adds what was counted before the present Follower or feed.
func (s *source) total() Stats {
	t := s.stats
	t.ReadBytes += s.before.ReadBytes
	t.Rotations += s.before.Rotations
	t.Truncations += s.before.Truncations
	t.LostBytes += s.before.LostBytes
	t.LostLines += s.before.LostLines
	t.Dropped = maps.Clone(t.Dropped)
	for cause, n := range s.before.Dropped {
		if t.Dropped == nil {
			t.Dropped = map[string]int64{}
		}
		t.Dropped[cause] += n
	}
	return t
}

// restart makes the sums go on under another Follower or feed. Whether the
// source is up and caught up stays as it was.
func (s *source) restart() {
	s.before = s.total()
	s.stats.ReadBytes, s.stats.Rotations, s.stats.Truncations, s.stats.LostBytes = 0, 0, 0, 0
	s.stats.Dropped, s.stats.LostLines = nil, 0
}

// update notes what the Follower or feed knows after a poll.
func (s *source) update(stats Stats, now time.Time) {
	if lost := stats.LostLines - s.stats.LostLines; lost > 0 {
		s.counts.Lost(logparse.Journald, int(lost), now)
	}
	if stats.CaughtUp && !s.stats.CaughtUp {
		s.caughtUp = now
	}
	s.stats = stats
}

// parser returns the parser of a path.
func (s *source) parser(path string, now time.Time) *logparse.Parser {
	p := s.parsers[path]
	if p == nil {
		p = &parser{Parser: s.newParser()}
		s.parsers[path] = p
	}
	p.used = now
	return p.Parser
}

// remember returns what the parsers remember.
func (s *source) remember() map[string]savedParser {
	if s.savedParsers != nil {
		return s.savedParsers
	}
	saved := map[string]savedParser{}
	for path, p := range s.parsers {
		// Of a Parser that could not be saved the next one remembers nothing.
		if state, err := p.MarshalBinary(); err == nil {
			saved[path] = savedParser{state, p.used}
		}
	}
	return saved
}

// parseAs makes the parsers those of another configuration, which go on from
// what the ones before them remember. What does not fit is lost and told: it only
// recognises repeats and sums up sessions.
func (s *source) parseAs(newParser func() *logparse.Parser, logger *slog.Logger) {
	remembered := s.remember()
	s.newParser, s.parsers, s.savedParsers = newParser, map[string]*parser{}, nil
	for path, saved := range remembered {
		p := &parser{Parser: newParser(), used: saved.Used}
		if err := p.UnmarshalBinary(saved.State); err != nil {
			logger.Warn("what a parser remembered is lost", "source", s.name, "file", path, "err", err)
		}
		s.parsers[path] = p
	}
}

// prune lets go of the parsers that have been idle.
func (s *source) prune(now time.Time) {
	maps.DeleteFunc(s.parsers, func(_ string, p *parser) bool { return now.Sub(p.used) > parserIdle })
}

// close ends the feed.
func (s *source) close() {
	if s.feed != nil {
		s.journal = s.position()
		s.feed.close()
		s.feed = nil
	}
}

// position is where a journal was left; zero for other sources.
func (s *source) position() journal.Position {
	if f, ok := s.feed.(*journalFeed); ok {
		return f.Position()
	}
	return s.journal
}
