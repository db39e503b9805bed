package pipeline

import (
	"slices"
	"strings"

	"smtp_reply_exporter/exporter/config"
	"smtp_reply_exporter/exporter/source/follow"
	"smtp_reply_exporter/exporter/source/journal"
)

// Followed returns the source in the payload of a state file, so that a start without a
// configuration keeps to it. It returns nil if the payload is nil, or if the state has
// several sources or one that only a configuration can name.
func Followed(payload []byte, version uint64) (*config.Source, error) {
	if payload == nil {
		return nil, nil
	}
	s, err := decode(payload, version)
	if err != nil {
		return nil, err
	}
	if len(s.Sources) != 1 {
		return nil, nil
	}
	source := config.Source{Name: s.Sources[0].Name, File: s.file(), MTA: config.Auto, Start: config.End}
	switch {
	case source.File != "":
	case s.Sources[0].Journal != journal.Position{}:
		source.Journal = &config.Journal{}
	default:
		return nil, nil
	}
	return &source, nil
}

// file returns the path or glob that the only source follows; "" if it follows none. The
// state of an older exporter names it only by its positions, and not for sure if there
// are several paths or a glob.
func (s *saved) file() string {
	old := s.Pace == 0 && s.Sources[0].Journal == journal.Position{}
	if !old || len(s.Positions) == 0 {
		return s.Sources[0].File
	}
	path := s.Positions[0].Path
	another := func(p follow.Position) bool { return p.Path != path }
	if strings.ContainsAny(path, "*?[") || slices.ContainsFunc(s.Positions, another) {
		return ""
	}
	return path
}
