// Package pipeline moves lines from their sources through the parsers into the
// counters.
package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"reflect"
	"sync"
	"time"

	"smtp_reply_exporter/exporter/classify"
	"smtp_reply_exporter/exporter/config"
	"smtp_reply_exporter/exporter/counter"
	"smtp_reply_exporter/exporter/source/follow"
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
	files      []*source         // those of the Follower, by its index
	notices    []*source         // whose loss notices the Follower reads after them
	labels     []classify.Labels // of one line
	now        time.Time         // of the present poll
	polled     bool
	pruned     time.Time
	resumed    time.Time // when counting went on from a state; zero if it did not
}

// New returns a pipeline for a configuration, which goes on from the payload of
// a state file if there is one. It reads nothing before Run.
func New(cfg *config.Config, classifier *classify.Classifier, logger *slog.Logger, file *state.File, payload []byte) (*Pipeline, error) {
	p := &Pipeline{logger: logger, commits: commits{file: file}, pruned: time.Now()}
	var positions []follow.Position
	if payload != nil {
		var err error
		version := uint64(state.Version)
		if file != nil {
			version = file.Version
		}
		if positions, err = p.restore(payload, version); err != nil {
			return nil, err
		}
	}
	return p, p.configure(cfg, classifier, positions, time.Now())
}

// Reload goes on with another configuration, which Check has found good. Sources
// of the same name keep their counts, files that stay followed their position.
func (p *Pipeline) Reload(cfg *config.Config, classifier *classify.Classifier) error {
	p.committing.Lock()
	defer p.committing.Unlock()
	p.last = nil // it has the former sources
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.configure(cfg, classifier, p.follower.Positions(), time.Now())
}

func (p *Pipeline) configure(cfg *config.Config, classifier *classify.Classifier, positions []follow.Position, now time.Time) error {
	configured := map[string]*config.Source{}
	for i := range cfg.Sources {
		configured[cfg.Sources[i].Name] = &cfg.Sources[i]
	}
	former := map[string]*source{}
	for _, s := range p.sources {
		if !reflect.DeepEqual(s.config, configured[s.name]) {
			s.close() // before another feed wants the same socket
		}
		former[s.name] = s
	}
	p.classifier = classifier
	p.sources, p.files, p.notices = nil, nil, nil
	var files []follow.Source
	for i := range cfg.Sources {
		sc := &cfg.Sources[i]
		s := former[sc.Name]
		newParser := func() *logparse.Parser { return cfg.NewParser(sc.MTA) }
		mtas := func() []string {
			if sc.MTA == config.Auto {
				return config.MTAsIn(sc.File, newParser())
			}
			return []string{sc.MTA}
		}
		switch {
		case s == nil:
			s = &source{name: sc.Name, counts: counter.NewSource(mtas(), now)}
		case s.saved != nil:
			s.counts, s.saved = counter.Restore(s.saved, mtas(), now), nil
		}
		s.config = sc
		s.parseAs(newParser, p.logger)
		if s.feed == nil {
			s.restart()
			var err error
			if s.feed, err = newFeed(sc, s.journal); err != nil {
				return cfg.Errorf(fmt.Sprintf("sources[%d]", i), "%w", err)
			}
		}
		if s.feed == nil {
			s.file = len(files)
			files = append(files, follow.Source{Path: sc.File, FromStart: sc.Start == config.Beginning})
			p.files = append(p.files, s)
		}
		p.sources = append(p.sources, s)
		p.logger.Info("reading", "name", sc.Name, "from", sc.String())
	}
	// Last, since a file belongs to the first that has it.
	for i := range cfg.Sources {
		for _, log := range cfg.Sources[i].LossNotices {
			files = append(files, follow.Source{Path: log})
			p.notices = append(p.notices, p.sources[i])
		}
	}
	if p.follower != nil {
		p.follower.Close()
	}
	p.follower = follow.New(follow.Config{Sources: files})
	p.follower.Restore(positions)
	return nil
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
	for _, s := range p.sources {
		if s.feed == nil {
			s.update(Stats{Stats: p.follower.Stats(s.file)}, now)
			continue
		}
		moreFed, feedErr := s.feed.poll(now, func(parse func(*logparse.Parser) logparse.Result) {
			result := parse(s.parser("", now))
			p.count(s, &result)
		})
		s.update(s.feed.stats(), now)
		more, err = more || moreFed, errors.Join(err, feedErr)
	}
	p.polled = true
	if now.Sub(p.pruned) > parserIdle {
		p.pruned = now
		for _, s := range p.sources {
			s.prune(now)
		}
	}
	return more, err
}

// line counts one line of a file.
func (p *Pipeline) line(line follow.Line) {
	if i := line.Source - len(p.files); i >= 0 {
		if n, logger := logparse.LostLinesOf(line.Text); n > 0 {
			p.notices[i].counts.Lost(logger, n, p.now)
		}
		return
	}
	s := p.files[line.Source]
	result := s.parser(line.Path, p.now).Parse(line.Text)
	p.count(s, &result)
}

// count counts what a line told.
func (p *Pipeline) count(s *source, r *logparse.Result) {
	p.labels = p.labels[:0]
	for i := range r.Events {
		p.labels = append(p.labels, p.classifier.Labels(&r.Events[i]))
	}
	s.counts.Line(r, p.labels, p.now)
}

// log tells each thing that a poll found wrong.
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
			p.logger.Warn("reading a source", "err", err)
		}
	}
}
