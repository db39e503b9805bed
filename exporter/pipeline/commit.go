package pipeline

import (
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"smtp_reply_exporter/exporter/source"
	"smtp_reply_exporter/exporter/state"
)

const (
	// CommitTime is the longest time that a scrape waits until its snapshot is durable.
	CommitTime = 2 * time.Second
	// snapshotAge is how long scrapes share a snapshot.
	snapshotAge = time.Second
)

var errSlow = errors.New("the disk did not write it in time")

// A committer makes snapshots durable, one after another. It is safe for
// concurrent use.
type committer struct {
	file   *state.File // nil if no state is kept
	logger *slog.Logger

	mu      sync.Mutex
	last    *Snapshot
	writing chan error // result of a commit that did not end in time; nil if there is none
	stats   StateSnapshot
	failure error // of the last commit

	noted atomic.Pointer[StateSnapshot] // stats, for who does not wait for a commit; nil before the first
}

// state returns what is known of the state file, without waiting for a commit; nil if no
// state is kept.
func (c *committer) state() *StateSnapshot {
	if s := c.noted.Load(); s != nil || c.file == nil {
		return s
	}
	return &StateSnapshot{}
}

// commit calls take, makes the snapshot durable and returns it. If the last snapshot is
// younger than snapshotAge, it returns that one, unless that is from before the Pipeline
// was ready: a scrape that came since must not see counts that are behind.
func (c *committer) commit(take func(now time.Time) (*Snapshot, *saved), wait time.Duration) *Snapshot {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if c.last != nil && c.last.Ready && now.Sub(c.last.At) < snapshotAge {
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
		c.noted.Store(&stats)
		snapshot.State = &stats
	}
	c.last = snapshot
	return snapshot
}

// write writes a payload. A disk that hangs blocks only one goroutine. A newer payload
// never overtakes the one being written.
func (c *committer) write(payload []byte, wait time.Duration) error {
	timeout := time.NewTimer(wait)
	defer timeout.Stop()
	if c.writing != nil {
		select {
		case late := <-c.writing:
			c.writing = nil
			if late != nil {
				c.logger.Debug("the slow commit failed", "err", late)
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

// note records the result of a commit, and logs a change of it.
func (c *committer) note(err error) {
	c.stats.Durable, c.stats.Failure = err == nil, err
	failed := c.failure != nil
	if news := source.Changed(&c.failure, err); news != nil {
		c.logger.Error("the state is not durable; counting continues, but a crash now would lose counts", "err", news)
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

// forget makes the next commit take a new snapshot.
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
