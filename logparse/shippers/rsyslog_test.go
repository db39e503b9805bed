//go:build shippers

package shippers

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"smtp_reply_exporter/logparse"
)

// rsyslogFiles are templates of files.
var rsyslogFiles = []form{
	{name: "RSYSLOG_TraditionalFileFormat"},
	{name: "RSYSLOG_FileFormat"},
	{name: "RSYSLOG_SysklogdFileFormat"},
	{name: "RSYSLOG_SyslogProtocol23Format", programIsFolder: true}, // parser.permitSlashInProgramName is off
	{name: "jsonmesg", text: `template(name="jsonmesg" type="list") { property(name="jsonmesg") constant(value="\n") }`},
	{name: "jsonf", text: `template(name="jsonf" type="list" option.jsonf="on") {
	property(outname="@timestamp" name="timereported" dateFormat="rfc3339" format="jsonf")
	property(outname="host" name="hostname" format="jsonf")
	property(outname="severity" name="syslogseverity-text" caseConversion="upper" format="jsonf")
	property(outname="facility" name="syslogfacility-text" format="jsonf")
	property(outname="syslog-tag" name="syslogtag" format="jsonf")
	property(outname="source" name="app-name" format="jsonf")
	property(outname="message" name="msg" format="jsonf")
}`},
	{name: "logstash", programIsFolder: true, text: `template(name="logstash" type="list") {
	constant(value="{\"@timestamp\":\"") property(name="timereported" dateFormat="rfc3339")
	constant(value="\",\"@version\":\"1")
	constant(value="\",\"message\":\"") property(name="msg" format="json")
	constant(value="\",\"sysloghost\":\"") property(name="hostname")
	constant(value="\",\"severity\":\"") property(name="syslogseverity-text")
	constant(value="\",\"facility\":\"") property(name="syslogfacility-text")
	constant(value="\",\"programname\":\"") property(name="programname")
	constant(value="\",\"procid\":\"") property(name="procid")
	constant(value="\"}\n")
}`},
}

// rsyslogForwards are templates without a line end, which the transport adds.
var rsyslogForwards = []form{
	{name: "RSYSLOG_ForwardFormat"},
	{name: "RSYSLOG_TraditionalForwardFormat"},
}

func TestRsyslog(t *testing.T) {
	dir := t.TempDir()
	socket := filepath.Join(dir, "input")
	debug := form{name: "RSYSLOG_DebugFormat"}
	actions := files(dir, append(rsyslogFiles[:len(rsyslogFiles):len(rsyslogFiles)], debug))
	for _, f := range rsyslogForwards {
		actions += fmt.Sprintf("action(type=\"omfwd\" target=\"127.0.0.1\" port=\"%s\" protocol=\"tcp\" template=\"%s\")\n", receive(t, filepath.Join(dir, f.name)), f.name)
	}
	startRsyslog(t, dir, socket, actions)
	sent, begin := records(t), time.Now()
	send(t, socket, sent)
	compareFiles(t, dir, append(rsyslogFiles[:len(rsyslogFiles):len(rsyslogFiles)], rsyslogForwards...), sent, begin)
	t.Run(debug.name, func(t *testing.T) { notRead(t, written(t, filepath.Join(dir, debug.name)), sent) })
}

// files returns what makes rsyslogd write a file in dir in each form.
func files(dir string, forms []form) string {
	var b strings.Builder
	for _, f := range forms {
		fmt.Fprintf(&b, "%s\naction(type=\"omfile\" file=\"%s\" template=\"%s\")\n", f.text, filepath.Join(dir, f.name), f.name)
	}
	return b.String()
}

// startRsyslog runs rsyslogd, which has a socket for messages.
func startRsyslog(t *testing.T, dir, socket, actions string) {
	t.Helper()
	conf := filepath.Join(dir, "conf")
	must(t, os.WriteFile(conf, fmt.Appendf(nil, `global(workDirectory="%s")
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="%s" RateLimit.Interval="0")
%s`, dir, socket, actions), 0o600))
	start(t, socket, "rsyslogd", "-n", "-f", conf, "-i", filepath.Join(dir, "pid"))
}

// notRead reads output whose records have many lines and are for people: it must not
// count, and must show as not understood.
func notRead(t *testing.T, output []byte, sent []record) {
	t.Helper()
	parser, n := logparse.NewParser(), 0
	for line := range bytes.Lines(output) {
		r := parser.Parse(bytes.TrimSuffix(line, []byte("\n")))
		if len(r.Events) > 0 {
			t.Fatalf("counts: %s", line)
		}
		if r.Shape == "header" {
			n++
		}
	}
	if n < len(sent) {
		t.Fatalf("of %d records %d lines have no readable header", len(sent), n)
	}
}

// receive writes what comes in by TCP, on the port that it returns, into a file.
func receive(t *testing.T, file string) (port string) {
	t.Helper()
	f, err := os.Create(file)
	must(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := listener.Accept()
		if err != nil {
			return // closed
		}
		defer conn.Close()
		_, _ = io.Copy(f, conn) // the test sees what is missing
	}()
	t.Cleanup(func() {
		listener.Close()
		<-done // the daemon has ended, since it started later
		f.Close()
	})
	_, port, err = net.SplitHostPort(listener.Addr().String())
	must(t, err)
	return port
}
