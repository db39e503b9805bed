// Package pipeline moves lines from their sources through the parsers into the
// counters.
package pipeline

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"smtp_reply_exporter/exporter/classify"
	"smtp_reply_exporter/exporter/config"
	"smtp_reply_exporter/exporter/counter"
	"smtp_reply_exporter/exporter/follow"
	"smtp_reply_exporter/exporter/state"
	"smtp_reply_exporter/logparse"
)

// parserIdle is after what time without a line a path's parser is let go. No
// SMTP session lasts that long (RFC 5321 §4.5.3.2).
const parserIdle = time.Hour

// A Pipeline follows the sources of a configuration. Run is one goroutine's;
// all else may be called by others at any time.
type Pipeline struct {
	logger *slog.Logger
	commits

	mu         sync.Mutex
	follower   *follow.Follower
	classifier *classify.Classifier
	sources    []*source
	labels     []classify.Labels // of one line
	now        time.Time         // of the present poll
	polled     bool
	pruned     time.Time
	resumed    time.Time // when counting went on from a state; zero if it did not
}

// A source is one source of the configuration, with what goes on when the
// configuration is read again.
type source struct {
	name     string
	counts   *counter.Source
	parsers  map[string]*parser // by path: each file has its own sessions
	stats    follow.Stats       // of the present follower
	before   follow.Stats       // of those before it
	caughtUp time.Time
	saved    *counter.Cut // of the state that it goes on from, until it is configured
}

type parser struct {
	*logparse.Parser
	used time.Time
}

// New returns a pipeline for a configuration, which goes on from the payload of
// a state file if there is one. It reads nothing before Run.
func New(cfg *config.Config, classifier *classify.Classifier, logger *slog.Logger, file *state.File, payload []byte) (*Pipeline, error) {
	p := &Pipeline{logger: logger, commits: commits{file: file}}
	var positions []follow.Position
	if payload != nil {
		var err error
		if positions, err = p.restore(payload); err != nil {
			return nil, err
		}
	}
	p.configure(cfg, classifier, positions, time.Now())
	return p, nil
}

// Reload goes on with another configuration. Sources of the same name keep
// their counts, files that stay followed their position.
func (p *Pipeline) Reload(cfg *config.Config, classifier *classify.Classifier) {
	p.committing.Lock()
	defer p.committing.Unlock()
	p.last = nil // it has the former sources
	p.mu.Lock()
	defer p.mu.Unlock()
	p.configure(cfg, classifier, p.follower.Positions(), time.Now())
}

func (p *Pipeline) configure(cfg *config.Config, classifier *classify.Classifier, positions []follow.Position, now time.Time) {
	kept := map[string]*source{}
	for _, s := range p.sources {
		kept[s.name] = s
	}
	p.classifier = classifier
	p.sources = nil
	var files []follow.Source
	for _, sc := range cfg.Sources {
		s := kept[sc.Name]
		mtas := logparse.MTAs()
		if sc.MTA != "auto" {
			mtas = []string{sc.MTA}
		}
		switch {
		case s == nil:
			s = &source{name: sc.Name, counts: counter.NewSource(mtas, now), parsers: map[string]*parser{}}
		case s.saved != nil:
			s.counts, s.saved = counter.Restore(s.saved, mtas, now), nil
		}
		// Only sums start anew: whether the source is up and caught up goes on.
		s.before = s.total()
		s.stats.ReadBytes, s.stats.Rotations, s.stats.Truncations, s.stats.LostBytes = 0, 0, 0, 0
		p.sources = append(p.sources, s)
		files = append(files, follow.Source{Path: sc.File, FromStart: sc.Start == config.Beginning})
		p.logger.Info("following", "name", sc.Name, "file", sc.File, "start", sc.Start)
	}
	if p.follower != nil {
		p.follower.Close()
	}
	p.follower = follow.New(follow.Config{Sources: files})
	p.follower.Restore(positions)
}

// total adds what earlier followers counted.
func (s *source) total() follow.Stats {
	t := s.stats
	t.ReadBytes += s.before.ReadBytes
	t.Rotations += s.before.Rotations
	t.Truncations += s.before.Truncations
	t.LostBytes += s.before.LostBytes
	return t
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

// poll reads a bounded amount of what is new.
func (p *Pipeline) poll(now time.Time) (more bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = now
	more, err = p.follower.Poll(now, p.line)
	p.polled = true
	for i, s := range p.sources {
		before := s.stats.CaughtUp
		s.stats = p.follower.Stats(i)
		if s.stats.CaughtUp && !before {
			s.caughtUp = now
		}
	}
	if now.Sub(p.pruned) > parserIdle {
		p.pruned = now
		for _, s := range p.sources {
			for path, parser := range s.parsers {
				if now.Sub(parser.used) > parserIdle {
					delete(s.parsers, path)
				}
			}
		}
	}
	return more, err
}

// line counts one line.
func (p *Pipeline) line(line follow.Line) {
	s := p.sources[line.Source]
	parsing := s.parsers[line.Path]
	if parsing == nil {
		parsing = &parser{Parser: logparse.NewParser()}
		s.parsers[line.Path] = parsing
	}
	parsing.used = p.now
	result := parsing.Parse(line.Text)
	p.labels = p.labels[:0]
	for i := range result.Events {
		p.labels = append(p.labels, p.classifier.Labels(&result.Events[i]))
	}
	s.counts.Line(&result, p.labels, p.now)
}

// log tells each thing that a poll found wrong.
func (p *Pipeline) log(err error) {
	if err == nil {
		return
	}
	all := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		all = joined.Unwrap()
	}
	for _, err := range all {
		if errors.Is(err, fs.ErrNotExist) {
			p.logger.Info("waiting for a log that does not exist yet", "err", err)
		} else {
			p.logger.Warn("reading a log", "err", err)
		}
	}
}
