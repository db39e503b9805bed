package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
)

// Check returns why the journal that cfg selects cannot be read; nil if it can. It waits
// for a journalctl.
func Check(cfg Config) error {
	r := New(cfg)
	c, err := startChild(r.cfg.Journalctl, r.checkArgs())
	if err != nil {
		return cannotStart(err)
	}
	for range c.chunks { // until it ends
	}
	return c.complaint()
}

func cannotStart(err error) error {
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("no journalctl, which is part of systemd: %w", err)
	}
	return fmt.Errorf("cannot start journalctl: %w", err)
}
