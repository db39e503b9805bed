package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// oneLog is a configuration that follows mail.log in its own directory.
const oneLog = "state: ''\ninternal_networks: [192.0.2.0/24]\nsources:\n  - {name: mail, file: DIR/mail.log}\n"

// A daemon is the exporter as a separate process.
type daemon struct {
	*testing.T
	dir     string // has config.yaml and mail.log
	address string
	written int // to mail.log
	stderr  syncBuffer
	exited  chan struct{}
	process *os.Process
}

// syncBuffer is a buffer to which another goroutine writes.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

var listening = regexp.MustCompile(`msg="Listening on" address=(\S+)`)

// newDaemon makes a directory with an empty log.
func newDaemon(t *testing.T) *daemon {
	t.Helper()
	d := &daemon{T: t, dir: t.TempDir(), exited: make(chan struct{})}
	d.configure(oneLog)
	d.append("")
	return d
}

// start starts the daemon. At the end of the test it stops the daemon and checks that
// the exit status is 0. With -race, a race leads to another status.
func (d *daemon) start(args ...string) {
	d.Helper()
	cmd := command(d.T, append([]string{"--config.file=" + filepath.Join(d.dir, "config.yaml"), "--web.listen-address=127.0.0.1:0"}, args...)...)
	cmd.Stderr = &d.stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // at the test's end
	if err := cmd.Start(); err != nil {
		d.Fatal(err)
	}
	d.process = cmd.Process
	go func() {
		defer close(d.exited)
		_ = cmd.Wait() // the process state has its error
	}()
	d.Cleanup(func() {
		<-d.exited
		if !cmd.ProcessState.Success() {
			d.Errorf("the daemon ended with %v:\n%s", cmd.ProcessState, &d.stderr)
		}
	})
	d.wait("listening", func() bool {
		address := listening.FindStringSubmatch(d.stderr.String())
		if address != nil {
			d.address = address[1]
		}
		return address != nil
	})
}

// run starts the daemon and waits until it follows the log.
func (d *daemon) run(args ...string) {
	d.Helper()
	d.start(args...)
	d.wait("ready", func() bool {
		status, _ := d.get("/-/ready")
		return status == http.StatusOK
	})
}

func (d *daemon) configure(text string) {
	d.Helper()
	if err := os.WriteFile(filepath.Join(d.dir, "config.yaml"), []byte(strings.ReplaceAll(text, "DIR", d.dir)), 0o600); err != nil {
		d.Fatal(err)
	}
}

func (d *daemon) append(lines string) {
	d.Helper()
	f, err := os.OpenFile(filepath.Join(d.dir, "mail.log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		d.Fatal(err)
	}
	if _, err := f.WriteString(lines); err != nil {
		d.Fatal(err)
	}
	if err := f.Close(); err != nil {
		d.Fatal(err)
	}
	d.written += len(lines)
}

func (d *daemon) signal(s os.Signal) {
	d.Helper()
	if err := d.process.Signal(s); err != nil {
		d.Fatal(err)
	}
}

// wait waits until a condition holds.
func (d *daemon) wait(what string, holds func() bool) {
	d.Helper()
	for deadline := time.Now().Add(30 * time.Second); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			d.Fatalf("not within 30 s: %s; the daemon's log:\n%s", what, &d.stderr)
		}
	}
}

func (d *daemon) get(path string) (status int, body string) {
	d.Helper()
	return d.answer(http.Get("http://" + d.address + path))
}

func (d *daemon) post(path string) (status int, body string) {
	d.Helper()
	return d.answer(http.Post("http://"+d.address+path, "", http.NoBody))
}

func (d *daemon) answer(response *http.Response, err error) (status int, body string) {
	d.Helper()
	if err != nil {
		d.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		d.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// A scrape maps series to their values as text.
type scrape map[string]string

func (d *daemon) scrape() scrape {
	d.Helper()
	status, body := d.get("/metrics")
	if status != http.StatusOK {
		d.Fatalf("status %d: %s", status, body)
	}
	s := scrape{}
	for line := range strings.Lines(body) {
		if i := strings.LastIndexByte(line, ' '); i > 0 && line[0] != '#' {
			s[line[:i]] = strings.TrimSpace(line[i:])
		}
	}
	return s
}

// scrapeAll scrapes after the daemon has read everything written.
func (d *daemon) scrapeAll() (s scrape) {
	d.Helper()
	d.wait("the log is read", func() bool {
		s = d.scrape()
		return s.number(`smtp_reply_exporter_source_read_bytes_total{source="mail"}`) == float64(d.written)
	})
	return s
}

// number returns the value of a series, or 0 if there is none.
func (s scrape) number(series string) float64 {
	n, _ := strconv.ParseFloat(s[series], 64) // 0 for a missing series
	return n
}

// outcomes returns the families of outcomes without series that are 0.
func (s scrape) outcomes() scrape {
	o := scrape{}
	for series, value := range s {
		for _, family := range []string{"smtp_replies_", "smtp_deliveries_", "smtp_refusals_"} {
			if strings.HasPrefix(series, family) && value != "0" {
				o[series] = value
			}
		}
	}
	return o
}

// total returns the series of replies to, or from, strangers.
func total(direction, code, class, meaning string) string {
	return fmt.Sprintf(`smtp_replies_%s_total{class=%q,code=%q,host="",meaning=%q,mta="postfix",peer="external",source="mail"}`,
		direction, class, code, meaning)
}

func testdata(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "serve", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
