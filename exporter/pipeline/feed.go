package pipeline

import (
	"io/fs"
	"os"
	"time"

	"smtp_reply_exporter/exporter/config"
	"smtp_reply_exporter/exporter/source"
	"smtp_reply_exporter/exporter/source/journal"
	"smtp_reply_exporter/exporter/source/listen"
	"smtp_reply_exporter/exporter/source/stream"
)

// A feed is a source that no Follower reads: the journal, syslog messages,
// standard input, a named pipe. Like a Follower it is polled, and opens nothing
// before the first Poll.
type feed interface {
	// Poll hands out what has come.
	Poll(now time.Time, handle func(source.Record)) (more bool, err error)
	Stats() source.Stats
	Close()
}

func newListener(sc *config.Source) (*listen.Listener, error) {
	return listen.New(listen.Config{URL: sc.Syslog, Allow: sc.AllowNetworks})
}

// newFeed makes the feed of the input; files have none.
func (in *input) newFeed() (err error) {
	sc := in.config
	switch {
	case sc.Journal != nil:
		in.journal = journal.New(journal.Config{Matches: sc.Journal.Matches, FromStart: sc.Start == config.Beginning})
		in.feed = in.journal
	case sc.Syslog != "":
		in.feed, err = newListener(sc)
	case sc.Stdin:
		in.feed = stream.New(os.Stdin)
	default:
		if info, err := os.Stat(sc.File); err == nil && info.Mode()&fs.ModeNamedPipe != 0 {
			in.feed = stream.NewPipe(sc.File)
		}
	}
	return err
}
