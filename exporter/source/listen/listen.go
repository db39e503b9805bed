// Package listen receives syslog messages, as relays such as rsyslog send them,
// over UDP (RFC 5426), TCP (RFC 6587) and a Unix datagram socket. A Listener takes a
// URL and the networks of its senders, and hands out one Record per message.
//
// It loses, and cannot count, datagrams that the network drops, messages in a TCP
// connection that breaks, since plain syslog has no acknowledgements (RFC 6587
// §4.1), and messages received after the last commit if the process is killed.
package listen

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"smtp_reply_exporter/exporter/source"
)

// retryInterval is the time between two attempts to bind a socket.
const retryInterval = time.Second

// The causes of dropped messages, which are the keys of Stats.Dropped.
const (
	NotAllowed         = "not_allowed"          // a datagram, or a whole connection, from outside Config.Allow
	TooManyConnections = "too_many_connections" // a connection closed or refused for Config.MaxConnections
	Silent             = "silent"               // a connection closed without a byte for firstMessageTime
	QueueFull          = "queue_full"           // a datagram that found no room in the queue
	ReceiveBufferFull  = "receive_buffer_full"  // a datagram that the kernel had no room for; counted on Linux only
	Incomplete         = "incomplete"           // a message during which its connection ended or was closed
)

// Config says where to listen, and who may send.
type Config struct {
	// URL is udp://ADDRESS:PORT, tcp://ADDRESS:PORT or unix:///PATH. An empty
	// ADDRESS means all addresses of the host.
	URL string
	// Allow are the networks that may send. None means all, and is valid only for a
	// loopback address. IPv4 networks must not be IPv4-mapped.
	Allow []netip.Prefix
	// MaxLine is the length in bytes to which longer messages are truncated; 0 means
	// source.MaxLine.
	MaxLine int
	// MaxConnections is how many TCP connections may be open; 0 means 100. For one more,
	// another one is closed: see oneTooMany.
	MaxConnections int
}

// A Listener receives in its own goroutines. One caller polls it; its methods are not
// safe for concurrent use.
type Listener struct {
	cfg              Config
	network, address string

	socket *socket
	retry  time.Time // when to bind again
	err    error     // of the last Poll

	wg        sync.WaitGroup
	queue     *queue
	batch     []byte      // the messages taken from the queue
	readBytes int64       // of messages handed out
	long      chan []byte // memory for maxLong long messages; nil until used

	mu          sync.Mutex
	closed      bool
	connections map[*connection]struct{}
	clock       uint64           // counts long messages
	overlong    int64            // messages
	dropped     map[string]int64 // has a key for each cause
}

// New checks cfg and returns a Listener. It binds nothing before the first Poll.
// Errors begin with the URL and say what to write instead.
func New(cfg Config) (*Listener, error) {
	cfg.MaxLine = cmp.Or(cfg.MaxLine, source.MaxLine)
	cfg.MaxConnections = cmp.Or(cfg.MaxConnections, 100)
	network, address, err := parseURL(cfg.URL, len(cfg.Allow) > 0)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", cfg.URL, err)
	}
	long := make(chan []byte, maxLong)
	for range maxLong {
		long <- nil
	}
	return &Listener{
		cfg:         cfg,
		network:     network,
		address:     address,
		queue:       newQueue(),
		long:        long,
		connections: make(map[*connection]struct{}),
		dropped: map[string]int64{
			NotAllowed: 0, TooManyConnections: 0, Silent: 0, QueueFull: 0, ReceiveBufferFull: 0, Incomplete: 0,
		},
	}, nil
}

// parseURL returns the network and address for package net. restricted reports whether
// Config.Allow restricts the senders.
func parseURL(url string, restricted bool) (network, address string, err error) {
	scheme, address, _ := strings.Cut(url, "://")
	switch {
	case scheme == "unix" && restricted:
		return "", "", errors.New("a Unix socket's senders have no address; leave out allow and restrict the socket's directory")
	case scheme == "unix" && !filepath.IsAbs(address):
		return "", "", errors.New("not an absolute path; write it with three slashes, such as unix:///run/smtp_reply_exporter/log")
	case scheme == "unix":
		return "unixgram", filepath.Clean(address), nil
	case scheme != "udp" && scheme != "tcp":
		return "", "", errors.New("not a udp, tcp or unix URL; write one such as udp://127.0.0.1:5514")
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", "", fmt.Errorf("%w; write an address and a port, such as %s://127.0.0.1:5514", err, scheme)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", "", fmt.Errorf("%q is not a port; write one from 1 to 65535", port)
	}
	ip, err := netip.ParseAddr(host)
	if err != nil && host != "" {
		return "", "", fmt.Errorf("%q is not an IP address; write one, such as 127.0.0.1 or [::1]", host)
	}
	if !restricted && !ip.IsLoopback() {
		return "", "", errors.New("listens beyond loopback; list the senders' networks under allow, or listen on 127.0.0.1 or [::1]")
	}
	return scheme, address, nil
}

// Poll binds the socket, unless it is bound, and hands out the messages that have
// arrived, at most 4 MiB. Each message is one line with its PRI, and untrusted, since
// anybody can send one. more reports whether the next Poll has much to hand out at
// once. err is an error that is new since the last Poll. Poll retries once a second.
func (l *Listener) Poll(now time.Time, handle func(source.Record)) (more bool, err error) {
	err = source.Changed(&l.err, l.ready(now))
	l.batch = l.queue.swap(l.batch[:0])
	for text, rest := cutMessage(l.batch); text != nil; text, rest = cutMessage(rest) {
		// Some senders end a datagram like a line or a C string.
		if text = bytes.TrimRight(text, "\r\n\x00"); len(text) > 0 {
			l.readBytes += int64(len(text))
			handle(source.Record{Line: text})
		}
	}
	return len(l.batch) > queueLen/2, err
}

// ready binds the socket if there is none, or closes one that has failed.
func (l *Listener) ready(now time.Time) (err error) {
	if l.socket == nil && now.Before(l.retry) {
		return l.err
	}
	if l.socket == nil {
		l.socket, err = l.bind()
	} else if err = l.socket.failure(); err != nil {
		l.socket.close()
		l.socket = nil
	}
	if err != nil {
		l.retry = now.Add(retryInterval)
		return fmt.Errorf("%s: %w", l.cfg.URL, err)
	}
	return nil
}

// allowed reports whether ip may send.
func (l *Listener) allowed(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	for _, network := range l.cfg.Allow {
		if network.Contains(ip) {
			return true
		}
	}
	return len(l.cfg.Allow) == 0
}

func (l *Listener) drop(cause string, n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dropped[cause] += n
}

// countOverlong counts a received message if it is overlong.
func (l *Listener) countOverlong(overlong bool) {
	if overlong {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.overlong++
	}
}

// Stats returns the Listener's Stats. A bound socket is up and caught up.
func (l *Listener) Stats() source.Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	bound := l.socket != nil
	return source.Stats{
		Up: bound, CaughtUp: bound, ReadBytes: l.readBytes, OverlongLines: l.overlong, Dropped: maps.Clone(l.dropped),
	}
}

// Err returns why the socket is not bound; nil if it is.
func (l *Listener) Err() error { return l.err }

// Close closes the socket and all connections, and waits for the goroutines. It
// discards messages that the last Poll did not hand out.
func (l *Listener) Close() {
	if l.socket != nil {
		l.socket.close()
		l.socket = nil
	}
	l.queue.close()
	l.mu.Lock()
	l.closed = true
	for c := range l.connections {
		c.Close()
	}
	l.mu.Unlock()
	l.wg.Wait()
}
