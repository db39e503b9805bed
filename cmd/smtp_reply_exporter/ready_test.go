package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestReady has a log that appears after the start. /metrics answers all the time, since an
// alert needs it.
func TestReady(t *testing.T) {
	t.Parallel()
	d := newDaemon(t)
	log := filepath.Join(d.dir, "mail.log")
	if err := os.Remove(log); err != nil {
		t.Fatal(err)
	}
	d.start()
	want := "Not ready: no source is up\nsource mail: stat " + log + ": no such file or directory\n"
	d.wait("the reason", func() bool {
		status, body := d.get("/-/ready")
		return status == http.StatusServiceUnavailable && strings.HasPrefix(body, want)
	})
	if up := d.scrape()[`smtp_reply_exporter_source_up{source="mail"}`]; up != "0" {
		t.Errorf("source_up %s, want 0", up)
	}
	d.append(testdata(t, "forged.log"))
	d.wait("ready", func() bool {
		status, _ := d.get("/-/ready")
		return status == http.StatusOK
	})
	if !strings.Contains(d.stderr.String(), `msg="found an MTA" logged_source=mail mta=postfix`) &&
		!strings.Contains(d.stderr.String(), `msg="found an MTA" source=mail mta=postfix`) {
		t.Errorf("the MTA is not in the log:\n%s", &d.stderr)
	}
}
