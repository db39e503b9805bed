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

// A feed is a source that the Follower does not read: the journal, syslog messages,
// standard input, a named pipe. It opens nothing before the first Poll.
type feed interface {
	// Poll hands out the records that have arrived.
	Poll(now time.Time, handle func(source.Record)) (more bool, err error)
	Stats() source.Stats
	Err() error // why it is not up
	Close()
}

func newListener(sc *config.Source) (*listen.Listener, error) {
	return listen.New(listen.Config{URL: sc.Syslog, Allow: sc.AllowNetworks})
}

// newFeed sets the input's feed; files have none.
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
