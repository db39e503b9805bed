package listen

import (
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"smtp_reply_exporter/exporter/source"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestNew(t *testing.T) {
	ours := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	const beyond = "listens beyond loopback; list the senders' networks under allow, or listen on 127.0.0.1 or [::1]"
	const noURL = "not a udp, tcp or unix URL; write one such as udp://127.0.0.1:5514"
	tests := []struct {
		url     string
		allow   []netip.Prefix
		network string
		err     string // after the URL
	}{
		{url: "udp://127.0.0.1:5514", network: "udp"},
		{url: "udp://127.9.9.9:5514", network: "udp"},
		{url: "tcp://[::1]:5514", network: "tcp"},
		{url: "unix:///run/x/log", network: "unixgram"},
		{url: "udp://0.0.0.0:514", allow: ours, network: "udp"},
		{url: "tcp://:514", allow: ours, network: "tcp"},
		{url: "tcp://127.0.0.1:514", allow: ours, network: "tcp"},

		{url: "udp://0.0.0.0:514", err: beyond},
		{url: "tcp://[::]:514", err: beyond},
		{url: "tcp://:514", err: beyond},
		{url: "udp://192.0.2.1:514", err: beyond},
		{url: "udp://localhost:514", err: `"localhost" is not an IP address; write one, such as 127.0.0.1 or [::1]`},
		{url: "udp://127.0.0.1", err: "address 127.0.0.1: missing port in address; write an address and a port, such as udp://127.0.0.1:5514"},
		{url: "tcp://127.0.0.1:0", err: `"0" is not a port; write one from 1 to 65535`},
		{url: "tcp://127.0.0.1:65536", err: `"65536" is not a port; write one from 1 to 65535`},
		{url: "tcp://127.0.0.1:514/x", err: `"514/x" is not a port; write one from 1 to 65535`},
		{url: "unix://run/log", err: "not an absolute path; write it with three slashes, such as unix:///run/smtp_reply_exporter/log"},
		{url: "unix:///run/log", allow: ours, err: "a Unix socket's senders have no address; leave out allow and restrict the socket's directory"},
		{url: "http://127.0.0.1:514", err: noURL},
		{url: "127.0.0.1:514", err: noURL},
		{url: "", err: noURL},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%s %v", tt.url, tt.allow), func(t *testing.T) {
			l, err := New(Config{URL: tt.url, Allow: tt.allow})
			switch {
			case tt.err != "":
				if want := fmt.Sprintf("%q: %s", tt.url, tt.err); err == nil || err.Error() != want {
					t.Errorf("error %v\nwant  %s", err, want)
				}
			case err != nil:
				t.Error(err)
			case l.network != tt.network:
				t.Errorf("network %s, want %s", l.network, tt.network)
			}
		})
	}
}

func TestDatagrams(t *testing.T) {
	for _, url := range []string{"udp://127.0.0.1:5514", "udp://[::1]:5514", "unix://" + filepath.Join(t.TempDir(), "log")} {
		t.Run(url, func(t *testing.T) {
			l := listen(t, Config{URL: url, MaxLine: 1000})
			c := l.dial()
			longest := strings.Repeat("x", 1000)
			for _, text := range []string{
				"<22>a", "<22>line end\r\n", "<22>C string\x00", "", "\n", longest + "x", longest,
				"12 <22>not octet counting here", "<22>two\nlines", "\xff",
			} {
				l.send(c, text)
			}
			l.untilMessages(8)
			l.want(nil,
				"<22>a", "<22>line end", "<22>C string", longest, longest, "12 <22>not octet counting here", "<22>two\nlines", "\xff")
			if st := l.Stats(); !st.Up || st.OverlongLines != 1 || len(l.errs) > 0 {
				t.Errorf("stats %+v, errors %v", st, l.errs)
			}
		})
	}
}

func TestStats(t *testing.T) {
	l, err := New(Config{URL: "tcp://127.0.0.1:5514"})
	if err != nil {
		t.Fatal(err)
	}
	want := source.Stats{Dropped: map[string]int64{
		NotAllowed: 0, TooManyConnections: 0, Silent: 0, QueueFull: 0, ReceiveBufferFull: 0, Incomplete: 0,
	}}
	if d := cmp.Diff(want, l.Stats()); d != "" {
		t.Error(d)
	}
	l.Close() // although it was never bound
}

