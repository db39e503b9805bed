package main

import (
	"path/filepath"

	"smtp_reply_exporter/exporter/config"
	"smtp_reply_exporter/exporter/source/follow"
	"smtp_reply_exporter/logparse"
)

// ownerOf returns the source that a file belongs to: the one that follows it, or a log of
// which it is a rotated part. If there is only one source, all other files belong to it;
// else nil.
func ownerOf(sources []config.Source, file string) *config.Source {
	if path, err := filepath.Abs(file); err == nil {
		for i := range sources {
			if owns(&sources[i], path) {
				return &sources[i]
			}
		}
	}
	if len(sources) == 1 {
		return &sources[0]
	}
	return nil
}

// owns reports whether a path is that of a file or rotated file of a source.
func owns(s *config.Source, path string) bool {
	pattern, err := filepath.Abs(s.File)
	if s.File == "" || err != nil {
		return false
	}
	if filepath.Dir(path) == follow.OldDir(pattern, s.OldDir) {
		path = filepath.Join(filepath.Dir(pattern), filepath.Base(path))
	}
	for _, log := range append(follow.LogsOf(path), path) {
		if is, _ := filepath.Match(pattern, log); is {
			return true
		}
	}
	return false
}

// parsers returns a function that returns the parser of a file. Files of one source are
// parts of one log.
func (p *parseCommand) parsers(cfg *config.Config) func(file string) *logparse.Parser {
	known := map[*config.Source]*logparse.Parser{}
	return func(file string) *logparse.Parser {
		s := ownerOf(cfg.Sources, file)
		if known[s] == nil {
			known[s] = p.newParser(cfg, s)
		}
		return known[s]
	}
}

// newParser returns a parser for the lines of a source, which may be nil. --mta overrides
// the MTA of the source.
func (p *parseCommand) newParser(cfg *config.Config, s *config.Source) *logparse.Parser {
	if s == nil {
		return cfg.NewParser(*p.mta)
	}
	own := *s
	if *p.mta != config.Auto {
		own.MTA = *p.mta
	}
	return cfg.ParserOf(&own)
}
