package state

import "os"

const (
	noFollow = 0 // only administrators create symbolic links
	// A lock on Windows keeps other handles of the same process from writing. An open
	// file cannot be removed, so the lock file is enough.
	locksOwn = false
)

// syncDir does nothing: Windows cannot flush a directory, and NTFS journals a
// rename.
func syncDir(*os.Root) error { return nil }
