// Package discover finds the mail log of this host, and the MTAs that write to a log. It
// reads only the end of a log.
package discover

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"smtp_reply_exporter/exporter/access"
	"smtp_reply_exporter/exporter/config"
	"smtp_reply_exporter/exporter/source/follow"
	"smtp_reply_exporter/logparse"
)

// journalDir exists where journald runs.
const journalDir = "/run/systemd/journal"

// Source returns a source for a usual mail log below root, which is "/" except in
// tests, or for the journal if there is no log. The error names the paths that Source
// tried.
func Source(root string) (config.Source, error) { return sourceOf(root, logsOf(runtime.GOOS)) }

func sourceOf(root string, usual []string) (config.Source, error) {
	logs, err := existingLogs(root, usual)
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
	return config.Source{}, fmt.Errorf("no mail log and no systemd journal on this host: looked for %s; name yours in a configuration (--config.file, see config.example.yaml)",
		strings.Join(usual, ", "))
}

// rotatedLately is how old the last line may be in the rotated file of a log that does
// not exist: most logs are rotated once a day or a week.
const rotatedLately = 7 * 24 * time.Hour

// existingLogs returns those of the usual logs that are regular files below root, or that were
// rotated lately.
func existingLogs(root string, usual []string) ([]string, error) {
	var logs []string
	for _, log := range usual {
		path := below(root, log)
		info, err := os.Stat(path)
		if isGlob(log) {
			_, err = os.ReadDir(filepath.Dir(path))
		}
		switch {
		case errors.Is(err, fs.ErrPermission):
			return nil, fmt.Errorf("look for the mail log of this host: %w; or name another log in a configuration (--config.file)", access.Explain(err))
		case isGlob(log):
			if files, _ := filepath.Glob(path); len(files) > 0 {
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
	if isGlob(path) {
		files, _ := filepath.Glob(path)
		return len(files) == 0
	}
	_, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist)
}

// hasMTA reports whether the last lines of a log are from an MTA.
func hasMTA(log string) bool { return len(MTAs(log, logparse.NewParser())) > 0 }
