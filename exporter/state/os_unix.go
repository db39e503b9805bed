//go:build unix

package state

import (
	"os"
	"syscall"
)

const (
	noFollow = syscall.O_NOFOLLOW // open fails for a symbolic link
	locksOwn = true
)

// syncDir makes the directory entries in dir durable.
func syncDir(dir *os.Root) error {
	d, err := dir.Open(".")
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
