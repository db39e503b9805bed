package web

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/expfmt"
)

// liveSnapshots is how many snapshots at most are in memory as text. Clients that still
// read an older one lose their connections, so that slow readers cannot hold more.
const liveSnapshots = 4

// answers holds the newest snapshot of the metrics, rendered once for each form in which
// somebody asks for it. All who scrape it share that text, so that a client that reads
// slowly, or never, costs no more than its connection.
type answers struct {
	options Options

	mu      sync.Mutex
	started time.Time   // before the newest snapshot was taken
	live    []*rendered // the newest last
}

// rendered is a snapshot and its text in each form.
type rendered struct {
	counts prometheus.Collector // nil, as forms is, if it is not the newest
	forms  map[form]*answer
	old    context.Context // ends when it is too old to be read on
	expire context.CancelFunc
}

// A form is a format of the metrics and a compression. There are few, so that what a
// client asks for cannot make the text of one snapshot large.
type form struct {
	format expfmt.FormatType
	gzip   bool
}

// formOf returns the form that a request asks for.
func formOf(r *http.Request) form {
	f := form{format: expfmt.NegotiateAccept(r.Header, expfmt.DefaultOpenMetricsAcceptedFormats()...).FormatType()}
	switch f.format {
	case expfmt.TypeProtoDelim, expfmt.TypeOpenMetrics:
	default:
		f.format = expfmt.TypeTextPlain
	}
	for encoding := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, quality, _ := strings.Cut(encoding, ";")
		value, err := strconv.ParseFloat(strings.TrimPrefix(strings.TrimSpace(quality), "q="), 64)
		f.gzip = f.gzip || strings.TrimSpace(name) == "gzip" && (err != nil || value > 0)
	}
	return f
}

// request returns a request for the form.
func (f form) request() *http.Request {
	header := http.Header{"Accept": {string(expfmt.NewFormat(f.format))}}
	if f.gzip {
		header.Set("Accept-Encoding", "gzip")
	}
	return &http.Request{Header: header}
}

// An answer to a scrape. It implements http.ResponseWriter for promhttp.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }

// ServeHTTP answers a scrape with one snapshot of the counts. If there is a state file,
// the snapshot is durable before the answer. It does not show counts that are behind an
// answer from before the restart, since they would look like a reset.
func (a *answers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !a.options.Ready() {
		http.Error(w, notReady, http.StatusServiceUnavailable)
		return
	}
	text, old := a.answer(r, time.Now())
	defer abortAfter(old, w)()
	for name, values := range text.header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Length", strconv.Itoa(text.body.Len()))
	w.WriteHeader(text.status)
	_, _ = w.Write(text.body.Bytes()) // an error means that the client is gone
}

// abortAfter makes writes to w fail once a context has ended, until stop is called.
func abortAfter(old context.Context, w http.ResponseWriter) (stop func()) {
	aborted := make(chan struct{})
	unused := context.AfterFunc(old, func() {
		defer close(aborted)
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now()) // not of a test's recorder
	})
	return func() {
		if !unused() {
			<-aborted // or it would hit the next answer on the same connection
		}
	}
}

// answer returns the answer to a request, and the context that ends when it is too old to
// be read on. Requests that wait while a slow disk writes one snapshot share the next.
func (a *answers) answer(r *http.Request, arrived time.Time) (text *answer, old context.Context) {
	form := formOf(r)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.started.Before(arrived) {
		started := time.Now()
		a.add(a.options.Counts(commitTime(r)))
		a.started = started
	}
	newest := a.live[len(a.live)-1]
	if newest.forms[form] == nil {
		newest.forms[form] = a.render(newest.counts, form)
	}
	return newest.forms[form], newest.old
}

// add makes a snapshot the newest, unless it is.
func (a *answers) add(counts prometheus.Collector) {
	if n := len(a.live); n > 0 {
		newest := a.live[n-1]
		if newest.counts == counts {
			return
		}
		newest.counts, newest.forms = nil, nil // only those who read a text hold it now
	}
	if len(a.live) == liveSnapshots {
		a.live[0].expire()
		a.live = append(a.live[:0], a.live[1:]...)
	}
	r := &rendered{counts: counts, forms: map[form]*answer{}}
	r.old, r.expire = context.WithCancel(context.Background())
	a.live = append(a.live, r)
}

func (a *answers) render(counts prometheus.Collector, f form) *answer {
	registry := prometheus.NewRegistry()
	registry.MustRegister(counts)
	text := &answer{header: http.Header{}, status: http.StatusOK}
	promhttp.HandlerFor(prometheus.Gatherers{a.options.Registry, registry}, promhttp.HandlerOpts{
		EnableOpenMetrics: true, Registry: a.options.Registry,
	}).ServeHTTP(text, f.request())
	return text
}

// commitTime returns how long a scrape waits at most until its counts are durable: two
// seconds, or half of the scrape timeout that Prometheus sends if that is less.
func commitTime(r *http.Request) time.Duration {
	const least, most = 100 * time.Millisecond, 2 * time.Second
	seconds, err := strconv.ParseFloat(r.Header.Get("X-Prometheus-Scrape-Timeout-Seconds"), 64)
	if err != nil || !(seconds > 0 && seconds <= 2*most.Seconds()) { // NaN too
		return most
	}
	return max(least, time.Duration(seconds/2*float64(time.Second)))
}
