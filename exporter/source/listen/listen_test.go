package listen

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

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

// listening is a bound Listener with what it handed out and reported.
type listening struct {
	*testing.T
	*Listener
	now      time.Time
	messages []string
	errs     []error
}

// listen listens at cfg.URL, a network address on a port that is free.
func listen(t *testing.T, cfg Config) *listening {
	l, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if l.network != "unixgram" {
		host, _, err := net.SplitHostPort(l.address)
		if err != nil {
			t.Fatal(err)
		}
		l.address = net.JoinHostPort(host, "0")
	}
	t.Cleanup(l.Close)
	p := &listening{T: t, Listener: l, now: time.Date(2026, 11, 23, 16, 0, 0, 0, time.UTC)}
	p.poll()
	return p
}

// poll polls once, a second after the last time.
func (l *listening) poll() (more bool) {
	l.now = l.now.Add(time.Second)
	more, err := l.Poll(l.now, func(record source.Record) { l.messages = append(l.messages, string(record.Line)) })
	if err != nil {
		l.errs = append(l.errs, err)
	}
	return more
}

func (l *listening) addr() string {
	l.Helper()
	switch s := l.socket.Closer.(type) {
	case net.Listener:
		return s.Addr().String()
	case net.Conn:
		return s.LocalAddr().String()
	}
	l.Fatal("not bound")
	return ""
}

// wait waits until done without a poll.
func (l *listening) wait(what string, done func() bool) {
	l.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			l.Fatalf("waited in vain until %s; %d messages, errors %v, stats %+v", what, len(l.messages), l.errs, l.Stats())
		}
	}
}

// until polls until done.
func (l *listening) until(what string, done func() bool) {
	l.Helper()
	l.wait(what, func() bool { l.poll(); return done() })
}

func (l *listening) untilMessages(n int) {
	l.Helper()
	l.until(fmt.Sprintf("there are %d messages", n), func() bool { return len(l.messages) >= n })
}

func (l *listening) untilDropped(cause string, n int64) {
	l.Helper()
	l.until(fmt.Sprintf("%d are %s", n, cause), func() bool { return l.Stats().Dropped[cause] >= n })
}

// want compares what was received, and dropped except for nothing.
func (l *listening) want(dropped map[string]int64, messages ...string) {
	l.Helper()
	if d := cmp.Diff(messages, l.messages); d != "" {
		l.Errorf("messages (-want +got):\n%s", d)
	}
	st := l.Stats()
	got := map[string]int64{}
	for cause, n := range st.Dropped {
		if n > 0 {
			got[cause] = n
		}
	}
	if d := cmp.Diff(dropped, got); d != "" && len(dropped)+len(got) > 0 {
		l.Errorf("dropped (-want +got):\n%s", d)
	}
	if st.ReadBytes != int64(len(strings.Join(messages, ""))) {
		l.Errorf("stats: %+v of %d messages", st, len(messages))
	}
}

// dial connects to l.
func (l *listening) dial() net.Conn {
	l.Helper()
	c, err := net.Dial(l.network, l.addr())
	if err != nil {
		l.Fatal(err)
	}
	l.Cleanup(func() { c.Close() })
	return c
}

func (l *listening) send(c net.Conn, text string) {
	l.Helper()
	if _, err := c.Write([]byte(text)); err != nil {
		l.Fatal(err)
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
		NotAllowed: 0, TooManyConnections: 0, QueueFull: 0, ReceiveBufferFull: 0, Incomplete: 0,
	}}
	if d := cmp.Diff(want, l.Stats()); d != "" {
		t.Error(d)
	}
	l.Close() // of what was never bound
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
		{"loopback is not allowed of itself", "//127.0.0.1:5514", "127.0.0.1", []netip.Prefix{prefix("192.0.2.0/24")}, false},
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
				l.untilDropped(NotAllowed, 1)
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
				l.untilDropped(NotAllowed, 1)
				l.want(map[string]int64{NotAllowed: 1})
			}
		})
	}
}

