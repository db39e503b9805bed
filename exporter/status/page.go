package status

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // for the template
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"smtp_reply_exporter/exporter/pipeline"
)

//go:embed page.html
var pageTemplate string

//go:embed page.css
var style string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"style":  func() template.CSS { return template.CSS(style) }, //nolint:gosec // it is our own
	"number": number, "short": short, "size": size, "visible": visible, "percent": percent,
	"words": func(label string) string { return visible(strings.ReplaceAll(label, "_", " ")) },
}).Parse(pageTemplate))

// policy lets a browser load nothing, run nothing, and use only the page's own style.
var policy = "default-src 'none'; style-src 'sha256-" + styleHash() + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

func styleHash() string {
	hash := sha256.Sum256([]byte(style))
	return base64.StdEncoding.EncodeToString(hash[:])
}

// HTML writes the page.
func (v *View) HTML(w io.Writer) error { return page.Execute(w, v) }

// A Page serves the page over HTTP. It is safe for concurrent use.
type Page struct {
	about About
	look  func() *pipeline.Snapshot

	mu       sync.Mutex
	hour     Hour
	snapshot *pipeline.Snapshot // that text shows
	text     []byte
}

// NewPage returns a Page of the snapshots that look returns. Those of one snapshot share
// a text.
func NewPage(about About, look func() *pipeline.Snapshot) *Page {
	p := &Page{about: about, look: look}
	p.Add(look())
	return p
}

// Add adds a snapshot to what the page shows of the last hour. Call it once a minute.
func (p *Page) Add(s *pipeline.Snapshot) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hour.Add(s)
}

// ServeHTTP answers with the page.
func (p *Page) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	text, err := p.html(time.Now())
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	for name, value := range map[string]string{
		"Cache-Control":                "no-store",
		"Content-Length":               strconv.Itoa(len(text)),
		"Content-Security-Policy":      policy,
		"Content-Type":                 "text/html; charset=utf-8",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Referrer-Policy":              "no-referrer",
		"X-Content-Type-Options":       "nosniff",
		"X-Frame-Options":              "DENY",
	} {
		w.Header().Set(name, value)
	}
	_, _ = w.Write(text) // an error means that the client is gone
}

func (p *Page) html(now time.Time) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.look()
	if s == p.snapshot {
		return p.text, nil
	}
	var text bytes.Buffer
	if err := New(p.about, s, &p.hour, now).HTML(&text); err != nil {
		return nil, fmt.Errorf("status page: %w", err)
	}
	p.snapshot, p.text = s, text.Bytes()
	return p.text, nil
}

// number returns a count with commas: 12,345.
func number(n uint64) string {
	digits := strconv.FormatUint(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// short returns a count in at most six characters: 12,345 or 1.2M.
func short(n uint64) string {
	const widest = 99_999
	if n <= widest {
		return number(n)
	}
	value, units := float64(n), "kMGTPE"
	i := -1
	for value >= 1000 {
		value /= 1000
		i++
	}
	if value < 10 {
		return fmt.Sprintf("%.1f%c", value, units[i])
	}
	return fmt.Sprintf("%.0f%c", value, units[i])
}

// size returns a number of bytes: 12 kB.
func size(n int64) string {
	if n < 1000 {
		return strconv.FormatInt(n, 10) + " bytes"
	}
	text := short(uint64(max(n, 100_000)))
	if n < 100_000 {
		text = strconv.FormatInt(n/1000, 10) + "k"
	}
	return text[:len(text)-1] + " " + text[len(text)-1:] + "B"
}

// percent returns a share in whole percent, which is 0 or 100 only if it is none or all.
func percent(part, all uint64) string {
	switch {
	case all == 0 || part == 0:
		return "0 %"
	case part >= all:
		return "100 %"
	}
	return fmt.Sprintf("%.0f %%", min(99, max(1, 100*float64(part)/float64(all))))
}

// maxVisible is how many characters of a path or an error the page shows.
const maxVisible = 400

// visible returns a text from outside in which every character can be seen: others, such
// as those that change the direction of writing, are escaped as in Go.
func visible(text string) string {
	var b strings.Builder
	n := 0
	for _, r := range text {
		if n++; n > maxVisible {
			return b.String() + "…"
		}
		if unicode.IsPrint(r) {
			b.WriteRune(r)
		} else {
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
	}
	return b.String()
}
