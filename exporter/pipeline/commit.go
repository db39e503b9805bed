package pipeline

import (
	"errors"
	"log/slog"
	"sync"
	"time"

	"smtp_reply_exporter/exporter/source"
	"smtp_reply_exporter/exporter/state"
)

const (
	// CommitTime is how long a scrape waits at most until its snapshot is durable.
	CommitTime = 2 * time.Second
	// snapshotAge is how long a snapshot serves several scrapes.
	snapshotAge = time.Second
)

var errSlow = errors.New("the disk has not written it in time")

// A committer makes snapshots durable, one after another. It is safe for
// concurrent use.
type committer struct {
	file   *state.File // nil where no state is kept
	logger *slog.Logger

	mu      sync.Mutex
	last    *Snapshot
	writing chan error // of a commit that has not ended in time; nil if none
	stats   StateSnapshot
	failure error // of the last commit
}

// commit makes the snapshot that take returns durable, and returns it; or the last
// one, if that is young.
func (c *committer) commit(take func(now time.Time) (*Snapshot, *saved), wait time.Duration) *Snapshot {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if c.last != nil && now.Sub(c.last.at) < snapshotAge {
		return c.last
	}
	snapshot, saved := take(now)
	if c.file != nil {
		payload, err := saved.encode()
		if err == nil {
			err = c.write(payload, wait)
		}
		c.note(err)
		stats := c.stats
		snapshot.State = &stats
	}
	c.last = snapshot
	return snapshot
}

// write writes a payload. A disk that hangs holds up one goroutine only, and no
// newer payload overtakes the one that is under way.
func (c *committer) write(payload []byte, wait time.Duration) error {
	timeout := time.NewTimer(wait)
	defer timeout.Stop()
	if c.writing != nil {
		select {
		case late := <-c.writing:
			c.writing = nil
			if late != nil {
				c.logger.Debug("the commit that took too long", "err", late)
			}
		case <-timeout.C:
			return errSlow
		}
	}
	done := make(chan error, 1)
	go func() { done <- c.file.Commit(payload) }()
	select {
	case err := <-done:
		return err
	case <-timeout.C:
		c.writing = done
		return errSlow
	}
}

// note takes note of what became of a commit, and tells when that changes.
func (c *committer) note(err error) {
	c.stats.Durable = err == nil
	failed := c.failure != nil
	if news := source.Changed(&c.failure, err); news != nil {
		c.logger.Error("the state is not durable: counting goes on, but a crash now would lose counts", "err", news)
	}
	if err != nil {
		c.stats.Failures++
		return
	}
	if failed {
		c.logger.Info("the state is durable again")
	}
	c.stats.Commits++
	c.stats.Committed = time.Now()
}

// forget makes the next commit take a snapshot of its own.
func (c *committer) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = nil
}

func (c *committer) close() error {
	if c.file == nil {
		return nil
	}
	return c.file.Close()
}
