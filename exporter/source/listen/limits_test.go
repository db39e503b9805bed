package listen

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// dialFrom connects to l from an address of this host.
func (l *listening) dialFrom(address string) net.Conn {
	l.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	c, err := d.Dial("tcp", l.addr())
	if err != nil {
		l.Fatal(err)
	}
	l.Cleanup(func() { c.Close() })
	return c
}

// wantClosed waits until l closes a connection.
func (l *listening) wantClosed(c net.Conn) {
	l.Helper()
	if n, err := c.Read(make([]byte, 1)); n > 0 || err == nil {
		l.Error("the connection was answered")
	}
}

// For one connection too many, the oldest that never sent a message goes. If each has
// sent one, the peer with the most connections has one less, or gets no further one.
func TestTooManyConnections(t *testing.T) {
	l := listen(t, Config{URL: "tcp://:5514", Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, MaxConnections: 3})
	_, port, err := net.SplitHostPort(l.addr())
	if err != nil {
		t.Fatal(err)
	}
	l.address = net.JoinHostPort("127.0.0.1", port)
	const us, relay, other = "127.0.0.1", "127.0.0.2", "127.0.0.3"
	n := 0
	say := func(c net.Conn) {
		t.Helper()
		n++
		l.send(c, fmt.Sprintf("%d\n", n))
		l.untilMessages(n)
	}
	talks := l.dialFrom(us)
	say(talks)
	mute := l.dialFrom(us)
	l.until("two are open", func() bool { return l.open() == 2 })
	l.send(mute, "half a mess")
	later := l.dialFrom(us)
	l.until("three are open", func() bool { return l.open() == 3 })

	fourth := l.dialFrom(us)
	l.wantClosed(mute)
	say(fourth)
	fifth := l.dialFrom(relay)
	l.wantClosed(later)
	say(fifth)

	// Now each has sent a message.
	l.wantClosed(l.dialFrom(us)) // has two already
	say(talks)
	sixth := l.dialFrom(other)
	l.wantClosed(fourth) // has said less than talks
	say(sixth)
	l.wantClosed(l.dialFrom(relay)) // nobody has more
	say(talks)
	say(fifth)
	say(sixth)
	l.untilDropped(Incomplete) // of mute
	if got := l.Stats().Dropped[TooManyConnections]; got != 5 || l.open() != 3 {
		t.Errorf("%d too many, %d open", got, l.open())
	}
}

// A new connection that has not sent a message yet is safe for a moment from a peer that
// has more connections.
func TestChanceOfNewConnection(t *testing.T) {
	l, err := New(Config{URL: "tcp://127.0.0.1:5514"})
	if err != nil {
		t.Fatal(err)
	}
	flood, relay := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	fresh := &connection{peer: relay, opened: time.Now().Add(time.Hour)} // not older, however slow the test is
	for i := range 3 {
		l.connections[&connection{peer: flood, messages: uint64(i + 1)}] = struct{}{}
	}
	l.connections[fresh] = struct{}{}
	if c := (&connection{peer: flood}); l.oneTooMany(c) != c {
		t.Error("it made room for one more of a flood")
	}
	if l.oneTooMany(&connection{peer: relay}) != fresh {
		t.Error("it is not closed for one of its own peer")
	}
	fresh.opened = time.Now().Add(-2 * chanceTime)
	if l.oneTooMany(&connection{peer: flood}) != fresh {
		t.Error("it had its chance, and was not closed")
	}
}

// A flood of connections does not keep a sender out.
func TestConnectionFlood(t *testing.T) {
	l := listen(t, Config{URL: "tcp://127.0.0.1:5514", MaxConnections: 5})
	for i := range 50 {
		l.dial()
		l.send(l.dial(), "<22>half")
		c := l.dial()
		l.send(c, "<22>whole\n")
		l.untilMessages(i + 1)
		c.Close()
		l.until("it is closed", func() bool { return l.open() < 5 })
	}
}

// The memory of messages that never end is bounded: the oldest one goes.
func TestLongMessages(t *testing.T) {
	l := listen(t, Config{URL: "tcp://127.0.0.1:5514"})
	long := strings.Repeat("x", 2*bufferLen)
	holding := func() (n int) {
		l.mu.Lock()
		defer l.mu.Unlock()
		for c := range l.connections {
			if c.long > 0 {
				n++
			}
		}
		return n
	}
	var senders []net.Conn
	for i := range maxLong {
		c := l.dial()
		l.send(c, []string{long, "999999 " + long}[i%2])
		l.until("it is in memory", func() bool { return holding() == i+1 })
		senders = append(senders, c)
	}
	l.send(l.dial(), long+"\n") // one more, a whole one
	l.untilMessages(1)
	l.untilDropped(Incomplete)
	l.wantClosed(senders[0])
	l.until("the whole one is not in memory", func() bool { return holding() == maxLong-1 })
	l.send(senders[2], "\n")
	l.untilMessages(2)
	l.want(map[string]int64{Incomplete: 1}, long, long)
}

// A connection must bring a first message in time. Then nothing but the network ends it.
func TestFirstMessage(t *testing.T) {
	for _, tc := range []struct {
		name    string
		cause   string
		session func(send func(text string))
		want    []string
	}{
		{"nothing", Silent, func(func(string)) {}, nil},
		{"half a message", Incomplete, func(send func(string)) { send("<22>") }, nil},
		{"a slow message", Incomplete, func(send func(string)) {
			for range 3 {
				send("c")
				time.Sleep(firstMessageTime / 4)
			}
		}, nil},
		{"a message in time, then a slow one", "", func(send func(string)) {
			time.Sleep(firstMessageTime - time.Second)
			send("<22>a\n")
			time.Sleep(1000 * time.Hour)
			send("<22>b")
			time.Sleep(1000 * time.Hour)
			send("\n")
			time.Sleep(1000 * time.Hour)
		}, []string{"<22>a", "<22>b"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, err := New(Config{URL: "tcp://127.0.0.1:5514"})
				if err != nil {
					t.Fatal(err)
				}
				ours, theirs := net.Pipe()
				began := time.Now()
				served := make(chan time.Time, 1)
				go func() {
					l.serve(&connection{Conn: ours})
					served <- time.Now()
				}()
				tc.session(func(text string) {
					if _, err := io.WriteString(theirs, text); err != nil {
						t.Fatal(err)
					}
				})
				if tc.cause == "" {
					synctest.Wait()
					select {
					case <-served:
						t.Error("closed")
					default:
					}
					theirs.Close()
					<-served
				} else if took := (<-served).Sub(began); took != firstMessageTime || l.Stats().Dropped[tc.cause] != 1 {
					t.Errorf("closed after %s, stats %+v", took, l.Stats())
				}
				var got []string
				for text, rest := cutMessage(l.queue.swap(nil)); text != nil; text, rest = cutMessage(rest) {
					got = append(got, string(text))
				}
				if d := cmp.Diff(tc.want, got); d != "" {
					t.Errorf("messages (-want +got):\n%s", d)
				}
				theirs.Close()
				ours.Close()
			})
		})
	}
}
