package web

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// pipes is a listener to in-memory connections, for which time need not pass.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	c, ok := <-p
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (p pipes) Close() error   { return nil }
func (p pipes) Addr() net.Addr { return nil }

// What a client sends and reads decides how long it keeps its connection.
func TestTimeouts(t *testing.T) {
	const request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
	for _, tc := range []struct {
		name, send string
		read       bool
		want       time.Duration
	}{
		{name: "says nothing", want: requestTime},
		{name: "half a header", send: "GET / HTTP/1.1\r\nHost: x\r\nX: ", want: requestTime},
		{name: "never reads", send: request, want: answerTime},
		{name: "keeps the connection", send: request, read: true, want: idleTime},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					_, _ = w.Write(make([]byte, 1<<20))
				}))
				connected := make(pipes)
				go func() { _ = server.Serve(connected) }()
				client, served := net.Pipe()
				closed := make(chan time.Time, 1)
				connected <- tell{served, closed}
				began := time.Now()
				if _, err := io.WriteString(client, tc.send); err != nil {
					t.Fatal(err)
				}
				if tc.read {
					go func() { _, _ = io.Copy(io.Discard, client) }()
				}
				if took := (<-closed).Sub(began); took < tc.want || took > tc.want+time.Second {
					t.Errorf("closed after %s, want %s", took, tc.want)
				}
				client.Close()
				close(connected)
			})
		})
	}
}

// tell is a connection that tells when it is closed.
type tell struct {
	net.Conn
	closed chan time.Time
}

func (c tell) Close() error {
	select {
	case c.closed <- time.Now():
	default:
	}
	return c.Conn.Close()
}

// A server with all its connections taken still answers.
func TestTooManyConnections(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := newServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), 10)
	done := make(chan error)
	go func() { done <- server.Serve(listener) }()
	defer func() {
		server.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	}()
	var stuck []net.Conn
	for range 100 {
		c, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\n"); err != nil {
			t.Fatal(err)
		}
		stuck = append(stuck, c)
		answer, err := http.Get("http://" + listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
	}
	for _, c := range stuck[:90] { // at most 10 are left, so these were closed
		if _, err := bufio.NewReader(c).ReadByte(); err == nil {
			t.Error("an old connection was answered")
		}
	}
}

// peer is a connection from an address.
type peer struct {
	net.Conn
	name, address string
	closed        *[]string
}

func (p peer) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.ParseIP(p.address), Port: 1} }

func (p peer) Close() error {
	*p.closed = append(*p.closed, p.name)
	return nil
}

func TestWhichIsClosed(t *testing.T) {
	var closed []string
	open := &connections{most: 3, all: map[net.Conn]*connection{}}
	prometheus := peer{name: "prometheus", address: "192.0.2.1", closed: &closed}
	open.changed(prometheus, http.StateNew)
	open.changed(prometheus, http.StateIdle)
	flood := map[string]peer{}
	for _, name := range []string{"a", "b"} {
		flood[name] = peer{name: name, address: "2001:db8::1", closed: &closed}
		open.changed(flood[name], http.StateNew)
	}
	open.changed(flood["a"], http.StateActive) // b is the one without progress now
	for _, name := range []string{"c", "d"} {
		flood[name] = peer{name: name, address: "2001:db8::1", closed: &closed}
		open.changed(flood[name], http.StateNew)
	}
	open.changed(flood["b"], http.StateClosed)
	open.changed(flood["c"], http.StateClosed)
	open.changed(peer{name: "e", address: "2001:db8::1", closed: &closed}, http.StateNew)
	if d := cmp.Diff([]string{"b", "a"}, closed); d != "" {
		t.Errorf("closed (-want +got):\n%s", d)
	}
}
