//go:build !linux

package journal

import "syscall"

// endsWithParent is empty. Without Linux, journalctl ends at its next write to the
// closed pipe.
var endsWithParent *syscall.SysProcAttr
