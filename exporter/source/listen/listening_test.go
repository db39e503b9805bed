package listen

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"smtp_reply_exporter/exporter/source"
)

// listening is a bound Listener with its records and errors.
type listening struct {
	*testing.T
	*Listener
	now      time.Time
	messages []string
	errs     []error
}

// listen listens at cfg.URL. It replaces the port of a network address with a free
// one.
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

// wait waits until done returns true, without a poll.
func (l *listening) wait(what string, done func() bool) {
	l.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			l.Fatalf("waited in vain until %s; %d messages, errors %v, stats %+v", what, len(l.messages), l.errs, l.Stats())
		}
	}
}

// until polls until done returns true.
func (l *listening) until(what string, done func() bool) {
	l.Helper()
	l.wait(what, func() bool { l.poll(); return done() })
}

func (l *listening) untilMessages(n int) {
	l.Helper()
	l.until(fmt.Sprintf("there are %d messages", n), func() bool { return len(l.messages) >= n })
}

func (l *listening) untilDropped(cause string) {
	l.Helper()
	l.until("one is dropped: "+cause, func() bool { return l.Stats().Dropped[cause] > 0 })
}

// want compares the messages received, and the causes with dropped messages.
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
