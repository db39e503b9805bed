// Package replay gives a Prometheus a day of real data in less than a minute. Record
// plays logs through the exporter and returns its scrapes. Backfill spreads the scrapes
// over the past, and starts a Prometheus with them and with the results of recording
// rules. Scale makes rules fit for a test in real time. Alertmanager starts a real one.
package replay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// A Scrape is an answer of the exporter.
type Scrape struct {
	At   time.Time
	Text []byte // Prometheus' text format
}

// Record plays logs through the exporter at the path exporter, in equal parts. logs maps
// the name of a source to whole lines. Record returns the scrape before the first part
// and the one after each part. It creates files in dir. It adds a source of syslog
// messages, relay, which receives none: only such a source has all families. The other
// sources count by host, so that the label exists for queries.
func Record(ctx context.Context, dir, exporter string, logs map[string][]byte, parts int) (scrapes []Scrape, err error) {
	config := fmt.Sprintf("state: %q\nsources:\n  - {name: relay, syslog: %q}\n", filepath.Join(dir, "state"), "unix://"+filepath.Join(dir, "relay"))
	files := map[string]*os.File{}
	for name := range logs {
		f, err := os.Create(filepath.Join(dir, name+".log"))
		if err != nil {
			return nil, err
		}
		defer f.Close()
		files[name] = f
		config += fmt.Sprintf("  - {name: %q, file: %q, start: beginning, hosts: true}\n", name, f.Name())
	}
	configFile := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(configFile, []byte(config), 0o600); err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	stop, err := start(ctx, address+"/-/ready", exporter, "--config.file="+configFile, "--web.listen-address="+address)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stop()) }()

	written := map[string]int{}
	for part := range parts + 1 {
		for name, log := range logs {
			end := until(log, part, parts)
			if _, err := files[name].Write(log[written[name]:end]); err != nil {
				return nil, err
			}
			written[name] = end
		}
		text, err := scrape(ctx, address, written)
		if err != nil {
			return nil, err
		}
		scrapes = append(scrapes, Scrape{time.Now(), text})
	}
	return scrapes, nil
}

// until returns the offset at which a part of a log ends. Parts have whole lines.
func until(log []byte, part, parts int) int {
	n := len(log) * part / parts
	if n == 0 {
		return 0
	}
	return n + bytes.IndexByte(log[n-1:], '\n')
}

// scrape waits until the exporter has read all that is written, by source in bytes, and
// returns that scrape.
func scrape(ctx context.Context, address string, written map[string]int) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		text, err := get(ctx, "http://"+address+"/metrics")
		if err != nil {
			return nil, err
		}
		read := true
		for name, n := range written {
			sample := fmt.Sprintf("\nsmtp_reply_exporter_source_read_bytes_total{source=%q} ", name)
			_, value, _ := bytes.Cut(text, []byte(sample))
			value, _, _ = bytes.Cut(value, []byte("\n"))
			got, err := strconv.ParseFloat(string(value), 64)
			read = read && err == nil && int(got) == n
		}
		if read {
			return text, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("the exporter has not read %v bytes: %w", written, ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// start starts a server and waits until readiness, a URL without http://, answers 200.
// stop ends the server, and returns an error if the server fails.
func start(ctx context.Context, readiness, program string, args ...string) (stop func() error, err error) {
	var out bytes.Buffer // only the process uses it until it has ended
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	stop = func() error {
		_ = cmd.Process.Signal(syscall.SIGTERM) // if the process has ended, Wait returns its error
		if err := <-ended; err != nil {
			return fmt.Errorf("%s: %w\n%s", program, err, &out)
		}
		return nil
	}
	wait, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		_, err := get(wait, "http://"+readiness)
		if err == nil {
			return stop, nil
		}
		select {
		case end := <-ended:
			return nil, fmt.Errorf("%s ended: %w\n%s", program, end, &out)
		case <-wait.Done():
			return nil, errors.Join(fmt.Errorf("%s is not ready: %w", program, err), cmd.Process.Kill())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func get(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s: %s", url, response.Status, body)
	}
	return body, nil
}

// freeAddress returns a loopback address on which no process listens.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// index returns the index of the first scrape at or after t, or else of the last one.
func index(scrapes []Scrape, t time.Time) int {
	i, _ := slices.BinarySearchFunc(scrapes, t, func(s Scrape, t time.Time) int { return s.At.Compare(t) })
	return min(i, len(scrapes)-1)
}
