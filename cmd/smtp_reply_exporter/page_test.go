package main

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// The page shows what the log has, and each of its links leads somewhere.
func TestStatusPage(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/metrics", "/mail/metrics"} {
		t.Run(path, func(t *testing.T) {
			d := newDaemon(t)
			d.run("--web.telemetry-path=" + path)
			d.append(testdata(t, "forged.log"))
			var page string
			d.wait("the reply is on the page", func() bool {
				_, page = d.get("/")
				return strings.Contains(page, "<b>554</b> transaction failed")
			})
			if !strings.Contains(page, d.dir+"/mail.log") {
				t.Errorf("the log is not on the page:\n%s", page)
			}
			links := regexp.MustCompile(`href="\.?/?([^"]*)"`).FindAllStringSubmatch(page, -1)
			if len(links) < 3 {
				t.Errorf("links %q", links)
			}
			for _, link := range links {
				if status, _ := d.get("/" + link[1]); status != http.StatusOK {
					t.Errorf("/%s: status %d", link[1], status)
				}
			}
		})
	}
}
