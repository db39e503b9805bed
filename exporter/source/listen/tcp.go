package listen

import (
	"bufio"
	"errors"
	"net"
	"net/netip"
	"os"
	"time"
)

// firstMessageTime is how long a connection may take for its first message. After that
// there is no limit: a sender notices that its connection was closed only after it has
// lost what it wrote. TCP's keep-alive, which Go turns on, ends the connections of dead
// hosts.
const firstMessageTime = 30 * time.Second

// chanceTime is how long a new connection is safe from a peer that has more connections.
const chanceTime = time.Second

// maxLong is how many connections at once may have a message in memory that is longer
// than their buffer. The messages received in part thus take at most about
// maxLong * MaxLine + MaxConnections * bufferLen bytes: 14 MiB by default.
const maxLong = 8

// A connection is an open TCP connection. Listener.mu guards its fields.
type connection struct {
	net.Conn
	peer     netip.Addr
	opened   time.Time
	messages uint64 // received whole
	long     uint64 // Listener.clock at the beginning of a long message that has not ended; 0 if there is none

	memory []byte // of the long message
}

// accept serves connections until accepting fails.
func (l *Listener) accept(ln net.Listener) error {
	for {
		accepted, err := ln.Accept()
		if err != nil {
			return err
		}
		c := &connection{Conn: accepted, peer: accepted.RemoteAddr().(*net.TCPAddr).AddrPort().Addr().Unmap()}
		if !l.admit(c) {
			c.Close()
			continue
		}
		l.wg.Go(func() {
			l.serve(c)
			c.Close()
			l.mu.Lock()
			defer l.mu.Unlock()
			delete(l.connections, c)
		})
	}
}

// admit adds c to the open connections if it is allowed, and reports whether it did. If
// there is one too many, it closes another one, or does not admit c.
func (l *Listener) admit(c *connection) bool {
	if !l.allowed(c.peer) {
		l.drop(NotAllowed, 1)
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	if len(l.connections) >= l.cfg.MaxConnections {
		l.dropped[TooManyConnections]++
		victim := l.oneTooMany(c)
		if victim == c {
			return false
		}
		victim.Close()
		delete(l.connections, victim)
	}
	c.opened = time.Now()
	l.connections[c] = struct{}{}
	return true
}

// oneTooMany returns the connection that is to be closed when c is one too many: the
// oldest that never sent a message and had a chance; else c, if nobody has more
// connections than its peer; else that of the peer with the most that has sent the fewest
// messages.
func (l *Listener) oneTooMany(c *connection) *connection {
	peers := map[netip.Addr]int{c.peer: 1}
	for o := range l.connections {
		peers[o.peer]++
	}
	var mute, fewest *connection
	most := c.peer
	for o := range l.connections {
		hadChance := peers[o.peer] >= peers[c.peer] || time.Since(o.opened) > chanceTime
		if o.messages == 0 && hadChance && (mute == nil || o.opened.Before(mute.opened)) {
			mute = o
		}
		if peers[o.peer] > peers[most] {
			most = o.peer
		}
	}
	switch {
	case mute != nil:
		return mute
	case most == c.peer:
		return c
	}
	for o := range l.connections {
		if o.peer == most && (fewest == nil || o.messages < fewest.messages) {
			fewest = o
		}
	}
	return fewest
}

// serve queues the messages of a connection until it ends. Senders wait for room. It
// drops an incomplete message, since the missing part may be the end of a reply.
func (l *Listener) serve(c *connection) {
	defer l.shrunk(c)
	if err := c.SetReadDeadline(time.Now().Add(firstMessageTime)); err != nil {
		return
	}
	r := bufio.NewReaderSize(c, bufferLen)
	grow := func() []byte { return l.growing(c) }
	for first := true; ; first = false {
		if _, err := r.Peek(1); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				l.drop(Silent, 1)
			}
			return
		}
		message, overlong, err := readFrame(r, l.cfg.MaxLine, grow)
		if err != nil {
			l.drop(Incomplete, 1)
			return
		}
		if first && c.SetReadDeadline(time.Time{}) != nil {
			return
		}
		l.heard(c, overlong)
		l.queue.put(message)
		l.shrunk(c)
	}
}

// heard notes a whole message of c.
func (l *Listener) heard(c *connection, overlong bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.messages++
	c.long = 0 // no longer in the middle of one
	if overlong {
		l.overlong++
	}
}

// growing returns memory for a message of c that is longer than its buffer. If all is in
// use, it closes the connection whose long message began first, since a sender that means
// it does not stop in the middle of one, and waits.
func (l *Listener) growing(c *connection) []byte {
	select {
	case c.memory = <-l.long:
	default:
		l.closeOldestLong()
		c.memory = <-l.long
	}
	if c.memory == nil {
		c.memory = make([]byte, 0, l.cfg.MaxLine+len("\r\n"))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.clock++
	c.long = l.clock
	return c.memory
}

func (l *Listener) closeOldestLong() {
	l.mu.Lock()
	defer l.mu.Unlock()
	var oldest *connection
	for o := range l.connections {
		if o.long > 0 && (oldest == nil || o.long < oldest.long) {
			oldest = o
		}
	}
	if oldest != nil {
		oldest.Close()
		oldest.long = 0 // the next one that needs memory closes another
	}
}

// shrunk gives back the memory of a message of c, if it took any.
func (l *Listener) shrunk(c *connection) {
	if c.memory == nil {
		return
	}
	l.long <- c.memory // has room for all
	c.memory = nil
}
