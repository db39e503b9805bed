package state

import "os"

// syncDir does nothing: Windows cannot flush a directory, and NTFS journals a
// rename.
func syncDir(*os.Root) error { return nil }
