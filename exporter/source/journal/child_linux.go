package journal

import "syscall"

// endsWithParent has the kernel end the child also when the exporter was killed.
var endsWithParent = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
