package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"smtp_reply_exporter/logparse"
)

// usualLogs are the paths that distributions and MTAs log mail to. Only one is
// followed, because several may hold the same lines: the first in which an MTA
// has logged of late, since Dovecot may write mail.log on a host of Exim; else the
// first that exists.
var usualLogs = []string{
	"/var/log/mail.log",      // Debian, Ubuntu
	"/var/log/maillog",       // RHEL, the BSDs, Plesk
	"/var/log/mail",          // SUSE
	"/var/log/mail/mail.log", // where the directory is mail's own
	"/var/log/zimbra.log",    // Zimbra
	"/var/log/exim4/mainlog", // Exim on Debian
	"/var/log/exim/main.log", // Exim on RHEL
	"/var/log/exim/mainlog",  // Exim on FreeBSD
	"/var/log/exim_mainlog",  // Exim under cPanel
	"/var/log/qmail/current", // qmail under multilog
}

// Default returns the configuration of a host without a configuration file: one
// source, that follows a usual mail log below root, "/" outside of tests,
// or else the journal. The error names what was looked for.
func Default(root string) (*Config, error) {
	var logs []string
	for _, log := range usualLogs {
		path := filepath.Join(root, log)
		info, err := os.Stat(path)
		switch {
		case errors.Is(err, fs.ErrPermission):
			return nil, fmt.Errorf("look for the mail log of this host: %w; run as a user or group that may read it, or name another log in a configuration (--config.file)", err)
		case err == nil && info.Mode().IsRegular():
			logs = append(logs, path)
		}
	}
	if len(logs) > 0 {
		log := logs[0]
		if i := slices.IndexFunc(logs, func(log string) bool { return len(MTAsIn(log, logparse.NewParser())) > 0 }); i > 0 {
			log = logs[i]
		}
		return &Config{State: DefaultState, Sources: []Source{{Name: "mail", File: log, MTA: Auto, Start: End}}}, nil
	}
	if info, err := os.Stat(filepath.Join(root, "/run/systemd/journal")); err == nil && info.IsDir() {
		return &Config{State: DefaultState, Sources: []Source{{Name: "journal", Journal: &Journal{}, MTA: Auto, Start: End}}}, nil
	}
	return nil, fmt.Errorf("no mail log on this host: looked for %s; name yours in a configuration (--config.file, see config.example.yaml)",
		strings.Join(usualLogs, ", "))
}
