//go:build !linux

package listen

import "net"

// Other kernels do not report what they dropped.
const dropsLen = 0

func reportDrops(*net.UDPConn) error { return nil }

func readDrops([]byte) uint32 { return 0 }