// Datagrams that nobody polls for are dropped and counted, none twice: the
// kernel's drops show with a datagram after them.
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

// Datagrams that the kernel dropped are counted, once it has one to tell it with.
func TestReceiveBufferFull(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells")
	}
	l := listen(t, Config{URL: "udp://127.0.0.1:5514"})
	c := l.dial()
	l.queue.mu.Lock() // receiving stands still
	const sent = 1000
	for range sent {
		l.send(c, strings.Repeat("x", 16<<10)) // 16 MB, four times what the buffer may be
	}
	l.queue.mu.Unlock()
	last := int64(0)
	l.until("all are accounted for", func() bool {
		l.send(c, "last")
		last++
		st := l.Stats()
		return st.Dropped[ReceiveBufferFull] > 0 && int64(len(l.messages))+st.Dropped[ReceiveBufferFull] == sent+last-1
	})
}

func TestBindErrors(t *testing.T) {
	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) {
			l := listen(t, Config{URL: network + "://127.0.0.1:5514"})
			second := &listening{T: t, now: l.now}
			second.Listener, _ = New(Config{URL: network + "://127.0.0.1:5514"})
			defer second.Close()
			second.address = l.addr()
			for range 3 {
				second.poll()
			}
			if len(second.errs) != 1 || second.Stats().Up || !strings.Contains(second.errs[0].Error(), "address already in use") {
				t.Fatalf("reported %v, want once that the address is in use", second.errs)
			}
			l.Close()
			second.until("the address is free", func() bool { return second.Stats().Up })
		})
	}
}

func TestUnixSocket(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "sub", "log")
	l := listen(t, Config{URL: "unix://" + path})
	l.poll()
	if len(l.errs) != 1 || l.Stats().Up {
		t.Fatalf("reported %v, want once that the directory is missing", l.errs)
	}
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	l.poll()
	l.send(l.dial(), "a")
	l.untilMessages(1)
	if file, err := os.Stat(path); err != nil {
		t.Error(err)
	} else if file.Mode().Perm() != 0o666 {
		t.Errorf("mode %v", file.Mode())
	}

	// The file is removed: nobody could send any more.
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	l.poll()
	l.poll()
	if len(l.errs) != 2 || !strings.HasSuffix(l.errs[1].Error(), "the socket's file was removed or replaced; it is made again") {
		t.Errorf("reported %v", l.errs)
	}
	l.send(l.dial(), "b")
	l.untilMessages(2)

	// Another process does not take it over.
	second := listen(t, Config{URL: "unix://" + path})
	second.poll()
	want := fmt.Sprintf("unix://%[1]s: another process listens on %[1]s; stop it or name another path", path)
	if len(second.errs) != 1 || second.errs[0].Error() != want {
		t.Errorf("reported %v, want %q", second.errs, want)
	}
	second.Close()
	l.send(l.dial(), "c")
	l.untilMessages(3)
	l.want(nil, "a", "b", "c")

	l.Close()
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Error("the socket is there after Close:", err)
	}
}

func TestUnixSocketStale(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	stale, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram", Name: path})
	if err != nil {
		t.Fatal(err)
	}
	stale.Close()
	l := listen(t, Config{URL: "unix://" + path})
	l.send(l.dial(), "a")
	l.untilMessages(1)
}

func TestUnixSocketPathTaken(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	stream := filepath.Join(dir, "stream")
	ln, err := net.Listen("unix", stream)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	for path, want := range map[string]string{
		file:   "is there and not a socket; name another path",
		stream: "another process listens on " + stream + "; stop it or name another path",
	} {
		l := listen(t, Config{URL: "unix://" + path})
		if len(l.errs) != 1 || !strings.HasSuffix(l.errs[0].Error(), want) {
			t.Errorf("reported %v, want %q", l.errs, want)
		}
		l.Close()
		if _, err := os.Lstat(path); err != nil {
			t.Error("it is gone:", err)
		}
	}
}
