package pipeline

import (
	"log/slog"
	"maps"
	"reflect"
	"time"

	"smtp_reply_exporter/exporter/config"
	"smtp_reply_exporter/exporter/counter"
	"smtp_reply_exporter/exporter/discover"
	"smtp_reply_exporter/exporter/source/follow"
	"smtp_reply_exporter/exporter/source/journal"
	"smtp_reply_exporter/logparse"
)

// An input is one source of the configuration. Each configuration has new inputs,
// which resume from the state of the former ones.
type input struct {
	name      string
	config    *config.Source
	feed      feed            // nil for files
	journal   *journal.Reader // the feed, if it is a journal
	file      int             // for files: index of the Follower's source
	counts    *counter.Source
	newParser func() *logparse.Parser // for the configured MTA
	parsers   map[string]*parser      // by path: each file has its own sessions
	awake     []*parser               // those in memory, in the order in which they woke
	logger    *slog.Logger            // of parsers that cannot be restored
	found     []string                // MTAs in a file of any MTA
	stats     follow.Stats            // of the current Follower or feed
	before    follow.Stats            // sums of the earlier ones
	unread    unread
	progress
}

// newInput returns an input without counts. It takes over the feed of the former input
// if that is the same one: a feed that is closed loses what is on its way, and standard
// input cannot be opened again.
func newInput(cfg *config.Config, sc *config.Source, former *input) (*input, error) {
	in := &input{
		name: sc.Name, config: sc, parsers: map[string]*parser{},
		newParser: func() *logparse.Parser { return cfg.ParserOf(sc) },
	}
	if former != nil && former.config.File == sc.File {
		in.found = former.found // it takes long
	}
	if former != nil && former.config.String() == sc.String() {
		in.unread = former.unread
	}
	if former != nil && former.feed != nil && sameFeed(*former.config, *sc) {
		in.feed, in.journal = former.feed, former.journal
		return in, nil
	}
	return in, in.newFeed()
}

// sameFeed reports whether two configurations of a source name the same feed.
func sameFeed(a, b config.Source) bool {
	a.Name, a.MTA, a.LossNotices = b.Name, b.MTA, b.LossNotices
	a.Hosts, a.AllHosts, a.HostNames = b.Hosts, b.AllHosts, b.HostNames
	a.Header, a.Samples = b.Header, b.Samples
	return reflect.DeepEqual(a, b)
}

// begin makes the input count from 0.
func (in *input) begin(now time.Time) {
	in.counts = counter.NewSource(in.mtas(), in.hosts(), now)
	if in.config.Start != config.Beginning { // else nobody knows how old the lines are
		in.current = now
	}
}

// resume makes the input continue counting from a state. former is the running input
// that saved it; nil after a restart. same reports whether the Follower stays. If a
// parser cannot restore a part of its state, resume logs that: the parser then only misses
// repeats and sums of sessions.
func (in *input) resume(s *savedSource, former *input, same bool, now time.Time, logger *slog.Logger) {
	var changed []counter.Family
	in.counts, changed = counter.Restore(s.Snapshot, in.mtas(), in.hosts(), now)
	in.before, in.progress = s.Stats, s.progress(in.config)
	if len(changed) > 0 { // other has jumped, which looks like mail of this moment
		in.catchUp(now)
		logger.Warn("the state had more series than the limits allow, or lacked labels; counts were moved into the label value other", "source", in.name, "families", changed)
	}
	in.restoreParsers(s.Parsers, logger)
	if former != nil && (in.feed != nil && in.feed == former.feed || in.feed == nil && former.feed == nil && same) {
		in.before, in.stats, in.progress = former.before, former.stats, former.progress
		return
	}
	if former != nil { // until the next poll, keep the gauges
		was := &former.stats
		in.stats.Up, in.stats.CaughtUp = was.Up, was.CaughtUp
		in.stats.Files, in.stats.BehindBytes = was.Files, was.BehindBytes
	}
	if in.journal != nil {
		in.journal.Restore(s.Journal)
	}
}

// mtas returns the MTAs whose series start at 0.
func (in *input) mtas() []string {
	if in.config.MTA == config.Auto {
		if in.found == nil {
			in.found = discover.MTAs(in.config.File, in.newParser())
		}
		return in.found
	}
	return []string{in.config.MTA}
}

// hosts returns the hosts that have a label of their own.
func (in *input) hosts() counter.Hosts {
	return counter.Hosts{Any: in.config.AllHosts, Names: in.config.HostNames}
}

// total returns the sums over the current and the earlier Followers or feeds.
func (in *input) total() follow.Stats {
	t, before := in.stats, &in.before
	t.ReadBytes += before.ReadBytes
	t.OverlongLines += before.OverlongLines
	t.LostLines += before.LostLines
	t.Rotations += before.Rotations
	t.Truncations += before.Truncations
	t.LostBytes += before.LostBytes
	t.LostFiles += before.LostFiles
	t.Dropped = maps.Clone(t.Dropped)
	for cause, n := range before.Dropped {
		if t.Dropped == nil {
			t.Dropped = map[string]int64{}
		}
		t.Dropped[cause] += n
	}
	return t
}

// update stores the Stats of the Follower or feed after a poll.
func (in *input) update(stats follow.Stats, now time.Time, maxGap time.Duration) {
	if lost := stats.LostLines - in.stats.LostLines; lost > 0 {
		in.counts.Lost(logparse.Journald, int(lost), now)
	}
	in.read(stats.ReadBytes-in.stats.ReadBytes, now, maxGap, !in.rereads())
	if stats.CaughtUp && !stats.Unreadable {
		in.atEnd(now)
	}
	in.stats = stats
}

// rereads reports whether the source, after a crash, hands out again the records since
// the last commit.
func (in *input) rereads() bool { return in.feed == nil || in.journal != nil }

// save returns the state that belongs to the input's part of a snapshot.
func (in *input) save(s *SourceSnapshot) savedSource {
	saved := savedSource{
		Name: in.name, Snapshot: s.Snapshot, Stats: s.Stats, CaughtUp: s.CaughtUp, Parsers: map[string]savedParser{},
		File: in.config.File, Current: in.current,
	}
	for path, p := range in.parsers {
		// If a Parser cannot be saved, the next one starts without state.
		if state, err := p.MarshalBinary(); err == nil {
			saved.Parsers[path] = savedParser{state, p.used}
		}
	}
	if in.journal != nil {
		saved.Journal = in.journal.Position()
	}
	return saved
}
