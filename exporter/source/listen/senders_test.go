package listen

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"smtp_reply_exporter/logparse"
)

// find returns the path of a program of a Debian package. It skips the test if the
// program is not installed, except in CI.
func find(t *testing.T, program, debian string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		// Users have no sbin in their PATH.
		path, err = exec.LookPath("/usr/sbin/" + program)
	}
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skipf("%s is not installed; apt-get install %s", program, debian)
	}
	return path
}

const (
	tag   = "postfix/smtp"
	reply = "4F2C1100: to=<user@example.com>, relay=mx.example.com[192.0.2.25]:25, delay=0.5, delays=0.1/0/0.2/0.2, " +
		"dsn=4.7.1, status=deferred (host mx.example.com[192.0.2.25] said: 451 4.7.1 <user@example.com>: " +
		"Recipient address rejected: Greylisted #%d (in reply to RCPT TO command))"
)

// untilReplies polls until all n replies have come, in order and in a form that the
// parser understands.
func (l *listening) untilReplies(n int) {
	l.Helper()
	l.untilMessages(n)
	parser := logparse.NewParser()
	for i, text := range l.messages {
		result := parser.Parse([]byte(text))
		message := fmt.Sprintf(reply, i)
		if string(result.Envelope.Program) != tag || string(result.Envelope.PID) != "699" ||
			string(result.Envelope.Message) != message || len(result.Envelope.Host) == 0 {
			l.Fatalf("message %d: %q\nunderstood as %s[%s]: %s", i, text,
				result.Envelope.Program, result.Envelope.PID, result.Envelope.Message)
		}
		if len(result.Events) == 0 || result.Events[0].Code.String() != "451" {
			l.Fatalf("message %d: %q\nevents %+v", i, text, result.Events)
		}
	}
	if len(l.messages) != n || len(l.errs) > 0 {
		l.Errorf("%d messages, want %d; errors %v", len(l.messages), n, l.errs)
	}
}

// replies writes n lines with replies to a file and returns its path.
func replies(t *testing.T, n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, reply+"\n", i)
	}
	path := filepath.Join(t.TempDir(), "replies")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// logger sends the lines of file with logger(1) and args.
func logger(t *testing.T, file string, args ...string) {
	t.Helper()
	args = append(args, "--tag", tag, "--id=699", "--priority", "mail.info", "--size", "2048", "--file", file)
	if out, err := exec.Command(find(t, "logger", "bsdutils"), args...).CombinedOutput(); err != nil {
		t.Fatalf("logger: %v: %s", err, out)
	}
}

func TestLogger(t *testing.T) {
	find(t, "logger", "bsdutils")
	socket := "unix://" + filepath.Join(t.TempDir(), "log")
	tests := []struct {
		name, url string
		args      []string
	}{
		{"udp, RFC 3164", "udp://127.0.0.1:5514", []string{"--udp", "--rfc3164"}},
		{"udp, RFC 5424", "udp://127.0.0.1:5514", []string{"--udp", "--rfc5424"}},
		{"tcp, RFC 3164", "tcp://127.0.0.1:5514", []string{"--tcp", "--rfc3164"}},
		{"tcp, RFC 5424, octet counting", "tcp://127.0.0.1:5514", []string{"--tcp", "--rfc5424", "--octet-count"}},
		{"unix, RFC 3164", socket, []string{"--socket-errors=on", "--rfc3164"}},
		{"unix, RFC 5424", socket, []string{"--socket-errors=on", "--rfc5424"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			const n = 100
			l := listen(t, Config{URL: tt.url})
			to := []string{"--socket", l.addr()}
			if l.network != "unixgram" {
				host, port, err := net.SplitHostPort(l.addr())
				if err != nil {
					t.Fatal(err)
				}
				to = []string{"--server", host, "--port", port}
			}
			logger(t, replies(t, n), append(tt.args, to...)...)
			l.untilReplies(n)
		})
	}
}

// rsyslogd receives messages from logger and forwards them.
func TestRsyslog(t *testing.T) {
	rsyslogd := find(t, "rsyslogd", "rsyslog")
	find(t, "logger", "bsdutils")
	const omfwd = `action(type="omfwd" target="127.0.0.1" port="%s" protocol="%s" %s)`
	tests := []struct{ name, url, protocol, options string }{
		{"udp, traditional", "udp://127.0.0.1:5514", "udp", `template="RSYSLOG_TraditionalForwardFormat"`},
		{"udp, RFC 3339", "udp://127.0.0.1:5514", "udp", `template="RSYSLOG_ForwardFormat"`},
		{"tcp, lines", "tcp://127.0.0.1:5514", "tcp", `template="RSYSLOG_ForwardFormat"`},
		{"tcp, octet counting", "tcp://127.0.0.1:5514", "tcp", `tcp_framing="octet-counted"`},
		{"tcp, octet counting, RFC 5424", "tcp://127.0.0.1:5514", "tcp", `tcp_framing="octet-counted" template="RSYSLOG_SyslogProtocol23Format"`},
		{"tcp, octet counting, file format", "tcp://127.0.0.1:5514", "tcp", `tcp_framing="octet-counted" template="RSYSLOG_FileFormat"`},
		{"unix", "unix://" + filepath.Join(t.TempDir(), "log"), "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := 1000
			if tt.protocol == "udp" {
				n = 100 // no more than the kernel queues for a receiver that sleeps
			}
			l := listen(t, Config{URL: tt.url})
			action := fmt.Sprintf("module(load=\"omuxsock\")\n$OMUxSockSocket %s\n*.* :omuxsock:;RSYSLOG_ForwardFormat", l.addr())
			if l.network != "unixgram" {
				_, port, err := net.SplitHostPort(l.addr())
				if err != nil {
					t.Fatal(err)
				}
				action = fmt.Sprintf(omfwd, port, tt.protocol, tt.options)
			}
			input := startRsyslog(t, l, rsyslogd, action)
			logger(t, replies(t, n), "--socket", input)
			l.untilReplies(n)
		})
	}
}

// startRsyslog runs rsyslogd with an action, and returns the socket from which it
// receives messages.
func startRsyslog(t *testing.T, l *listening, rsyslogd, action string) (input string) {
	dir := t.TempDir()
	input = filepath.Join(dir, "input")
	conf := filepath.Join(dir, "rsyslog.conf")
	// Without permitSlashInProgramName the app name of RFC 5424 is "postfix".
	text := fmt.Sprintf(`global(workDirectory="%s" parser.permitSlashInProgramName="on")
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="%s" RateLimit.Interval="0")
%s
`, dir, input, action)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, rsyslogd, "-n", "-f", conf, "-i", filepath.Join(dir, "pid"))
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		err := cmd.Wait()
		if t.Failed() {
			t.Logf("rsyslogd: %v: %s", err, &out)
		}
	})
	l.wait("rsyslogd takes messages", func() bool {
		c, err := net.Dial("unixgram", input)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	return input
}
