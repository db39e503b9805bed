package pipeline

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"smtp_reply_exporter/logparse"
)

// Each source that is not a file counts what it receives, and continues after a reload
// and in place of a file with the same name.
func TestFeeds(t *testing.T) {
	for _, tc := range []struct {
		name, source string
		open         func(h *host) io.WriteCloser
	}{
		{"syslog by datagram", "syslog: 'unix://DIR/log'", func(h *host) io.WriteCloser { return h.dial("unixgram", h.dir+"/log") }},
		{"named pipe", "file: DIR/pipe", func(h *host) io.WriteCloser {
			f, err := os.OpenFile(filepath.Join(h.dir, "pipe"), os.O_RDWR, 0)
			if err != nil {
				h.Fatal(err)
			}
			return f
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHost(t)
			if err := syscall.Mkfifo(filepath.Join(h.dir, "pipe"), 0o600); err != nil {
				t.Fatal(err)
			}
			config := "[{name: relays, " + tc.source + "}]\n"
			h.run(config)
			h.wait("up", func() bool { return h.source("relays").Stats.Up })
			w := tc.open(h)
			defer w.Close()
			if _, err := io.WriteString(w, refusals(1)); err != nil {
				t.Fatal(err)
			}
			h.waitReplies("relays", 1)
			h.reload(config)
			if _, err := io.WriteString(w, refusals(1)); err != nil {
				t.Fatal(err)
			}
			h.waitReplies("relays", 2)
		})
	}
}

// A source with another MTA keeps its socket. A reload with an error changes nothing.
func TestReloadOfASocket(t *testing.T) {
	h := newHost(t)
	h.write("mail.log", "")
	h.run("[{name: relays, syslog: 'unix://DIR/log'}, {name: mail, file: DIR/mail.log}]\n")
	send := func() {
		t.Helper()
		h.wait("the socket is bound", func() bool {
			c, err := net.Dial("unixgram", h.dir+"/log")
			if err != nil {
				return false
			}
			defer c.Close()
			_, err = io.WriteString(c, refusals(1))
			return err == nil
		})
	}
	send()
	h.waitReplies("relays", 1)
	h.reload("[{name: relays, syslog: 'unix://DIR/log', mta: postfix}, {name: mail, file: DIR/mail.log}]\n")
	send()
	h.waitReplies("relays", 2)

	cfg, classifier := h.configure("[{name: relays, syslog: 'unix://DIR/other'}, {name: mail, file: DIR/mail.log}, {name: bad, syslog: 'unix://relative'}]\n")
	if err := h.pipeline.Reload(cfg, classifier); err == nil || !strings.Contains(err.Error(), "sources[2]") {
		t.Errorf("error %v", err)
	}
	send()
	h.waitReplies("relays", 3)
	h.write("mail.log", refusals(1))
	h.waitReplies("mail", 1)
}

// Standard input stays open, whatever its source is called after a reload.
func TestReloadOfStandardInput(t *testing.T) {
	in, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdin := os.Stdin
	os.Stdin = in
	t.Cleanup(func() { os.Stdin = stdin })
	defer w.Close()
	h := newHost(t)
	h.write("mail.log", "")
	h.run("[{name: in, stdin: true}]\n")
	send := func() {
		t.Helper()
		if _, err := io.WriteString(w, refusals(1)); err != nil {
			t.Fatal(err)
		}
	}
	send()
	h.waitReplies("in", 1)
	h.reload("[{name: in, stdin: true, mta: postfix, loss_notices: [DIR/mail.log]}]\n")
	send()
	h.waitReplies("in", 2)
	h.reload("[{name: mail, file: DIR/mail.log}, {name: pipe, stdin: true}]\n")
	send()
	h.waitReplies("pipe", 1)
}

// Anybody can send a message that reports lost lines.
func TestLossIsNotBelievedFromTheNetwork(t *testing.T) {
	h := newHost(t)
	h.run("[{name: relays, syslog: 'unix://DIR/log'}]\n")
	h.wait("up", func() bool { return h.source("relays").Stats.Up })
	w := h.dial("unixgram", h.dir+"/log")
	defer w.Close()
	const lost = "Nov 23 14:16:23 mx1 rsyslogd: imuxsock[pid: 15723, name: logger]: 237 messages lost due to rate-limiting (400 allowed within 2 seconds)\n"
	if _, err := io.WriteString(w, lost+""); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, refusals(1)); err != nil {
		t.Fatal(err)
	}
	h.waitReplies("relays", 1)
	if got := h.source("relays").Lost["rsyslog"].Value; got != 0 {
		t.Errorf("%d lines lost", got)
	}
}

func (h *host) dial(network, address string) net.Conn {
	h.Helper()
	c, err := net.Dial(network, address)
	if err != nil {
		h.Fatal(err)
	}
	return c
}

// Only the logger's reports of lost lines count in a log of loss notices.
func TestLossNotices(t *testing.T) {
	h := newHost(t)
	h.write("mail.log", "")
	h.write("syslog", "")
	h.run("[{name: mail, file: DIR/mail.log, loss_notices: [DIR/syslog]}]\n")
	h.write("syslog", refusals(1)+
		"Nov 23 14:16:23 mx1 rsyslogd: imuxsock[pid: 15723, name: smtpd]: 237 messages lost due to rate-limiting (400 allowed within 2 seconds)\n")
	h.wait("the loss", func() bool { return h.source("mail").Lost[logparse.Rsyslog].Value == 237 })
	if n := len(h.source("mail").SentDetail); n != 0 {
		t.Errorf("%d kinds of replies are counted from the other log", n)
	}
}

// After a restart, Ready waits for the journal, which is read again from its committed
// position. It does not wait for sources that cannot be read again.
func TestReadyWaitsForTheJournal(t *testing.T) {
	for source, want := range map[string]bool{"journal: {}": false, "syslog: 'udp://127.0.0.1:5514'": true} {
		h := newHost(t)
		cfg, _ := h.configure("[{name: mail, " + source + "}]")
		in, err := newInput(cfg, &cfg.Sources[0], nil)
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		p := &Pipeline{sources: []*input{in}, polled: true, resumed: now, now: now}
		if got := p.Ready(); got != want {
			t.Errorf("%s: ready %v, want %v", source, got, want)
		}
		in.stats.CaughtUp = true
		if !p.Ready() {
			t.Errorf("%s: not ready when it has caught up", source)
		}
	}
}
