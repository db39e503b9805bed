package listen

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"smtp_reply_exporter/exporter/source"
)

// open returns the number of open connections.
func (l *Listener) open() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.connections)
}

func TestTCP(t *testing.T) {
	l := listen(t, Config{URL: "tcp://127.0.0.1:5514"})
	a, b := l.dial(), l.dial()
	l.send(a, "<22>one\n<22>tw")
	l.untilMessages(1)
	l.send(b, "7 <22>thr7 <22>")
	l.untilMessages(2)
	l.send(a, "o\n")
	l.untilMessages(3)
	l.send(b, "fou")
	l.untilMessages(4)
	if st := l.Stats(); !st.Up || l.open() != 2 {
		t.Errorf("stats %+v, %d connections", st, l.open())
	}
	a.Close()
	l.until("a connection is closed", func() bool { return l.open() == 1 })
	l.want(nil, "<22>one", "<22>thr", "<22>two", "<22>fou")
	l.Close()
	if n, err := b.Read(make([]byte, 1)); n > 0 || err == nil {
		t.Error("the connection is open after Close")
	}
}

// A message over the limit counts, its beginning is handed out, and the next message
// is whole, in each framing.
func TestOverlong(t *testing.T) {
	l := listen(t, Config{URL: "tcp://127.0.0.1:5514"})
	c := l.dial()
	longest := strings.Repeat("x", source.MaxLine)
	l.send(c, longest+"yz\n<22>a\n")
	l.send(c, fmt.Sprintf("%d %syz5 <22>b", len(longest)+2, longest))
	l.send(c, longest+"\r\n")
	l.untilMessages(5)
	l.want(nil, longest, "<22>a", longest, "<22>b", longest)
	if n := l.Stats().OverlongLines; n != 2 {
		t.Errorf("%d overlong lines, want 2", n)
	}
}

// A message during which its connection breaks is dropped.
func TestTCPHalfFrame(t *testing.T) {
	for _, half := range []string{"<22>half a lin", "20 <22>half", "1", "12 ", "99999999 <22>"} {
		t.Run(half, func(t *testing.T) {
			l := listen(t, Config{URL: "tcp://127.0.0.1:5514"})
			c := l.dial()
			l.send(c, "<22>whole\n"+half)
			c.Close()
			l.untilMessages(1)
			l.untilDropped(Incomplete)
			l.want(map[string]int64{Incomplete: 1}, "<22>whole")
		})
	}
}

// Without a poll, messages wait at the sender, and none is lost.
func TestTCPBackPressure(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			url := "tcp://127.0.0.1:5514"
			if network == "unix" {
				url = "unix://" + t.TempDir() + "/log"
			}
			l := listen(t, Config{URL: url})
			c := l.dial()
			const messages = 600 // of 32 KiB: more than queue and socket buffers hold
			sent := make(chan error, 1)
			go func() {
				var err error
				for i := 0; i < messages && err == nil; i++ {
					_, err = fmt.Fprintf(c, "<22>%d %s\n", i, strings.Repeat("x", 32<<10))
				}
				sent <- err
			}()
			l.wait("the queue is full", func() bool {
				l.queue.mu.Lock()
				defer l.queue.mu.Unlock()
				return !l.queue.fits(make([]byte, 32<<10))
			})
			if !l.poll() {
				t.Error("a full queue is not more to hand out")
			}
			l.untilMessages(messages)
			if err := <-sent; err != nil {
				t.Fatal(err)
			}
			for i, m := range l.messages {
				if !strings.HasPrefix(m, fmt.Sprintf("<22>%d x", i)) {
					t.Fatalf("message %d is %.10s", i, m)
				}
			}
		})
	}
}

// Close ends connections that wait for room.
func TestCloseWhileFull(t *testing.T) {
	l := listen(t, Config{URL: "tcp://127.0.0.1:5514"})
	var senders sync.WaitGroup
	for range 3 {
		c := l.dial()
		senders.Go(func() {
			if _, err := io.Copy(c, endless{}); err == nil {
				t.Error("the connection was not closed")
			}
		})
	}
	l.wait("the queue is full", func() bool {
		l.queue.mu.Lock()
		defer l.queue.mu.Unlock()
		return !l.queue.fits(make([]byte, 64<<10))
	})
	l.Close()
	senders.Wait()
	if st := l.Stats(); st.Up || l.open() != 0 {
		t.Errorf("stats after Close: %+v, %d connections", st, l.open())
	}
}

// endless is a stream of lines.
type endless struct{}

func (endless) Read(b []byte) (int, error) {
	return copy(b, strings.Repeat(strings.Repeat("x", 999)+"\n", len(b)/1000+1)), nil
}

// BenchmarkTCP receives messages of an ordinary length over one connection.
func BenchmarkTCP(b *testing.B) {
	for _, framing := range []string{"lines", "octet counting"} {
		b.Run(framing, func(b *testing.B) {
			message := "<22>" + strings.Repeat("x", 196)
			frame := message + "\n"
			if framing != "lines" {
				frame = fmt.Sprintf("%d %s", len(message), message)
			}
			block := []byte(strings.Repeat(frame, 100))
			l, err := New(Config{URL: "tcp://127.0.0.1:5514"})
			if err != nil {
				b.Fatal(err)
			}
			l.address = "127.0.0.1:0"
			defer l.Close()
			received := 0
			poll := func() {
				if _, err := l.Poll(time.Now(), func(source.Record) { received++ }); err != nil {
					b.Fatal(err)
				}
			}
			poll()
			c, err := net.Dial("tcp", l.socket.Closer.(net.Listener).Addr().String())
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			b.SetBytes(int64(len(frame)))
			b.ReportAllocs()
			b.ResetTimer()
			for sent := 0; sent < b.N; sent += 100 {
				if _, err := c.Write(block); err != nil {
					b.Fatal(err)
				}
				poll()
			}
			for received < b.N {
				poll()
			}
		})
	}
}
