package pipeline

import (
	"io/fs"
	"os"
	"time"

	"smtp_reply_exporter/exporter/config"
	"smtp_reply_exporter/exporter/source/follow"
	"smtp_reply_exporter/exporter/source/journal"
	"smtp_reply_exporter/exporter/source/listen"
	"smtp_reply_exporter/exporter/source/stream"
	"smtp_reply_exporter/logparse"
)

// A feed is a source that no Follower reads: the journal, syslog messages,
// standard input, a named pipe. Like a Follower it is polled.
type feed interface {
	// poll hands out what has come, to parse.
	poll(now time.Time, parse func(func(*logparse.Parser) logparse.Result)) (more bool, err error)
	stats() Stats
	close()
}

// newFeed returns the feed of a source; nil for files.
func newFeed(sc *config.Source, position journal.Position) (feed, error) {
	switch {
	case sc.Journal != nil:
		r := journal.New(journal.Config{Matches: sc.Journal.Matches, FromStart: sc.Start == config.Beginning})
		r.Restore(position)
		return &journalFeed{r}, nil
	case sc.Syslog != "":
		l, err := listen.New(listen.Config{URL: sc.Syslog, Allow: sc.AllowNetworks})
		return &syslogFeed{l}, err
	case sc.Stdin:
		return &streamFeed{stream.New(os.Stdin)}, nil
	}
	if info, err := os.Stat(sc.File); err == nil && info.Mode()&fs.ModeNamedPipe != 0 {
		return &streamFeed{stream.NewPipe(sc.File)}, nil
	}
	return nil, nil
}

type journalFeed struct{ *journal.Reader }

func (f *journalFeed) poll(now time.Time, parse func(func(*logparse.Parser) logparse.Result)) (bool, error) {
	return f.Poll(now, func(e *journal.Entry) {
		parse(func(p *logparse.Parser) logparse.Result {
			return p.ParseEnvelope(logparse.Envelope{Host: e.Host, Program: e.Program, PID: e.PID, Message: e.Message})
		})
	})
}

func (f *journalFeed) stats() Stats {
	s := f.Stats()
	return Stats{
		Stats:   follow.Stats{Up: s.Up, CaughtUp: s.CaughtUp, Files: 1, ReadBytes: s.Bytes},
		Dropped: map[string]int64{"older": s.Dropped}, LostLines: s.LostLines,
	}
}

func (f *journalFeed) close() { f.Close() }

type syslogFeed struct{ *listen.Listener }

// poll believes no message that lines were lost, since anybody can send one.
func (f *syslogFeed) poll(now time.Time, parse func(func(*logparse.Parser) logparse.Result)) (bool, error) {
	return f.Poll(now, func(text []byte) {
		parse(func(p *logparse.Parser) logparse.Result {
			r := p.Parse(text)
			r.LostLines = 0
			return r
		})
	})
}

func (f *syslogFeed) stats() Stats {
	s := f.Stats()
	return Stats{Stats: follow.Stats{Up: s.Up, CaughtUp: s.Up, ReadBytes: s.Bytes}, Dropped: s.Dropped}
}

func (f *syslogFeed) close() { f.Close() }

type streamFeed struct{ *stream.Reader }

func (f *streamFeed) poll(now time.Time, parse func(func(*logparse.Parser) logparse.Result)) (bool, error) {
	return f.Poll(now, func(text []byte) {
		parse(func(p *logparse.Parser) logparse.Result { return p.Parse(text) })
	})
}

func (f *streamFeed) stats() Stats {
	s := f.Stats()
	return Stats{Stats: follow.Stats{Up: s.Up, CaughtUp: s.Up, ReadBytes: s.Bytes}}
}

func (f *streamFeed) close() { f.Close() }
