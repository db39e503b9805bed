package pipeline

import (
	"errors"
	"sync"
	"time"

	"smtp_reply_exporter/exporter/state"
)

const (
	// CommitTime is how long a scrape waits at most until its snapshot is durable.
	CommitTime = 2 * time.Second
	// snapshotAge is how long a snapshot serves several scrapes.
	snapshotAge = time.Second
)

var errSlow = errors.New("the disk has not written it in time")

// commits makes snapshots durable, one after another.
type commits struct {
	file *state.File // nil where no state is kept

	committing sync.Mutex
	last       *Snapshot
	writing    chan error // of a commit that has not ended in time; nil if none
	stats      StateSnapshot
	failure    string // the last one that was logged
}

// Commit takes a snapshot, makes it durable and returns it. If that fails, or takes
// longer than wait, the snapshot says so: counting and answering go on. Calls within
// a second of one another share a snapshot.
func (p *Pipeline) Commit(wait time.Duration) *Snapshot {
	p.committing.Lock()
	defer p.committing.Unlock()
	now := time.Now()
	if p.last != nil && now.Sub(p.last.at) < snapshotAge {
		return p.last
	}
	snapshot, save := p.take(now)
	if p.file != nil {
		p.write(save, wait)
		stats := p.stats
		snapshot.State = &stats
	}
	p.last = snapshot
	return snapshot
}

// write writes the state and notes what became of it. A disk that hangs holds up
// one goroutine only, and no newer snapshot overtakes the one that is under way.
func (p *Pipeline) write(s *saved, wait time.Duration) {
	payload, err := s.encode()
	timeout := time.NewTimer(wait)
	defer timeout.Stop()
	if err == nil && p.writing != nil {
		select {
		case late := <-p.writing:
			p.writing = nil
			if late != nil {
				p.logger.Debug("the commit that took too long", "err", late)
			}
		case <-timeout.C:
			err = errSlow
		}
	}
	if err == nil {
		done := make(chan error, 1)
		go func() { done <- p.file.Commit(payload) }()
		select {
		case err = <-done:
		case <-timeout.C:
			p.writing, err = done, errSlow
		}
	}
	p.stats.Durable = err == nil
	if err != nil {
		p.stats.Failures++
		if p.failure != err.Error() {
			p.failure = err.Error()
			p.logger.Error("the state is not durable: counting goes on, but a crash now would lose counts", "err", err)
		}
		return
	}
	if p.failure != "" {
		p.failure = ""
		p.logger.Info("the state is durable again")
	}
	p.stats.Commits++
	p.stats.Committed = time.Now()
}

// Close makes the last snapshot durable and closes all files. Call it when Run has
// returned.
func (p *Pipeline) Close() error {
	p.committing.Lock()
	p.last = nil // it may be older than the last lines
	p.committing.Unlock()
	p.Commit(CommitTime)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.follower.Close()
	for _, s := range p.sources {
		s.close()
	}
	if p.file == nil {
		return nil
	}
	return p.file.Close()
}
