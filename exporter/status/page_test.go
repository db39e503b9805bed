package status

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"smtp_reply_exporter/exporter/config"
	"smtp_reply_exporter/exporter/counter"
	"smtp_reply_exporter/exporter/pipeline"
)

var update = flag.Bool("update", false, "write testdata/page.html anew")

var about = About{Name: "smtp_reply_exporter", Version: "1.2.3", Host: "mx1.example", Metrics: "./metrics"}

func htmlOf(t testing.TB, v *View) string {
	t.Helper()
	var b bytes.Buffer
	if err := v.HTML(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestPage(t *testing.T) {
	s, h := busy()
	got := strings.Replace(htmlOf(t, New(about, s, h, now)), style, "STYLE", 1)
	const golden = "testdata/page.html"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestEmptyPages(t *testing.T) {
	fresh := healthy("mail")
	fresh.Created, fresh.LastLine, fresh.Lines = now, time.Time{}, nil
	starting := snapshotOf(now, fresh)
	starting.Ready = false
	for _, tc := range []struct {
		name string
		s    *pipeline.Snapshot
		want []string
	}{
		{name: "fresh", s: snapshotOf(now, fresh), want: []string{"All is well", "waits for the first line", "No reply of this server yet", "No reply of another server yet", "No delivery", "none yet", "was understood"}},
		{name: "catching up", s: starting, want: []string{"Catching up"}},
		{name: "no source", s: snapshotOf(now), want: []string{"All 0 sources"}},
		{name: "one source", s: snapshotOf(now, healthy("mail")), want: []string{"The log is read to its end."}},
		{name: "two sources", s: snapshotOf(now, healthy("a"), healthy("b")), want: []string{"All 2 sources are read to their ends."}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			page := htmlOf(t, New(about, tc.s, &Hour{}, now))
			for _, want := range tc.want {
				if !strings.Contains(page, want) {
					t.Errorf("no %q in %s", want, page)
				}
			}
			if strings.Contains(page, "All is well") == (tc.name == "catching up") {
				t.Error("all is well, or not")
			}
		})
	}
}

// hostile returns a View whose every text from outside attacks the page.
func hostile() *View {
	const evil = "</style></bdi><script>alert(1)</script><img src=x onerror=alert(2)>\"'`{{.}}\u202egol.\u2066\u200f\x1b[31m\x00\xff&lt;"
	s, h := busy()
	for i := range s.Sources {
		m := &s.Sources[i]
		m.Name = evil
		m.Config = &config.Source{Name: evil, File: "/var/log/" + evil + strings.Repeat("x", 500)}
		m.NotUnderstood = map[counter.Shape]counter.Count{{MTA: evil, Shape: evil}: {Value: 1}}
		m.Deliveries = map[counter.Delivery]counter.Count{{Peer: "external", Provider: evil, Code: 451, Reason: evil}: {Value: 1}}
		m.SentByReason = map[counter.ByReason]counter.Count{{CodeReason: counter.CodeReason{Code: 451, Reason: evil}}: {Value: 1}}
		m.Err = errors.New(evil)
	}
	s.State.Failure = errors.New(evil)
	return New(About{Name: evil, Version: evil, Host: evil, Metrics: "./metrics?" + evil}, s, h, now)
}

// tags are the names of the elements of a page, as a browser sees them.
var tags = regexp.MustCompile(`<([a-zA-Z][^\s/>]*)`)

func TestEscaping(t *testing.T) {
	s, h := busy()
	known := map[string]bool{}
	for _, tag := range tags.FindAllStringSubmatch(htmlOf(t, New(about, s, h, now)), -1) {
		known[tag[1]] = true
	}
	page := htmlOf(t, hostile())
	for _, tag := range tags.FindAllStringSubmatch(page, -1) {
		if !known[tag[1]] {
			t.Errorf("a %s in the page", tag[1])
		}
	}
	for _, tag := range []string{"script", "img", "iframe", "object", "form", "input", "link", "base"} {
		if known[tag] {
			t.Errorf("the page has a %s of its own", tag)
		}
	}
	for _, r := range html.UnescapeString(page) {
		if r != '\n' && r != '\t' && (r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x200b && r <= 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069) {
			t.Errorf("%U in the page", r)
		}
	}
	if n := strings.Count(page, "alert(1)"); n < 8 {
		t.Errorf("the hostile text is there %d times, so it is not shown where it was", n)
	}
	if strings.Contains(page, strings.Repeat("x", 401)) {
		t.Error("a text is not cut")
	}
}

func TestServeHTTP(t *testing.T) {
	s, _ := busy()
	answer := httptest.NewRecorder()
	NewPage(about, func() *pipeline.Snapshot { return s }).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/", http.NoBody))
	page := answer.Body.String()
	_, after, _ := strings.Cut(page, "<style>")
	own, _, _ := strings.Cut(after, "</style>")
	hash := sha256.Sum256([]byte(own))
	want := http.Header{
		"Cache-Control":                {"no-store"},
		"Content-Length":               {fmt.Sprint(len(page))},
		"Content-Security-Policy":      {"default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
		"Content-Type":                 {"text/html; charset=utf-8"},
		"Cross-Origin-Opener-Policy":   {"same-origin"},
		"Cross-Origin-Resource-Policy": {"same-origin"},
		"Referrer-Policy":              {"no-referrer"},
		"X-Content-Type-Options":       {"nosniff"},
		"X-Frame-Options":              {"DENY"},
	}
	if d := cmp.Diff(want, answer.Header()); d != "" || answer.Code != http.StatusOK {
		t.Errorf("status %d, header (-want +got):\n%s", answer.Code, d)
	}
	if strings.Contains(page, " style=") || strings.Contains(page, " on") && regexp.MustCompile(`\son\w+=`).MatchString(page) {
		t.Error("an attribute that the policy forbids")
	}
	links := map[string]bool{}
	for _, link := range regexp.MustCompile(`(?:href|src)="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		links[link[1]] = true
	}
	if d := cmp.Diff(map[string]bool{"./metrics": true, "-/healthy": true, "-/ready": true}, links); d != "" {
		t.Errorf("links (-want +got):\n%s", d)
	}
}

// The page of one snapshot is made once.
func TestSharedPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := snapshotOf(time.Now(), healthy("mail"))
		p := NewPage(about, func() *pipeline.Snapshot { return s })
		get := func() string {
			time.Sleep(time.Second) // the page has its time
			answer := httptest.NewRecorder()
			p.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/", http.NoBody))
			return answer.Body.String()
		}
		first := get()
		if get() != first {
			t.Error("the page of the same snapshot was made twice")
		}
		s = snapshotOf(time.Now(), healthy("mail"))
		p.Add(s)
		if get() == first {
			t.Error("the page of another snapshot is the old one")
		}
	})
}

func TestWords(t *testing.T) {
	v := &View{Now: now}
	for got, want := range map[string]string{
		number(0): "0", number(999): "999", number(1000): "1,000", number(1234567): "1,234,567",
		short(99_999): "99,999", short(100_000): "100k", short(1_240_000): "1.2M", short(12_000_000_000): "12G", short(999_999): "1000k",
		size(999): "999 bytes", size(12_345): "12 kB", size(123_456): "123 kB", size(1_500_000): "1.5 MB",
		percent(0, 0): "0 %", percent(1, 1000): "1 %", percent(999, 1000): "99 %", percent(7, 7): "100 %", percent(1, 2): "50 %",
		visible("a\tב\u202e\n<"): `a\tב\u202e\n<`,
		v.When(now):              "14:16:30", v.When(now.Add(-24 * time.Hour)): "22 Nov 14:16", v.When(now.AddDate(-1, 0, 0)): "23 Nov 2025 14:16",
		v.Ago(now.Add(-59 * time.Second)): "59 s ago", v.Ago(now.Add(-90 * time.Minute)): "1 h ago", v.Ago(now.Add(-3 * time.Minute)): "3 min ago",
		v.Ago(now.Add(-72 * time.Hour)): "3 days ago", v.Ago(now.Add(time.Hour)): "0 s ago", v.Zone(): "CET",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