func TestAllow(t *testing.T) {
	prefix := netip.MustParsePrefix
	tests := []struct {
		name  string
		url   string
		from  string
		allow []netip.Prefix
		want  bool
	}{
		{"loopback, any", "//127.0.0.1:5514", "127.0.0.1", nil, true},
		{"in one of the networks", "//:5514", "127.0.0.9", []netip.Prefix{prefix("192.0.2.0/24"), prefix("127.0.0.8/29")}, true},
		{"beside the network", "//:5514", "127.0.0.1", []netip.Prefix{prefix("127.0.0.8/29")}, false},
		{"loopback is not always allowed", "//127.0.0.1:5514", "127.0.0.1", []netip.Prefix{prefix("192.0.2.0/24")}, false},
		{"IPv6", "//:5514", "::1", []netip.Prefix{prefix("::1/128")}, true},
		{"IPv6, not allowed", "//[::1]:5514", "::1", []netip.Prefix{prefix("127.0.0.0/8")}, false},
	}
	for _, tt := range tests {
		from := netip.MustParseAddr(tt.from).AsSlice()
		t.Run("udp, "+tt.name, func(t *testing.T) {
			l := listen(t, Config{URL: "udp:" + tt.url, Allow: tt.allow})
			_, port, _ := net.SplitHostPort(l.addr())
			d := net.Dialer{LocalAddr: &net.UDPAddr{IP: from}}
			c, err := d.Dial("udp", net.JoinHostPort(tt.from, port))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			l.send(c, "a")
			if tt.want {
				l.untilMessages(1)
				l.want(nil, "a")
			} else {
				l.untilDropped(NotAllowed)
				l.want(map[string]int64{NotAllowed: 1})
			}
		})
		t.Run("tcp, "+tt.name, func(t *testing.T) {
			l := listen(t, Config{URL: "tcp:" + tt.url, Allow: tt.allow})
			_, port, _ := net.SplitHostPort(l.addr())
			d := net.Dialer{LocalAddr: &net.TCPAddr{IP: from}}
			c, err := d.Dial("tcp", net.JoinHostPort(tt.from, port))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if tt.want {
				l.send(c, "a\n")
				l.untilMessages(1)
				l.want(nil, "a")
			} else {
				if n, err := c.Read(make([]byte, 1)); n > 0 || err == nil {
					t.Error("the connection was not closed")
				}
				l.untilDropped(NotAllowed)
				l.want(map[string]int64{NotAllowed: 1})
			}
		})
	}
}

// Without a poll, datagrams are dropped and counted, none twice. The kernel reports
// its drops with the next datagram.
func TestQueueFull(t *testing.T) {
	l := listen(t, Config{URL: "udp://127.0.0.1:5514"})
	c := l.dial()
	text := strings.Repeat("x", 32<<10)
	sent := int64(0)
	l.wait("a datagram finds no room", func() bool {
		l.send(c, text)
		sent++
		return l.Stats().Dropped[QueueFull] > 0
	})
	l.until("a last one comes through and all are accounted for", func() bool {
		l.send(c, "last")
		sent++
		st := l.Stats()
		n := int64(len(l.messages))
		return n > 0 && n+st.Dropped[QueueFull]+st.Dropped[ReceiveBufferFull] == sent-1
	})
}

// TestReceiveBufferFull tests that datagrams dropped by the kernel are counted. The
// kernel reports them with the next datagram.
func TestReceiveBufferFull(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux reports dropped datagrams")
	}
	l := listen(t, Config{URL: "udp://127.0.0.1:5514"})
	c := l.dial()
	l.queue.mu.Lock() // stops receiving
	const sent = 1000
	for range sent {
		l.send(c, strings.Repeat("x", 16<<10)) // 16 MB, four times the largest buffer
	}
	l.queue.mu.Unlock()
	last := int64(0)
	l.until("all are accounted for", func() bool {
		l.send(c, "last")
		last++
		st := l.Stats()
		dropped := st.Dropped[ReceiveBufferFull] + st.Dropped[QueueFull]
		return st.Dropped[ReceiveBufferFull] > 0 && int64(len(l.messages))+dropped == sent+last-1
	})
}
