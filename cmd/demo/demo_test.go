package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// scrapeText is the answer of the exporter in these tests.
const scrapeText = `# TYPE smtp_replies_sent_total counter
smtp_replies_sent_total{source="demo",mta="postfix",peer="external",code="451",class="4xx",meaning="local_error"} 3
smtp_replies_sent_total{source="demo",mta="postfix",peer="internal",code="451",class="4xx",meaning="local_error"} 1
# TYPE smtp_replies_received_total counter
smtp_replies_received_total{source="demo",mta="postfix",peer="external",code="451",class="4xx",meaning="local_error"} 5
# TYPE smtp_replies_received_by_reason_total counter
smtp_replies_received_by_reason_total{source="demo",mta="postfix",peer="external",code="451",reason="greylisting"} 5
# TYPE smtp_dialogue_replies_sent_total counter
smtp_dialogue_replies_sent_total{source="demo",mta="postfix",command="connect",code="220",class="2xx",meaning="service_ready"} 7
# TYPE go_goroutines gauge
go_goroutines 9
`

// TestMain makes the test binary act as the exporter that run starts.
func TestMain(m *testing.M) {
	switch os.Getenv("DEMO_TEST_EXPORTER") {
	case "serve":
		http.HandleFunc("/-/ready", func(http.ResponseWriter, *http.Request) {})
		http.HandleFunc("/metrics", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, scrapeText) })
		fmt.Fprintln(os.Stderr, http.ListenAndServe(strings.TrimPrefix(os.Args[2], "--web.listen-address="), nil))
		os.Exit(1)
	case "fail":
		fmt.Fprintln(os.Stderr, "cannot read the configuration")
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func TestUnpack(t *testing.T) {
	lines, err := unpack()
	if err != nil {
		t.Fatal(err)
	}
	if len(lines) < 1000 {
		t.Fatalf("%d lines, want thousands", len(lines))
	}
	for i, line := range lines {
		if _, err := time.Parse(time.Stamp, string(line[:len(time.Stamp)])); err != nil || !bytes.HasSuffix(line, []byte("\n")) {
			t.Errorf("line %d: %q, want one that begins with a time and ends with a newline", i+1, line)
		}
	}
}

func TestPlay(t *testing.T) {
	// 25 lines take three batches, so that a round takes 300 ms.
	const round = 3 * batchInterval
	lines := make([][]byte, 25)
	for i := range lines {
		lines[i] = fmt.Appendf(nil, "Nov 23 14:16:22 mx1 postfix/smtpd[7]: line %d\n", i+1)
	}
	played := func(start time.Time, n int) string {
		var b strings.Builder
		for i, line := range lines[:n] {
			at := start.Add(time.Duration(i/batchSize) * batchInterval)
			fmt.Fprintf(&b, "%s%s", at.Format(time.Stamp), line[len(time.Stamp):])
		}
		return b.String()
	}
	for _, tc := range []struct {
		name             string
		after            time.Duration
		current, rotated int // lines in the log and in the rotated one
	}{
		{name: "first batch at once", after: 50 * time.Millisecond, current: 10},
		{name: "a batch an interval", after: 150 * time.Millisecond, current: 20},
		{name: "whole log", after: 250 * time.Millisecond, current: 25},
		{name: "again in a new file", after: 350 * time.Millisecond, current: 10, rotated: 25},
		{name: "in the next second", after: 1150 * time.Millisecond, current: 25, rotated: 25},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "mail.log")
			synctest.Test(t, func(t *testing.T) {
				began := time.Now().Add(tc.after.Truncate(round))
				ctx, cancel := context.WithTimeout(t.Context(), tc.after)
				defer cancel()
				if err := play(ctx, path, lines); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("play: %v, want the end of ctx", err)
				}
				for name, want := range map[string]string{
					path:        played(began, tc.current),
					path + ".1": played(began.Add(-round), tc.rotated),
				} {
					got, err := os.ReadFile(name)
					if err != nil && want != "" {
						t.Error(err)
					}
					if diff := cmp.Diff(want, string(got)); diff != "" {
						t.Errorf("%s (-want +got):\n%s", filepath.Base(name), diff)
					}
				}
			})
		})
	}
}

func TestPlayFails(t *testing.T) {
	if err := play(t.Context(), filepath.Join(t.TempDir(), "missing", "mail.log"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("play: %v, want that the directory does not exist", err)
	}
}

func TestTable(t *testing.T) {
	byCode, err := readReplies(strings.NewReader(scrapeText))
	if err != nil {
		t.Fatal(err)
	}
	const want = `code  meaning                   sent  received
220   service_ready                7         0
221                                0         0
250                                0         0
354                                0         0
451   local_error                  4         5
452                                0         0
`
	if diff := cmp.Diff(want, formatTable(byCode)); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}

func TestReadRepliesFails(t *testing.T) {
	if _, err := readReplies(strings.NewReader("not metrics")); err == nil {
		t.Error("no error for what is no scrape")
	}
}

func TestRun(t *testing.T) {
	for _, tc := range []struct {
		name     string
		exporter string // the exporter that TestMain acts as
		taken    bool   // the address is in use
		shown    string // the test interrupts the demo as soon as it has printed this
		want     string // a part of the error; "" for no error
	}{
		{name: "interrupted", exporter: "serve", shown: "451   local_error                  4         5\n"},
		{name: "exporter fails", exporter: "fail", want: "exit status 1; the exporter logged:\ncannot read the configuration"},
		{name: "address in use", exporter: "serve", taken: true, want: "address already in use; choose another address, as in: make demo DEMO_ADDR=localhost:10452"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Setenv("DEMO_TEST_EXPORTER", tc.exporter)
			temp := t.TempDir()
			t.Setenv("TMPDIR", temp)
			listener, err := net.Listen("tcp", "localhost:0")
			if err != nil {
				t.Fatal(err)
			}
			defer listener.Close()
			if !tc.taken {
				listener.Close()
			}
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			ended := make(chan error, 1)
			go func() {
				ended <- run(ctx, os.Args[0], listener.Addr().String(), w)
				w.Close()
			}()

			var printed strings.Builder
			for scanner := bufio.NewScanner(r); scanner.Scan(); {
				fmt.Fprintln(&printed, scanner.Text())
				if tc.shown != "" && strings.HasSuffix(printed.String(), tc.shown) {
					interrupt()
				}
			}
			err = <-ended
			switch {
			case tc.want == "" && err != nil:
				t.Errorf("run: %v", err)
			case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
				t.Errorf("run: %v, want an error with %q", err, tc.want)
			}
			if !strings.Contains(printed.String(), tc.shown) {
				t.Errorf("printed:\n%s\nwant a line %q", &printed, tc.shown)
			}
			left, err := os.ReadDir(temp)
			if err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}
