// Command demo demonstrates smtp_reply_exporter. Until it is interrupted, it writes the
// log of a real Postfix to a temporary file, runs the exporter on it, and prints some of
// the counters.
package main

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
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/alecthomas/kingpin/v2"
)

const (
	readyWithin    = 30 * time.Second // for the exporter's start, on a busy machine
	readyInterval  = 100 * time.Millisecond
	stopWithin     = 5 * time.Second // for the exporter's end, before the demo kills it
	scrapeInterval = 2 * time.Second
)

func main() {
	exporter := kingpin.Flag("exporter", "Path of smtp_reply_exporter.").Default("./smtp_reply_exporter").String()
	addr := kingpin.Flag("web.listen-address", "Address on which the exporter listens.").Default("localhost:10451").String()
	kingpin.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *exporter, *addr, os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "demo: %v\n", err)
		os.Exit(1)
	}
}

// run runs the program exporter, which serves at addr, on a played log, until the context
// interrupted ends. Then it returns nil. An error after the exporter's start includes
// the exporter's log. run leaves no process and no file behind.
func run(interrupted context.Context, exporter, addr string, out *os.File) error {
	if err := checkFree(addr); err != nil {
		return err
	}
	lines, err := unpack()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "smtp_reply_exporter-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	logPath, configPath := filepath.Join(dir, "mail.log"), filepath.Join(dir, "config.yaml")
	config := fmt.Sprintf("state: \"\"\nsources:\n  - name: demo\n    file: %q\n    start: beginning\n", logPath)
	if err := os.WriteFile(configPath, []byte(config), 0o600); err != nil {
		return err
	}

	ctx, cancel := context.WithCancelCause(interrupted)
	defer cancel(nil)
	daemon := exec.CommandContext(ctx, exporter, "--config.file="+configPath, "--web.listen-address="+addr)
	daemon.Cancel = func() error { return daemon.Process.Signal(syscall.SIGTERM) }
	daemon.WaitDelay = stopWithin
	var daemonLog bytes.Buffer // only the exporter uses it until it has ended
	daemon.Stdout, daemon.Stderr = &daemonLog, &daemonLog
	if err := daemon.Start(); err != nil {
		return fmt.Errorf("start the exporter: %w", err)
	}

	var running sync.WaitGroup
	// A Ctrl-C also reaches the exporter, which may end, without an error, before the
	// demo's own context does.
	running.Go(func() { cancel(daemon.Wait()) })
	running.Go(func() { cancel(play(ctx, logPath, lines)) })
	cancel(watch(ctx, addr, out))
	running.Wait()

	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return fmt.Errorf("%w; the exporter logged:\n%s", err, &daemonLog)
	}
	return nil
}

// checkFree returns an error if something listens at addr.
func checkFree(addr string) error {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("%w; choose another address, as in: make demo DEMO_ADDR=localhost:10452", err)
	}
	return listener.Close()
}

// watch waits for the exporter at addr, prints instructions, and prints the table of
// counters again and again until ctx ends. On a terminal, each table overwrites the last
// one.
func watch(ctx context.Context, addr string, out *os.File) error {
	base := "http://" + addr
	if err := awaitReady(ctx, base+"/-/ready"); err != nil {
		return err
	}
	metrics := base + "/metrics"
	fmt.Fprintf(out, `
A real Postfix log is playing, %d lines a second, and the exporter counts its replies.

  metrics      %s
  who said 451 and 452, and why
               curl -s %s | grep 'by_reason.*code="45[12]"' | grep -v ' 0$'
  end          Ctrl-C

`, batchSize*time.Second/batchInterval, metrics, metrics)

	home := "\n"
	if info, err := out.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		home = fmt.Sprintf("\x1b[%dA", tableLines)
	}
	tick := time.NewTicker(scrapeInterval)
	defer tick.Stop()
	for first := true; ; first = false {
		byCode, err := scrape(ctx, metrics)
		if err != nil {
			return err
		}
		if !first {
			fmt.Fprint(out, home)
		}
		fmt.Fprint(out, formatTable(byCode))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// awaitReady returns nil as soon as url answers 200, or an error after readyWithin.
func awaitReady(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	tick := time.NewTicker(readyInterval)
	defer tick.Stop()
	for {
		body, err := get(ctx, url)
		if err == nil {
			return body.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the exporter is not ready: %w", err)
		case <-tick.C:
		}
	}
}

// scrape returns the replies that the exporter exposes at url.
func scrape(ctx context.Context, url string) (map[string]replies, error) {
	body, err := get(ctx, url)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return readReplies(body)
}

// get returns the body at url, which the caller must close. A status other than 200 is an
// error.
func get(ctx context.Context, url string) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		response.Body.Close()
		return nil, fmt.Errorf("GET %s: %s", url, response.Status)
	}
	return response.Body, nil
}
