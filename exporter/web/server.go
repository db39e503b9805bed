package web

import (
	"crypto/tls"
	"math"
	"net"
	"net/http"
	"sync"
	"time"
)

// The limits on strangers, who may reach a server without a password. They leave enough
// file descriptors, of the 1,024 that many systems allow, for the logs.
const (
	maxConnections = 512
	maxStreams     = 8 // requests at once in one HTTP/2 connection
	maxHeader      = 16 << 10
	requestTime    = 10 * time.Second // until a request has arrived
	answerTime     = 30 * time.Second // then, until its answer is written
	idleTime       = 2 * time.Minute  // between two requests
)

// NewServer returns a server with limits on time, memory and connections. It answers
// every connection that it accepts. For one too many it closes another one.
func NewServer(handler http.Handler) *http.Server { return newServer(handler, maxConnections) }

func newServer(handler http.Handler, maxConnections int) *http.Server {
	open := &connections{most: maxConnections, all: map[net.Conn]*connection{}}
	return &http.Server{
		Handler: handler, ConnState: open.changed,
		ReadTimeout: requestTime, WriteTimeout: answerTime, IdleTimeout: idleTime, MaxHeaderBytes: maxHeader,
		HTTP2: &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
	}
}

// connections are the open connections of a server. It is safe for concurrent use.
type connections struct {
	most int

	mu    sync.Mutex
	all   map[net.Conn]*connection
	clock uint64
}

type connection struct {
	peer    string // its address
	changed uint64 // clock of the last change of its state
}

// changed is the server's ConnState.
func (o *connections) changed(c net.Conn, state http.ConnState) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.clock++
	switch state {
	case http.StateNew:
		o.all[c] = &connection{peer: peerOf(c), changed: o.clock}
		if len(o.all) > o.most {
			o.closeOne()
		}
	case http.StateClosed, http.StateHijacked:
		delete(o.all, c)
	default:
		if known := o.all[c]; known != nil {
			known.changed = o.clock
		}
	}
}

// closeOne closes, of the connections of the peer that has the most, the one whose state
// has not changed for the longest time: it is stuck, or idle.
func (o *connections) closeOne() {
	peers, most := map[string]int{}, 0
	for _, c := range o.all {
		peers[c.peer]++
		most = max(most, peers[c.peer])
	}
	var victim net.Conn
	oldest := uint64(math.MaxUint64)
	for c, known := range o.all {
		if known.changed < oldest && peers[known.peer] == most {
			victim, oldest = c, known.changed
		}
	}
	delete(o.all, victim)
	if secure, ok := victim.(*tls.Conn); ok {
		victim = secure.NetConn() // without a farewell, which may block
	}
	_ = victim.Close() // an error means that it is closed
}

// peerOf returns a peer's address without its port.
func peerOf(c net.Conn) string {
	address := c.RemoteAddr().String()
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return address
}
