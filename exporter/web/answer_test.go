package web

import (
	"bufio"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// snapshot is a collector of metrics that take 2 MiB as text.
type snapshot struct{ number int64 }

var described = prometheus.NewDesc("test_counts", strings.Repeat("x", 2<<20), nil, nil)

func (s snapshot) Describe(ch chan<- *prometheus.Desc) { ch <- described }

func (s snapshot) Collect(ch chan<- prometheus.Metric) {
	ch <- prometheus.MustNewConstMetric(described, prometheus.CounterValue, float64(s.number))
}

// counting serves snapshots.
type counting struct {
	current, taken atomic.Int64
	handler        http.Handler
}

func newCounting(t *testing.T) *counting {
	t.Helper()
	c := &counting{}
	c.handler = NewHandler(Options{
		TelemetryPath: "/metrics", Registry: prometheus.NewRegistry(), Ready: func() bool { return true },
		Counts: func(time.Duration) prometheus.Collector {
			c.taken.Add(1)
			return snapshot{c.current.Load()}
		},
	})
	return c
}

func (c *counting) get(header http.Header) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody)
	r.Header = header
	answer := httptest.NewRecorder()
	c.handler.ServeHTTP(answer, r)
	return answer
}

func TestForms(t *testing.T) {
	const protobuf = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
	for _, tc := range []struct{ accept, encoding, wantType, wantEncoding string }{
		{"", "", "text/plain; version=0.0.4; charset=utf-8; escaping=underscores", ""},
		{"text/html", "br, gzip", "text/plain; version=0.0.4; charset=utf-8; escaping=underscores", "gzip"},
		{"application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1", "gzip;q=0.5", "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores", "gzip"},
		{protobuf, "gzip;q=0", "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited; escaping=underscores", ""},
		{strings.Replace(protobuf, "delimited", "text", 1), "deflate", "text/plain; version=0.0.4; charset=utf-8; escaping=underscores", ""},
	} {
		c := newCounting(t)
		answer := c.get(http.Header{"Accept": {tc.accept}, "Accept-Encoding": {tc.encoding}})
		header := answer.Header()
		if answer.Code != http.StatusOK || header.Get("Content-Type") != tc.wantType || header.Get("Content-Encoding") != tc.wantEncoding ||
			header.Get("Content-Length") != fmt.Sprint(answer.Body.Len()) || len(header["Vary"]) != 2 {
			t.Errorf("%s, %s: status %d, header %v", tc.accept, tc.encoding, answer.Code, header)
		}
		var body io.Reader = answer.Body
		if tc.wantEncoding == "gzip" {
			var err error
			if body, err = gzip.NewReader(body); err != nil {
				t.Fatal(err)
			}
		}
		if text, err := io.ReadAll(body); err != nil || !strings.Contains(string(text), "test_counts") {
			t.Errorf("%s, %s: %.100q, %v", tc.accept, tc.encoding, text, err)
		}
	}
}

// Requests share a snapshot that was begun after they arrived, and its text.
func TestSharedAnswer(t *testing.T) {
	taken := int64(0)
	a := &answers{options: Options{
		Registry: prometheus.NewRegistry(),
		Counts: func(time.Duration) prometheus.Collector {
			taken++
			return snapshot{taken / 2} // the first one alone, then two the same
		},
	}}
	ask := func(arrived time.Time) *answer {
		text, _ := a.answer(httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody), arrived)
		return text
	}
	before := time.Now()
	first := ask(before)
	if ask(before) != first || taken != 1 {
		t.Error("one that waited did not share the snapshot")
	}
	second := ask(time.Now())
	if second == first || taken != 2 {
		t.Error("one that came later did not get a newer snapshot")
	}
	if ask(time.Now()) != second || taken != 3 {
		t.Error("the same snapshot was rendered twice")
	}
}

// Clients that ask and never read hold no answer of a snapshot that is old, and nobody
// else waits for them.
func TestNeverReading(t *testing.T) {
	c := newCounting(t)
	server := httptest.NewUnstartedServer(nil)
	server.Config = NewServer(c.handler)
	server.Config.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		_ = conn.(*net.TCPConn).SetWriteBuffer(64 << 10) // or the kernel takes the whole answer
		return ctx
	}
	server.Start()
	defer server.Close()
	scrape := func() {
		t.Helper()
		response, err := http.Get(server.URL + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		want := fmt.Sprintf("test_counts %d\n", c.current.Load())
		if text, err := io.ReadAll(response.Body); err != nil || !strings.HasSuffix(string(text), want) {
			t.Errorf("%d bytes, %v, want %q at the end", len(text), err, want)
		}
	}
	var stuck []net.Conn
	for range 100 {
		client, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		_ = client.(*net.TCPConn).SetReadBuffer(64 << 10)
		fmt.Fprint(client, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
		if _, err := bufio.NewReaderSize(client, 16).Peek(1); err != nil { // it is being answered
			t.Fatal(err)
		}
		stuck = append(stuck, client)
	}
	for range liveSnapshots {
		scrape()
		c.current.Add(1)
	}
	scrape() // the first snapshot is old now
	for _, client := range stuck {
		if n, err := io.Copy(io.Discard, client); n >= 2<<20 {
			t.Fatalf("read %d bytes of an old answer, %v", n, err)
		}
	}
}
