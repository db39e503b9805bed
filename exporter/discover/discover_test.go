package discover

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"smtp_reply_exporter/exporter/config"
)

// packed compresses a text as KumoMTA does, without the end of the frame.
func packed(t *testing.T, text string) string {
	t.Helper()
	var out strings.Builder
	z, err := zstd.NewWriter(&out)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Flush(); err != nil {
		t.Fatal(err)
	}
	packed := out.String()
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return packed
}

func TestSource(t *testing.T) {
	for name, tc := range map[string]struct {
		logs, dirs []string
		lines      map[string]string // in some of the logs
		old        string            // the log whose last line is old
		want       string
	}{
		"debian":                    {logs: []string{"/var/log/mail.log"}, want: "/var/log/mail.log"},
		"rhel":                      {logs: []string{"/var/log/maillog"}, want: "/var/log/maillog"},
		"suse":                      {logs: []string{"/var/log/mail"}, want: "/var/log/mail"},
		"directory of mail's own":   {logs: []string{"/var/log/mail/mail.log"}, want: "/var/log/mail/mail.log"},
		"exim":                      {logs: []string{"/var/log/exim4/mainlog"}, want: "/var/log/exim4/mainlog"},
		"file where a directory is": {logs: []string{"/var/log/exim4", "/var/log/exim_mainlog"}, want: "/var/log/exim_mainlog"},
		"directory where a file is": {dirs: []string{"/var/log/mail.log"}, logs: []string{"/var/log/maillog"}, want: "/var/log/maillog"},
		"the first of several":      {logs: []string{"/var/log/exim4/mainlog", "/var/log/mail.log", "/var/log/maillog"}, want: "/var/log/mail.log"},
		"exim beside a mail.log of dovecot": {
			logs: []string{"/var/log/mail.log", "/var/log/exim4/mainlog"},
			lines: map[string]string{
				"/var/log/mail.log":      "Nov 23 14:16:23 mx1 dovecot: imap-login: Login: user=<ann>\n",
				"/var/log/exim4/mainlog": "2026-11-23 14:26:53 1xVUxo-0001BI-1d Completed\n",
			},
			want: "/var/log/exim4/mainlog",
		},
		"postfix beside an old log of exim": {
			logs: []string{"/var/log/mail.log", "/var/log/exim4/mainlog"},
			lines: map[string]string{
				"/var/log/mail.log":      "Nov 23 14:16:23 mx1 postfix/qmgr[77]: 5C65B9A5D67: removed\n",
				"/var/log/exim4/mainlog": "2026-11-23 14:26:53 1xVUxo-0001BI-1d Completed\n",
			},
			want: "/var/log/mail.log",
		},
		"a rotation without a new log": {
			logs: []string{"/var/log/mail.log.1", "/var/log/mail.log.2.gz", "/var/log/exim4/mainlog"},
			lines: map[string]string{
				"/var/log/mail.log.1":    "Nov 23 14:16:23 mx1 postfix/qmgr[77]: 5C65B9A5D67: removed\n",
				"/var/log/exim4/mainlog": "2026-11-23 14:26:53 1xVUxo-0001BI-1d Completed\n",
			},
			want: "/var/log/mail.log",
		},
		"a rotation with an empty log": {
			logs: []string{"/var/log/mail.log", "/var/log/mail.log-20261123", "/var/log/exim4/mainlog"},
			lines: map[string]string{
				"/var/log/mail.log-20261123": "Nov 23 14:16:23 mx1 postfix/qmgr[77]: 5C65B9A5D67: removed\n",
				"/var/log/exim4/mainlog":     "2026-11-23 14:26:53 1xVUxo-0001BI-1d Completed\n",
			},
			want: "/var/log/mail.log",
		},
		"segments of kumomta": {
			logs: []string{"/var/log/kumomta/.position", "/var/log/kumomta/20261123-161500.204718311", "/var/log/kumomta/20261123-161510.118420973"},
			want: "/var/log/kumomta/[0-9]*",
		},
		"kumomta beside a mail.log of cron": {
			logs: []string{"/var/log/mail.log", "/var/log/kumomta/20261123-161500.204718311"},
			lines: map[string]string{
				"/var/log/mail.log": "Nov 23 14:16:23 mx1 CRON[7]: session opened\n",
				"/var/log/kumomta/20261123-161500.204718311": packed(t, `{"type":"Reception","id":"1d98076a","sender":"a@src.example","recipient":"ann@dest.example","queue":"dest.example","site":"","size":100,`+
					`"response":{"code":250,"enhanced_code":null,"content":"","command":null},"peer_address":{"name":"pc.src.example","addr":"192.0.2.7"},"timestamp":1795443501,"reception_protocol":"ESMTP"}`+"\n"),
			},
			want: "/var/log/kumomta/[0-9]*",
		},
		"nothing of kumomta yet": {dirs: []string{"/var/log/kumomta"}, logs: []string{"/var/log/maillog"}, want: "/var/log/maillog"},
		"a log that was given up": {
			logs: []string{"/var/log/mail.log.1", "/var/log/exim4/mainlog"}, old: "/var/log/mail.log.1",
			want: "/var/log/exim4/mainlog",
		},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			for _, dir := range tc.dirs {
				if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			for _, log := range tc.logs {
				path := filepath.Join(root, log)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(tc.lines[log]), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if tc.old != "" {
				lastYear := time.Now().AddDate(-1, 0, 0)
				if err := os.Chtimes(filepath.Join(root, tc.old), lastYear, lastYear); err != nil {
					t.Fatal(err)
				}
			}
			got, err := Source(root)
			if err != nil {
				t.Fatal(err)
			}
			want := config.Source{Name: "mail", File: filepath.Join(root, tc.want), MTA: "auto", Start: config.End}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("source (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSourceWithoutLog(t *testing.T) {
	_, err := Source(t.TempDir())
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"no mail log and no systemd journal on this host: looked for /var/log/mail.log, /var/log/maillog, ", "--config.file"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q lacks %q", err, want)
		}
	}
}

// TestSourceOnWindows has the logs of MTAs for Windows, below a directory of any system.
func TestSourceOnWindows(t *testing.T) {
	const exchange = "Program Files/Microsoft/Exchange Server/V15/TransportRoles/Logs/"
	for name, tc := range map[string]struct{ log, want string }{
		"exchange's front end": {exchange + "FrontEnd/ProtocolLog/SmtpReceive/RECV2026112314-1.LOG", exchange + "*/ProtocolLog/Smtp*/*.LOG"},
		"exchange's hub":       {exchange + "Hub/ProtocolLog/SmtpSend/SEND2026112314-1.LOG", exchange + "*/ProtocolLog/Smtp*/*.LOG"},
		"hmailserver":          {"Program Files (x86)/hMailServer/Logs/hmailserver_2026-11-23.log", "Program Files (x86)/hMailServer/Logs/hmailserver_[0-9]*.log"},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			path := filepath.Join(root, tc.log)
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, nil, 0o600)); err != nil {
				t.Fatal(err)
			}
			got, err := sourceOf(root, logsOf("windows"))
			if want := filepath.Join(root, tc.want); err != nil || got.File != want {
				t.Errorf("%q, %v, want %q", got.File, err, want)
			}
		})
	}
	if _, err := sourceOf(t.TempDir(), logsOf("windows")); err == nil || !strings.Contains(err.Error(), "hmailserver_[0-9]*.log") {
		t.Errorf("error %v, want one that names the paths", err)
	}
}

func TestSourceForbidden(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	root := t.TempDir()
	dir := filepath.Join(root, "var/log/exim4")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(dir, 0o755) })
	_, err := Source(root)
	if err == nil || !strings.Contains(err.Error(), "exim4/mainlog: permission denied; only the user ") {
		t.Errorf("error %v, want one that names the log and the permission", err)
	}
}

func TestMissing(t *testing.T) {
	root := t.TempDir()
	log := config.Source{File: filepath.Join(root, "mail.log")}
	journal := config.Source{Journal: &config.Journal{}}
	if !Missing(root, &log) || !Missing(root, &journal) {
		t.Error("there, but nothing is")
	}
	if err := os.WriteFile(log.File, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(root, journalDir), 0o700); err != nil {
		t.Fatal(err)
	}
	if Missing(root, &log) || Missing(root, &journal) {
		t.Error("missing, but it is there")
	}
}
