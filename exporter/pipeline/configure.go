package pipeline

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"smtp_reply_exporter/exporter/classify"
	"smtp_reply_exporter/exporter/config"
	"smtp_reply_exporter/exporter/source/follow"
)

// configure makes the Pipeline continue from a state with a configuration. An error
// changes nothing. The caller holds the lock.
func (p *Pipeline) configure(cfg *config.Config, classifier *classify.Classifier, from *saved, now time.Time) error {
	former := map[string]*input{}
	for _, in := range p.sources {
		former[in.name] = in
	}
	var sources []*input
	for i := range cfg.Sources {
		sc := &cfg.Sources[i]
		was := former[sc.Name]
		if i := slices.IndexFunc(p.sources, func(in *input) bool { return in.config.Stdin }); sc.Stdin && i >= 0 {
			was = p.sources[i] // under any name
		}
		in, err := newInput(cfg, sc, was)
		if err != nil {
			return cfg.Errorf(fmt.Sprintf("sources[%d]", i), "%w", err)
		}
		sources = append(sources, in)
	}
	files, notices, logs := logsOf(sources)
	same := p.follower != nil && slices.Equal(logs, p.logs) && slices.EqualFunc(files, p.files, sameName)
	for _, in := range sources {
		if s := from.source(in.name); s != nil {
			in.resume(s, former[in.name], same, now, p.logger)
		} else {
			in.begin(now)
		}
	}
	p.closeFeeds(sources) // before a new feed binds the same socket
	p.classifier, p.sources, p.looked = classifier, sources, nil
	p.files, p.notices, p.logs = files, notices, logs
	if !same {
		p.follow(from.Positions)
	}
	for _, in := range sources {
		log := p.logger.With("name", in.name, "from", in.config.String())
		if len(in.found) > 0 {
			log = log.With("mtas", strings.Join(in.found, ","))
		}
		log.Info("reading")
		if len(in.unread.mtas) == 0 {
			in.unread.mtas = slices.Clone(in.found)
		}
	}
	return nil
}

// closeFeeds closes the feeds that no next input uses.
func (p *Pipeline) closeFeeds(next []*input) {
	kept := map[feed]bool{}
	for _, in := range next {
		kept[in.feed] = true
	}
	for _, in := range p.sources {
		if in.feed != nil && !kept[in.feed] {
			in.feed.Close()
		}
	}
}

func sameName(a, b *input) bool { return a.name == b.name }

// logsOf returns the files to follow: those of files, and after them those of notices. It
// tells the inputs their indexes.
func logsOf(sources []*input) (files, notices []*input, logs []follow.Source) {
	for _, in := range sources {
		if in.feed == nil {
			in.file = len(logs)
			logs = append(logs, follow.Source{Path: in.config.File, FromStart: in.config.Start == config.Beginning, OldDir: in.config.OldDir})
			files = append(files, in)
		}
	}
	// Add loss notices last, since a file belongs to the first source that covers it.
	for _, in := range sources {
		for _, log := range in.config.LossNotices {
			logs = append(logs, follow.Source{Path: log})
			notices = append(notices, in)
		}
	}
	return files, notices, logs
}

// follow makes a new Follower of the logs, which resumes from positions.
func (p *Pipeline) follow(positions []follow.Position) {
	if p.follower != nil {
		p.follower.Close()
	}
	p.follower = follow.New(follow.Config{Sources: p.logs})
	p.follower.Restore(positions)
}
