package pipeline

import (
	"smtp_reply_exporter/exporter/source/follow"
	"smtp_reply_exporter/exporter/source/journal"
)

// Positions returns the positions of the files, and those of the journal by source.
func (p *Pipeline) Positions() (files []follow.Position, journals map[string]journal.Position) {
	journals = map[string]journal.Position{}
	for _, s := range p.sources {
		if s.journal != nil {
			journals[s.name] = s.journal.Position()
		}
	}
	return p.follower.Positions(), journals
}

// Remembers reports whether the parser of a path has another state than a new one.
func (p *Pipeline) Remembers(source, path string) bool {
	for _, s := range p.sources {
		if s.name == source && s.parsers[path] != nil {
			fresh, _ := s.newParser().MarshalBinary()
			memory, _ := s.parsers[path].MarshalBinary()
			return len(memory) > len(fresh)
		}
	}
	return false
}
