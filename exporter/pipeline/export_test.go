package pipeline

import (
	"smtp_reply_exporter/exporter/source/follow"
	"smtp_reply_exporter/exporter/source/journal"
)

// Positions returns where the files stand, and by source where the journal does.
func (p *Pipeline) Positions() (files []follow.Position, journals map[string]journal.Position) {
	journals = map[string]journal.Position{}
	for _, s := range p.sources {
		if s.journal != nil {
			journals[s.name] = s.journal.Position()
		}
	}
	return p.follower.Positions(), journals
}

// Remembers reports whether the parser of a path knows more than a new one.
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
