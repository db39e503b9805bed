//go:build browser

package status

import (
	"fmt"
	"image"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"smtp_reply_exporter/exporter/pipeline"
)

// TestBrowser shows the page in a headless Chromium. SCREENSHOTS is a directory to keep
// the pictures in.
func TestBrowser(t *testing.T) {
	s, h := busy()
	ordinary := New(about, s, h, now)
	fresh := New(about, snapshotOf(now, healthy("mail")), &Hour{}, now)
	for name, view := range map[string]*View{"busy": ordinary, "hostile": hostile(), "fresh": fresh} {
		page := htmlOf(t, view)
		server := serve(page)
		defer server.Close()
		for _, width := range []int{390, 1280} {
			if got := chromium(t, "--dump-dom", server.URL+fmt.Sprintf("/measure?%d", width)); !strings.Contains(got, "<title>fits, has style, 0 foreign</title>") {
				t.Errorf("%s at %d pixels: %s", name, width, got)
			}
			light := picture(t, server.URL, fmt.Sprintf("%s-%d-light", name, width), width)
			dark := picture(t, server.URL, fmt.Sprintf("%s-%d-dark", name, width), width, "--blink-settings=preferredColorScheme=0")
			if l, d := brightness(light), brightness(dark); l < 200 || d > 60 {
				t.Errorf("%s at %d pixels: brightness %d in light and %d in dark", name, width, l, d)
			}
		}
	}
}

// TestPolicyInBrowser shows the page with its own headers: the browser has nothing to
// complain about.
func TestPolicyInBrowser(t *testing.T) {
	s, _ := busy()
	page := NewPage(about, func() *pipeline.Snapshot { return s })
	page.snapshot, page.text = s, []byte(htmlOf(t, hostile()))
	server := httptest.NewServer(page)
	defer server.Close()
	log := chromium(t, "--enable-logging=stderr", "--log-level=0", "--dump-dom", server.URL)
	if !strings.Contains(log, "alert(1)") {
		t.Errorf("no page in %s", log)
	}
	for line := range strings.Lines(log) {
		if strings.Contains(line, "CONSOLE") {
			t.Error(line)
		}
	}
}

// serve serves a page, and around it one that measures it: a window of Chromium is at
// least 500 pixels wide, a frame is not. The page has its policy, but for who may frame it.
func serve(page string) *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/page":
			w.Header().Set("Content-Security-Policy", strings.Replace(policy, "frame-ancestors 'none'", "frame-ancestors 'self'", 1))
			fmt.Fprint(w, page)
		case "/frame", "/measure":
			fmt.Fprintf(w, "<!doctype html><title>not measured</title><body style='margin:0'><iframe src=/page style='border:0;width:%spx;height:5000px'></iframe>", r.URL.RawQuery)
			if r.URL.Path == "/measure" {
				fmt.Fprint(w, measure)
			}
		default:
			http.NotFound(w, r)
		}
	}))
}

// measure says in the title whether the page is as wide as its frame, whether its style is
// in force, and how many elements are not its own.
const measure = `<script>
onload = () => {
	const page = frames[0].document, root = page.documentElement
	const wide = [...page.querySelectorAll("*")].filter(e => e.getBoundingClientRect().right > root.clientWidth + .5 && !e.closest("svg"))
	document.title = (root.scrollWidth <= root.clientWidth && !wide.length ? "fits" : "too wide: " + wide.map(e => e.tagName + e.className).join(" "))
		+ (frames[0].getComputedStyle(page.querySelector(".card")).borderRadius != "0px" ? ", has style" : ", no style")
		+ ", " + page.querySelectorAll("script, img, iframe, object, form, [onerror], [onload]").length + " foreign"
}
</script>`

func chromium(t *testing.T, args ...string) string {
	t.Helper()
	args = append([]string{"--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--user-data-dir=" + t.TempDir()}, args...)
	cmd := exec.CommandContext(t.Context(), "chromium", args...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

// picture takes a screenshot.
func picture(t *testing.T, url, name string, width int, args ...string) image.Image {
	t.Helper()
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		dir = t.TempDir()
	}
	path := filepath.Join(dir, name+".png")
	chromium(t, append(args, fmt.Sprintf("--window-size=%d,2400", max(width, 500)), "--screenshot="+path, url+fmt.Sprintf("/frame?%d", width))...)
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	shot, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	return shot
}

// brightness returns the mean of the green in the leftmost 390 pixels, from 0 to 255.
func brightness(shot image.Image) uint32 {
	bounds := shot.Bounds()
	bounds.Max.X = min(bounds.Max.X, 390)
	sum, n := uint32(0), uint32(0)
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			_, green, _, _ := shot.At(x, y).RGBA()
			sum += green >> 8
			n++
		}
	}
	return sum / n
}
