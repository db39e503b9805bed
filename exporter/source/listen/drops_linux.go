package listen

import (
	"encoding/binary"
	"net"
	"syscall"
)

// dropsLen is the length of the control message that reportDrops requests.
var dropsLen = syscall.CmsgSpace(4)

// reportDrops makes the kernel report with each datagram how many it has dropped for
// lack of room since the socket was created (socket(7), SO_RXQ_OVFL).
func reportDrops(c *net.UDPConn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var optErr error
	err = raw.Control(func(fd uintptr) {
		optErr = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RXQ_OVFL, 1)
	})
	if err != nil {
		return err
	}
	return optErr
}

// readDrops reads that number, which the kernel omits while it is 0.
func readDrops(control []byte) uint32 {
	if len(control) < syscall.CmsgLen(4) {
		return 0
	}
	return binary.NativeEndian.Uint32(control[syscall.CmsgLen(0):])
}
