//go:build shippers

package shippers

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"smtp_reply_exporter/logparse"
	"smtp_reply_exporter/logparse/sandbox"
)

// The shippers' zone, as POSIX writes it in TZ, is none that a host has by default: times
// that are read in another one are wrong.
const posixZone = "IST-5:30"

var zone = time.FixedZone("IST", 5*3600+1800)

// A record is what a program logs.
type record struct{ program, pid, message string }

// last is logged after all others.
var last = record{"last", "1", "the end of the test"}

// plain returns the line that a record is in a file of a traditional syslogd.
func (r *record) plain(at time.Time) []byte {
	return fmt.Appendf(nil, "%s %s %s[%s]: %s", at.Format(time.Stamp), host, r.program, r.pid, r.message)
}

// records returns of the logs of real Postfix, Exim and Sendmail the first line with each
// reply that a program shows.
func records(t *testing.T) (all []record) {
	t.Helper()
	for _, name := range []string{"postfix/syslog-traditional", "exim/syslog-traditional", "sendmail/coverage-loglevel9-traditional"} {
		f, err := os.Open(filepath.Join("../testdata/corpus", name+".log.gz"))
		must(t, err)
		defer f.Close()
		z, err := gzip.NewReader(f)
		must(t, err)
		log, err := io.ReadAll(z)
		must(t, err)
		seen := map[string]bool{}
		parser := logparse.NewParser()
		for line := range bytes.Lines(log) {
			r := parser.Parse(bytes.TrimSuffix(line, []byte("\n")))
			if len(r.Events) == 0 || r.Envelope.PID == nil {
				continue
			}
			e := &r.Events[0]
			if key := fmt.Sprint(string(r.Envelope.Program), e.Kind, e.Direction, e.Code, e.Enhanced); !seen[key] {
				seen[key] = true
				all = append(all, record{string(r.Envelope.Program), string(r.Envelope.PID), string(r.Envelope.Message)})
			}
		}
	}
	if len(all) < 30 {
		t.Fatalf("only %d lines to send", len(all))
	}
	return all
}

// send logs records as syslog(3) does, through a socket.
func send(t *testing.T, socket string, records []record) {
	t.Helper()
	conn, err := net.Dial("unixgram", socket)
	must(t, err)
	defer conn.Close()
	must(t, conn.SetDeadline(time.Now().Add(time.Minute)))
	for _, r := range append(records[:len(records):len(records)], last) {
		_, err := fmt.Fprintf(conn, "<22>%s %s[%s]: %s", time.Now().In(zone).Format(time.Stamp), r.program, r.pid, r.message)
		must(t, err)
	}
}

// A form is one in which a shipper writes. What a form has not is not compared.
type form struct {
	name, text      string // text is of the shipper's configuration
	noHost, noTime  bool
	programIsFolder bool // of "postfix/smtpd" the form has "postfix"
}

// compare reads a shipper's output, which must tell what the plain lines of the records
// tell, at a time since begin. Lines of other programs may stand between.
func compare(t *testing.T, f *form, output []byte, sent []record, begin time.Time) {
	t.Helper()
	plain, shipped := logparse.NewParser(), logparse.NewParser()
	begin, end := begin.Truncate(time.Second), time.Now()
	year := begin.In(zone).Year()
	n := 0
	for line := range bytes.Lines(output) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		got := shipped.Parse(line)
		if got.Outcome == logparse.Foreign {
			continue
		}
		if n == len(sent) {
			t.Fatalf("more lines than were sent: %s", line)
		}
		record := sent[n]
		n++
		if f.programIsFolder {
			record.program, _, _ = strings.Cut(record.program, "/")
		}
		want := plain.Parse(record.plain(begin))
		if got, want := told(&got, f), told(&want, f); got != want {
			t.Fatalf("%s\n got %s\nwant %s", line, got, want)
		}
		if at, ok := got.Envelope.Time.In(year, zone); !f.noTime && (!ok || at.Before(begin) || at.After(end)) {
			t.Fatalf("%s\nat %v, between %v and %v", line, at, begin, end)
		}
	}
	if n < len(sent) {
		t.Fatalf("%d of %d lines are read, not that of %v in\n%.3000s", n, len(sent), sent[n], output)
	}
}

// told returns what a line tells, so far as a form has it.
func told(r *logparse.Result, f *form) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v %s %s %s pid=%s", r.Outcome, r.Shape, r.MTA, r.Program, r.Envelope.PID)
	if !f.noHost {
		fmt.Fprintf(&b, " host=%s", r.Envelope.Host)
	}
	for _, e := range r.Events {
		fmt.Fprintf(&b, "\n     %v %v %v %v class=%d command=%v count=%d repeat=%t implied=%t dialogue=%t deliveries=%d cause=%v authenticated=%t remote=%s addr=%s id=%s text=%q said=%q",
			e.Kind, e.Direction, e.Code, e.Enhanced, e.Class, e.Command, e.Count, e.Repeat, e.Implied, e.Dialogue, e.Deliveries, e.Cause,
			e.Authenticated, e.Remote, e.Addr, e.QueueID, e.Text, e.Said)
	}
	return b.String()
}

// compareFiles compares, once all is written, the file of each form in dir.
func compareFiles(t *testing.T, dir string, forms []form, sent []record, begin time.Time) {
	t.Helper()
	for _, f := range forms {
		t.Run(f.name, func(t *testing.T) {
			compare(t, &f, written(t, filepath.Join(dir, f.name)), sent, begin)
		})
	}
}

// written returns what is in a file once all is written.
func written(t *testing.T, file string) (output []byte) {
	t.Helper()
	sandbox.Wait(t, "the file is written", func() bool {
		output, _ = os.ReadFile(file) // it may not be there yet
		return bytes.Contains(output, []byte(last.message))
	})
	return output
}

// start runs a daemon until the end of the test, and waits until it has a socket.
func start(t *testing.T, socket, program string, args ...string) {
	t.Helper()
	var output strings.Builder
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	must(t, cmd.Start())
	t.Cleanup(func() { // behind the end of the context
		err := cmd.Wait()
		if t.Failed() {
			t.Logf("%s: %v: %s", program, err, &output)
		}
	})
	sandbox.Wait(t, program+" takes messages", func() bool {
		conn, err := net.Dial("unixgram", socket)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
