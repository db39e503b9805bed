//go:build shippers

package shippers

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"smtp_reply_exporter/logparse/sandbox"
)

// journalForms are outputs of journalctl that have a line for each entry.
var journalForms = []form{
	{name: "short"},
	{name: "short-full"},
	{name: "short-iso"},
	{name: "short-iso-precise"},
	{name: "short-precise"},
	{name: "short-monotonic", noTime: true},
	{name: "short-unix"},
	{name: "with-unit"},
	{name: "json"},
}

const journaldConf = `[Journal]
Storage=volatile
ReadKMsg=no
RateLimitIntervalSec=0
Audit=no
`

func TestJournald(t *testing.T) {
	must(t, os.MkdirAll("/run/systemd/journald.conf.d", 0o755))
	must(t, os.WriteFile("/run/systemd/journald.conf.d/test.conf", []byte(journaldConf), 0o644))
	start(t, "/run/systemd/journal/dev-log", "/lib/systemd/systemd-journald")
	begin := time.Now()
	sent := cat(t, records(t))
	syslog := records(t)
	for i := range syslog {
		syslog[i].pid = strconv.Itoa(os.Getpid()) // which journald knows, and journalctl prefers
	}
	send(t, "/run/systemd/journal/dev-log", syslog)
	sent = append(sent, syslog...)
	for _, f := range journalForms {
		t.Run(f.name, func(t *testing.T) {
			var output []byte
			sandbox.Wait(t, "the journal is written", func() (whole bool) {
				var err error
				output, err = exec.CommandContext(t.Context(), "journalctl", "--no-pager", "--quiet", "--output="+f.name).Output()
				must(t, err)
				return bytes.Contains(output, []byte(last.message))
			})
			compare(t, &f, output, sent, begin)
		})
	}
	t.Run("rsyslog", func(t *testing.T) { importJournal(t, sent, begin) })
}

// imported are templates of rsyslog for what it reads from the journal, as on Red Hat's
// systems.
var imported = []form{
	{name: "RSYSLOG_TraditionalFileFormat"},
	{name: "RSYSLOG_FileFormat"},
	{name: "jsonmesg", text: `template(name="jsonmesg" type="list") { property(name="jsonmesg") constant(value="\n") }`},
	{name: "all-json", text: `template(name="all-json" type="string" string="%$!all-json%\n")`, noTime: true},
}

func importJournal(t *testing.T, sent []record, begin time.Time) {
	dir := t.TempDir()
	socket := filepath.Join(dir, "input")
	startRsyslog(t, dir, socket, fmt.Sprintf(`module(load="imjournal" StateFile="%s" RateLimit.Interval="0")`+"\n%s", filepath.Join(dir, "state"), files(dir, imported)))
	compareFiles(t, dir, imported, sent, begin)
}

// cat logs each tenth of the records by systemd-cat, and returns these with the PIDs of
// the processes that wrote them. A process lives until its record is in the journal:
// journald looks up its PID after it has read the record.
func cat(t *testing.T, records []record) (sent []record) {
	t.Helper()
	for i := 0; i < len(records); i += 10 {
		r := records[i]
		cmd := exec.CommandContext(t.Context(), "systemd-cat", "--identifier="+r.program, "--priority=info", "cat")
		var output strings.Builder
		cmd.Stderr = &output
		input, err := cmd.StdinPipe()
		must(t, err)
		must(t, cmd.Start())
		_, err = io.WriteString(input, r.message+"\n")
		must(t, err)
		r.pid = strconv.Itoa(cmd.Process.Pid)
		sandbox.Wait(t, "the journal has the record", func() bool {
			message, err := exec.CommandContext(t.Context(), "journalctl", "--no-pager", "--quiet", "--output=cat", "_PID="+r.pid).Output()
			must(t, err)
			return len(message) > 0
		})
		must(t, input.Close())
		if err := cmd.Wait(); err != nil {
			t.Fatalf("systemd-cat: %v: %s", err, &output)
		}
		sent = append(sent, r)
	}
	return sent
}
