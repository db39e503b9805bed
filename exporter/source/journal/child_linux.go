package journal

import "syscall"

// endsWithParent makes the kernel kill the child if the exporter is killed.
var endsWithParent = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
