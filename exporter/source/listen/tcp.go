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
// maxLong * MaxLine + MaxConnections * bufferLen bytes: 22 MiB by default.
const maxLong = 16

// A connection is an open TCP connection. Listener.mu guards its fields.
type connection struct {
	net.Conn
	peer   netip.Addr
	opened time.Time
	// These are values of Listener.clock.
	spoke uint64 // the last whole message; 0 if there was none
	long  uint64 // the beginning of a long message in memory; 0 if there is none

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
// connections than its peer; else that of the peer with the most that has been silent for
// the longest time.
func (l *Listener) oneTooMany(c *connection) *connection {
	peers := map[netip.Addr]int{c.peer: 1}
	for o := range l.connections {
		peers[o.peer]++
	}
	var mute, silent *connection
	most := c.peer
	for o := range l.connections {
		hadChance := peers[o.peer] >= peers[c.peer] || time.Since(o.opened) > chanceTime
		if o.spoke == 0 && hadChance && (mute == nil || o.opened.Before(mute.opened)) {
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
		if o.peer == most && (silent == nil || o.spoke < silent.spoke) {
			silent = o
		}
	}
	return silent
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
	l.clock++
	c.spoke = l.clock
	if overlong {
		l.overlong++
	}
}

// growing returns memory for a message of c that is longer than its buffer. If there are
// too many of these, it closes the connection whose one began first: a sender that means
// it does not stop in the middle of a message.
func (l *Listener) growing(c *connection) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.clock++
	c.long = l.clock
	long, oldest := 0, c
	for o := range l.connections {
		if o.long > 0 {
			long++
			if o.long < oldest.long {
				oldest = o
			}
		}
	}
	if long > maxLong {
		oldest.Close()
	}
	if n := len(l.spare); n > 0 {
		c.memory, l.spare = l.spare[n-1], l.spare[:n-1]
	} else {
		c.memory = make([]byte, 0, l.cfg.MaxLine+len("\r\n"))
	}
	return c.memory
}

// shrunk takes back the memory of a message of c, if it took any.
func (l *Listener) shrunk(c *connection) {
	if c.memory == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.spare) < maxLong {
		l.spare = append(l.spare, c.memory)
	}
	c.long, c.memory = 0, nil
}
