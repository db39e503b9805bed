package setup

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"smtp_reply_exporter/exporter/config"
)

func TestLookAt(t *testing.T) {
	t.Setenv("PATH", t.TempDir()) // without journalctl
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("mail.log", "Nov 23 14:16:23 mx1 postfix/qmgr[77]: 5C65B9A5D67: removed\n")
	write("other.log", "Nov 23 14:16:23 mx1 nginx[7]: GET /\n")
	write("mail.log.1.gz", "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03")
	write("20261123-161500.204718311", "\x28\xb5\x2f\xfd\x00\x00\x00")
	if err := os.Mkdir(filepath.Join(dir, "dir"), 0o700); err != nil {
		t.Fatal(err)
	}
	const unknown = ": no line of a known MTA at its end: right for a new log; otherwise check that it is the mail log"
	for _, tc := range []struct {
		name     string
		yaml     string // a source; DIR stands for dir
		state    string
		is       string
		warnings []string
		ofState  string
	}{
		{name: "a log", yaml: "file: DIR/mail.log", state: "DIR/state", is: "follows DIR/mail.log, with lines of postfix"},
		{name: "a glob", yaml: "file: DIR/*.log", is: "follows DIR/*.log (2 files), with lines of postfix"},
		{name: "missing", yaml: "file: DIR/no.log", is: "follows DIR/no.log", warnings: []string{"DIR/no.log: no such file yet; the exporter waits for it"}},
		{name: "a directory", yaml: "file: DIR/dir", is: "follows DIR/dir", warnings: []string{"DIR/dir: a directory; name a file, or a glob such as DIR/dir/*.log"}},
		{
			name: "compressed", yaml: "file: DIR/mail.log.1.gz", is: "follows DIR/mail.log.1.gz",
			warnings: []string{"DIR/mail.log.1.gz: a compressed file cannot be followed; `parse` reads it"},
		},
		{name: "segments", yaml: "file: 'DIR/2[0-9]*'", is: "follows DIR/2[0-9]* (1 files)", warnings: []string{"DIR/2[0-9]*" + unknown}},
		{name: "no MTA", yaml: "file: DIR/other.log", is: "follows DIR/other.log", warnings: []string{"DIR/other.log" + unknown}},
		{
			name: "no olddir, no loss notices", yaml: "file: DIR/mail.log, olddir: old, loss_notices: [DIR/syslog]",
			is: "follows DIR/mail.log, with lines of postfix",
			warnings: []string{
				"open DIR/old: no such file or directory",
				"DIR/syslog: no such file yet; the exporter waits for it",
			},
		},
		{
			name: "no journal", yaml: "journal: {}", is: "follows the journal",
			warnings: []string{`no journalctl, which is part of systemd: exec: "journalctl": executable file not found in $PATH`},
		},
		{name: "syslog", yaml: "syslog: 'udp://127.0.0.1:5514'", is: "listens on udp://127.0.0.1:5514"},
		{name: "standard input", yaml: "stdin: true", is: "reads standard input"},
		{
			name: "no directory of the state", yaml: "stdin: true", state: "DIR/no/state", is: "reads standard input",
			ofState: "state file DIR/no/state: open DIR/no: no such file or directory; create the directory",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			in := func(text string) string { return strings.ReplaceAll(text, "DIR", dir) }
			cfg, err := config.Parse("config.yaml", []byte(in("state: '"+tc.state+"'\nsources: [{name: mail, "+tc.yaml+"}]\n")))
			if err != nil {
				t.Fatal(err)
			}
			var got, want []string
			for _, look := range LookAt(cfg) {
				got = append(got, look.Name+": "+look.Is)
				for _, err := range look.Warnings {
					got = append(got, err.Error())
				}
			}
			want = append(want, "source mail: "+in(tc.is))
			for _, warning := range tc.warnings {
				want = append(want, in(warning))
			}
			if tc.state == "" {
				want = append(want, "state: none is kept: after a restart, counters start at 0")
			} else {
				want = append(want, "state: "+in(tc.state))
			}
			if tc.ofState != "" {
				want = append(want, in(tc.ofState))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestLookAtForbidden has files that may not be read. It runs as a user.
func TestLookAtForbidden(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	dir := t.TempDir()
	log := filepath.Join(dir, "mail.log")
	if err := errors.Join(os.WriteFile(log, nil, 0), os.Chmod(dir, 0o500)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
	cfg := &config.Config{State: filepath.Join(dir, "state"), Sources: []config.Source{{Name: "mail", File: log, MTA: config.Auto}}}
	looks := LookAt(cfg)
	for i, want := range []string{"permission denied; only the user ", "permission denied; let the exporter's user write"} {
		if w := looks[i].Warnings; len(w) != 1 || !strings.Contains(w[0].Error(), want) {
			t.Errorf("warnings %v, want %q", w, want)
		}
	}
}
