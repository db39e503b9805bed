//go:build !linux

package journal

import "syscall"

// endsWithParent is empty: elsewhere journalctl ends at its next write to a
// closed pipe.
var endsWithParent *syscall.SysProcAttr
