package pipeline

import (
	"log/slog"
	"maps"
	"slices"
	"time"

	"smtp_reply_exporter/logparse"
)

// maxParsers is how many parsers of an input are in memory. The others are kept as their
// states, which are a tenth as large.
const maxParsers = 64

// A parser is that of a path. It is asleep, with only its state in memory, if others
// were used since.
type parser struct {
	awake *logparse.Parser
	path  string
	state []byte // while asleep
	used  time.Time
}

// MarshalBinary returns the state of the Parser.
func (p *parser) MarshalBinary() ([]byte, error) {
	if p.awake == nil {
		return p.state, nil
	}
	return p.awake.MarshalBinary()
}

// restoreParsers makes the parsers of a state. Those that it wakes at once log what they
// cannot restore; the others do so at their first line.
func (in *input) restoreParsers(saved map[string]savedParser, logger *slog.Logger) {
	in.logger = logger
	for path, s := range saved {
		p := &parser{path: path, state: s.State, used: s.Used}
		in.parsers[path] = p
		if len(in.awake) < maxParsers {
			in.wake(p)
		}
	}
}

// parser returns the parser of a path. It makes one if there is none.
func (in *input) parser(path string, now time.Time) *logparse.Parser {
	p := in.parsers[path]
	if p == nil {
		p = &parser{path: path}
		in.parsers[path] = p
	}
	if p.awake == nil {
		in.wake(p)
	}
	p.used = now
	return p.awake
}

// wake makes the Parser of p, and puts the one that woke first to sleep if there are too
// many.
func (in *input) wake(p *parser) {
	p.awake = in.newParser()
	if p.state != nil {
		if err := p.awake.UnmarshalBinary(p.state); err != nil {
			in.logger.Warn("a parser lost its state", "source", in.name, "file", p.path, "err", err)
		}
		p.state = nil
	}
	in.awake = append(in.awake, p)
	if len(in.awake) > maxParsers {
		first := in.awake[0]
		// If a Parser cannot be saved, the next one starts without state.
		first.state, _ = first.awake.MarshalBinary()
		first.awake = nil
		in.awake = slices.Delete(in.awake, 0, 1)
	}
}

// prune drops idle parsers.
func (in *input) prune(now time.Time) {
	maps.DeleteFunc(in.parsers, func(_ string, p *parser) bool { return now.Sub(p.used) > parserIdle })
	in.awake = slices.DeleteFunc(in.awake, func(p *parser) bool { return in.parsers[p.path] != p })
}
