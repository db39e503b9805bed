package listen

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
)

// bufferLen is the length in bytes of a connection's buffer, and of the longest UDP
// datagram.
const bufferLen = 64 << 10

// A socket is bound. A goroutine receives from it.
type socket struct {
	io.Closer
	failed chan error // receives the error that ends the goroutine
	path   string     // of a Unix socket
	file   os.FileInfo
}

// bind binds a socket and starts a goroutine that receives from it.
func (l *Listener) bind() (*socket, error) {
	s := &socket{failed: make(chan error, 1)}
	var receive func() error
	switch l.network {
	case "udp":
		c, err := listenUDP(l.address)
		if err != nil {
			return nil, err
		}
		s.Closer = c
		receive = func() error { return l.receiveUDP(c) }
	case "tcp":
		ln, err := net.Listen("tcp", l.address)
		if err != nil {
			return nil, err
		}
		s.Closer = ln
		receive = func() error { return l.accept(ln) }
	case "unixgram":
		c, err := listenUnix(l.address)
		if err != nil {
			return nil, err
		}
		s.Closer = c
		s.path = l.address
		if s.file, err = os.Lstat(s.path); err != nil {
			c.Close()
			return nil, err
		}
		receive = func() error { return l.receiveUnix(c) }
	}
	l.wg.Go(func() { s.failed <- receive() })
	return s, nil
}

// failure returns why the socket has stopped receiving; nil if it has not.
func (s *socket) failure() error {
	select {
	case err := <-s.failed:
		return err
	default:
	}
	if s.file != nil && !s.named() {
		return errors.New("the socket's file was removed or replaced; creating it again")
	}
	return nil
}

// named reports whether a Unix socket's path still refers to it.
func (s *socket) named() bool {
	file, err := os.Lstat(s.path)
	return err == nil && os.SameFile(file, s.file)
}

func (s *socket) close() {
	if s.file != nil && s.named() {
		os.Remove(s.path)
	}
	s.Close()
}

func listenUDP(address string) (*net.UDPConn, error) {
	addr, err := net.ResolveUDPAddr("udp", address)
	if err != nil {
		return nil, err
	}
	c, err := net.ListenUDP("udp", addr)
	if err != nil {
		return nil, err
	}
	// The kernel grants more than its default, but rarely all.
	if err := errors.Join(c.SetReadBuffer(queueLen), reportDrops(c)); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// listenUnix binds the socket at path. It replaces a socket that a killed process
// left there, but not one on which a process listens.
//
// Everybody may write to the socket, as to /dev/log, since rsyslog runs as root on
// some systems and as syslog on others. The directory's mode restricts the writers.
func listenUnix(path string) (*net.UnixConn, error) {
	addr := &net.UnixAddr{Net: "unixgram", Name: path}
	c, err := net.ListenUnixgram("unixgram", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		if err := removeStale(path); err != nil {
			return nil, err
		}
		c, err = net.ListenUnixgram("unixgram", addr)
	}
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o666); err != nil {
		os.Remove(path)
		c.Close()
		return nil, err
	}
	return c, nil
}

func removeStale(path string) error {
	file, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if file.Mode().Type() != os.ModeSocket {
		return fmt.Errorf("%s exists and is not a socket; name another path", path)
	}
	c, err := net.Dial("unixgram", path)
	if err == nil {
		c.Close()
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("another process listens on %s; stop it or name another path", path)
	}
	return os.Remove(path)
}

// receiveUDP queues datagrams until reading fails. If the queue is full, it drops the
// datagram and counts it, so that the kernel need not drop it.
func (l *Listener) receiveUDP(c *net.UDPConn) error {
	buf := make([]byte, bufferLen)
	control := make([]byte, dropsLen)
	var drops uint32
	for {
		n, controlLen, _, from, err := c.ReadMsgUDPAddrPort(buf, control)
		if err != nil {
			return err
		}
		if d := readDrops(control[:controlLen]); d != drops {
			l.drop(ReceiveBufferFull, int64(d-drops))
			drops = d
		}
		switch {
		case !l.allowed(from.Addr()):
			l.drop(NotAllowed, 1)
		case !l.queue.offer(buf[:min(n, l.cfg.MaxLine)]):
			l.drop(QueueFull, 1)
		default:
			l.countOverlong(n > l.cfg.MaxLine)
		}
	}
}

// receiveUnix queues datagrams until reading fails. Senders wait for room.
func (l *Listener) receiveUnix(c *net.UnixConn) error {
	buf := make([]byte, l.cfg.MaxLine+1)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return err
		}
		l.queue.put(buf[:min(n, l.cfg.MaxLine)])
		l.countOverlong(n > l.cfg.MaxLine)
	}
}
