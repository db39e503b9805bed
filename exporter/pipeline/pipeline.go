// Package pipeline moves records from their sources through the parsers and the
// classifier into the counters. A Pipeline takes a configuration and a state file, and
// returns Snapshots of all counts.
package pipeline

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"smtp_reply_exporter/exporter/access"
	"smtp_reply_exporter/exporter/classify"
	"smtp_reply_exporter/exporter/config"
	"smtp_reply_exporter/exporter/source"
	"smtp_reply_exporter/exporter/source/follow"
	"smtp_reply_exporter/exporter/state"
	"smtp_reply_exporter/logparse"
)

// parserIdle is the time without a line after which a path's parser is dropped. No
// SMTP session lasts that long (RFC 5321 §4.5.3.2).
const parserIdle = time.Hour

// A Pipeline reads the sources of a configuration. One goroutine calls Run. The other
// methods, except Close, are safe for concurrent use.
type Pipeline struct {
	logger    *slog.Logger
	committer committer

	mu         sync.Mutex
	follower   *follow.Follower
	classifier *classify.Classifier
	sources    []*input
	files      []*input          // by index of the Follower's sources
	notices    []*input          // by index of the Follower's sources after files: loss notices
	logs       []follow.Source   // the Follower's sources
	labels     []classify.Labels // of one line
	now        time.Time         // of the current poll
	polled     bool
	pruned     time.Time
	resumed    time.Time // when counting resumed from a state; zero if it did not
	taken      time.Time // the last snapshot for a commit
	looked     *Snapshot // the last snapshot, with the State before it; nil after a reload
	lookAgain  time.Time // when Look takes the next one
	pace       time.Duration
	shown      map[shownVersion]bool
}

// New returns a Pipeline for a configuration. It resumes from payload, the content of
// file, unless payload is nil. file is nil if no state is kept. The Pipeline reads
// nothing before Run.
func New(cfg *config.Config, classifier *classify.Classifier, logger *slog.Logger, file *state.File, payload []byte) (*Pipeline, error) {
	now := time.Now()
	p := &Pipeline{logger: logger, committer: committer{file: file, logger: logger}, pruned: now}
	from := &saved{}
	if payload != nil {
		version := uint64(state.Version)
		if file != nil {
			version = file.Version
		}
		var err error
		if from, err = decode(payload, version); err != nil {
			return nil, err
		}
		p.resumed = now
	}
	p.pace = cmp.Or(from.Pace, slowest)
	return p, p.configure(cfg, classifier, from, now)
}

// Reload continues with another configuration, which must be valid. Sources with the
// same name keep their counts, and files that are still followed their position. After
// an error the former configuration remains in force.
func (p *Pipeline) Reload(cfg *config.Config, classifier *classify.Classifier) error {
	defer p.committer.forget() // a snapshot of the former sources
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	return p.configure(cfg, classifier, p.save(p.snapshot(now)), now)
}

// Commit takes a snapshot, makes it durable and returns it. If that fails or takes
// longer than wait, the snapshot's State says so, and the Pipeline continues to count.
// Calls within a second of each other share a snapshot.
func (p *Pipeline) Commit(wait time.Duration) *Snapshot { return p.committer.commit(p.take, wait) }

// lookShare is the part of the time that reading waits at most for who looks again and
// again: a twentieth.
const lookShare = 20

// Look returns a snapshot that is at most a second old, or 20 times as old as it takes to
// take one, if that is more. It makes nothing durable and waits for no disk: its State is
// that of an earlier commit.
func (p *Pipeline) Look() *Snapshot {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := time.Now(); p.looked == nil || !now.Before(p.lookAgain) {
		p.look(p.snapshot(now))
	}
	return p.looked
}

// look makes a snapshot the one that Look returns.
func (p *Pipeline) look(s *Snapshot) {
	looked := *s // a commit adds its State to s
	looked.State = p.committer.state()
	p.looked = &looked
	p.lookAgain = s.At.Add(max(snapshotAge, lookShare*time.Since(s.At)))
}

// Close makes a last snapshot durable and closes all files. Call it after Run has
// returned.
func (p *Pipeline) Close() error {
	p.committer.forget() // it may be older than the last lines
	p.Commit(CommitTime)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.follower.Close()
	p.closeFeeds(nil)
	return p.committer.close()
}

// Run reads until the context ends.
func (p *Pipeline) Run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		more, err := p.poll(time.Now())
		p.log(err)
		if more {
			timer.Reset(0)
		} else {
			timer.Reset(follow.Interval)
		}
	}
}

// poll reads a bounded number of new lines from each source.
func (p *Pipeline) poll(now time.Time) (more bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = now
	more, err = p.follower.Poll(now, p.line)
	for _, in := range p.sources {
		if in.feed == nil {
			in.update(p.follower.Stats(in.file), now, p.maxGap())
			continue
		}
		moreFed, feedErr := in.feed.Poll(now, func(r source.Record) { p.record(in, "", r) })
		in.update(follow.Stats{Stats: in.feed.Stats()}, now, p.maxGap())
		more, err = more || moreFed, errors.Join(err, feedErr)
	}
	for _, in := range p.sources {
		p.noteSilence(in)
	}
	p.polled = true
	if now.Sub(p.pruned) > parserIdle {
		p.pruned = now
		for _, in := range p.sources {
			in.prune(now)
		}
	}
	return more, err
}

// line counts a line of a file, or the lost lines in a loss notice.
func (p *Pipeline) line(line follow.Line) {
	if i := line.Source - len(p.files); i >= 0 {
		if n, logger := logparse.LostLinesOf(line.Text); n > 0 {
			p.notices[i].counts.Lost(logger, n, p.now)
		}
		return
	}
	p.record(p.files[line.Source], line.Path, source.Record{Line: line.Text, Trusted: true})
}

// record parses and counts a record of an input. It ignores lost-line reports from
// untrusted records.
func (p *Pipeline) record(in *input, path string, r source.Record) {
	parser := in.parser(path, p.now)
	var result logparse.Result
	if r.Envelope != nil {
		result = parser.ParseEnvelope(*r.Envelope)
	} else {
		result = parser.Parse(r.Line)
	}
	for more := true; more; result, more = parser.Next() {
		if !r.Trusted {
			result.LostLines = 0
		}
		p.count(in, &result)
		p.noteUnread(in, r.Line, &result)
		if result.Version != nil {
			p.noteVersion(in.name, &result)
		}
	}
}

// count counts the result of a line.
func (p *Pipeline) count(in *input, r *logparse.Result) {
	p.labels = p.labels[:0]
	for i := range r.Events {
		p.labels = append(p.labels, p.classifier.Labels(r.Program, &r.Events[i]))
	}
	in.counts.Line(r, p.labels, p.now)
}

// log logs each of the errors that a poll returned.
func (p *Pipeline) log(err error) {
	if err == nil {
		return
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, err := range joined.Unwrap() {
			p.log(err)
		}
	} else {
		if errors.Is(err, fs.ErrNotExist) {
			p.logger.Info("waiting for a log that does not exist yet", "err", err)
		} else {
			p.logger.Warn("reading a source", "err", access.Explain(err))
		}
	}
}
