package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"strings"
)

// Check returns why the journal that cfg selects cannot be read; nil if it can. It waits
// for a journalctl.
func Check(cfg Config) error {
	r := New(cfg)
	for {
		c, err := startChild(r.cfg.Journalctl, r.checkArgs())
		if err != nil {
			return cannotStart(err)
		}
		for range c.chunks { // until it ends
		}
		if !r.oldJournalctl(c) {
			return c.complaint()
		}
	}
}

// oldJournalctl reports whether a child of the first step, which has ended, knows no
// --boot=all. The next one does without.
func (r *Reader) oldJournalctl(c *child) bool {
	old := !r.thisBoot && c.err != nil && strings.Contains(c.stderr, "boot")
	r.thisBoot = r.thisBoot || old
	return old
}

func cannotStart(err error) error {
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("no journalctl, which is part of systemd: %w", err)
	}
	return fmt.Errorf("cannot start journalctl: %w", err)
}
