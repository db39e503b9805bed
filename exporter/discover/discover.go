// Package discover finds the mail log of this host, and the MTAs that write to a log. It
// reads only the end of a log.
package discover

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"smtp_reply_exporter/exporter/config"
	"smtp_reply_exporter/exporter/source/follow"
	"smtp_reply_exporter/logparse"
)

// usualLogs are the paths where distributions and MTAs log mail. Source chooses only
// one, because several may hold the same lines. It chooses the first log with recent
// lines of an MTA, because mail.log may hold only Dovecot's lines on a host that runs
// Exim. If there is none, it chooses the first log that exists. A log that was rotated
// lately exists, even if its writer has yet to create it again.
var usualLogs = []string{
	"/var/log/mail.log",      // Debian, Ubuntu
	"/var/log/maillog",       // RHEL, the BSDs, Plesk
	"/var/log/mail",          // SUSE
	"/var/log/mail/mail.log", // where /var/log/mail is a directory
	"/var/log/zimbra.log",    // Zimbra
	"/var/log/exim4/mainlog", // Exim on Debian
	"/var/log/exim/main.log", // Exim on RHEL
	"/var/log/exim/mainlog",  // Exim on FreeBSD
	"/var/log/exim_mainlog",  // Exim under cPanel
	"/var/log/qmail/current", // qmail under multilog
	kumoSegments,             // KumoMTA
}

// kumoSegments are the segments of KumoMTA's log. Programs that read them keep hidden files
// beside them.
const kumoSegments = "/var/log/kumomta/[0-9]*"

// journalDir exists where journald runs.
const journalDir = "/run/systemd/journal"

// Source returns a source for a usual mail log below root, which is "/" except in
// tests, or for the journal if there is no log. The error names the paths that Source
// tried.
func Source(root string) (config.Source, error) {
	logs, err := existingLogs(root)
	if err != nil {
		return config.Source{}, err
	}
	if len(logs) > 0 {
		log := logs[0]
		if i := slices.IndexFunc(logs, hasMTA); i > 0 {
			log = logs[i]
		}
		return config.Source{Name: "mail", File: log, MTA: config.Auto, Start: config.End}, nil
	}
	if info, err := os.Stat(filepath.Join(root, journalDir)); err == nil && info.IsDir() {
		return config.Source{Name: "journal", Journal: &config.Journal{}, MTA: config.Auto, Start: config.End}, nil
	}
	return config.Source{}, fmt.Errorf("no mail log on this host: looked for %s; name yours in a configuration (--config.file, see config.example.yaml)",
		strings.Join(usualLogs, ", "))
}

// rotatedLately is how old the last line may be in the rotated file of a log that does
// not exist: most logs are rotated once a day or a week.
const rotatedLately = 7 * 24 * time.Hour

// existingLogs returns the usual logs that are regular files below root, or that were
// rotated lately.
func existingLogs(root string) ([]string, error) {
	var logs []string
	for _, log := range usualLogs {
		path := filepath.Join(root, log)
		info, err := os.Stat(path)
		if log == kumoSegments {
			_, err = os.ReadDir(filepath.Dir(path))
		}
		switch {
		case errors.Is(err, fs.ErrPermission):
			return nil, fmt.Errorf("look for the mail log of this host: %w; run as a user or group that may read it, or name another log in a configuration (--config.file)", err)
		case log == kumoSegments:
			if segments, _ := filepath.Glob(path); len(segments) > 0 {
				logs = append(logs, path)
			}
		case errors.Is(err, fs.ErrNotExist):
			if info, err := os.Stat(lastRotated(path)); err == nil && time.Since(info.ModTime()) < rotatedLately {
				logs = append(logs, path)
			}
		case err == nil && info.Mode().IsRegular():
			logs = append(logs, path)
		}
	}
	return logs, nil
}

// lastRotated returns the file that a log was last rotated to; "" if there is none.
func lastRotated(log string) string {
	rotated := follow.Rotated(log)
	if len(rotated) == 0 {
		return ""
	}
	return rotated[len(rotated)-1]
}

// Missing reports whether a source that Source has found at an earlier start is not
// there below root.
func Missing(root string, s *config.Source) bool {
	path := s.File
	if s.Journal != nil {
		path = filepath.Join(root, journalDir)
	}
	if path == kumoSegments {
		segments, _ := filepath.Glob(path)
		return len(segments) == 0
	}
	_, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist)
}

// hasMTA reports whether the last lines of a log are from an MTA.
func hasMTA(log string) bool { return len(MTAs(log, logparse.NewParser())) > 0 }
