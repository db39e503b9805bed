package setup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"smtp_reply_exporter/exporter/access"
	"smtp_reply_exporter/exporter/config"
	"smtp_reply_exporter/exporter/discover"
	"smtp_reply_exporter/exporter/source/follow"
	"smtp_reply_exporter/exporter/source/journal"
	"smtp_reply_exporter/exporter/state"
)

// A Look is what a source or the state of a configuration would be on this host, now.
type Look struct {
	Name     string // such as "source mail"
	Is       string // what it would follow or use
	Warnings []error
}

// LookAt looks at what a configuration names: sources in their order, then the state. It
// asks journalctl for a journal. It sees what the user of this process may see.
func LookAt(cfg *config.Config) []Look {
	var looks []Look
	for i := range cfg.Sources {
		s := &cfg.Sources[i]
		look := Look{Name: "source " + s.Name, Is: "follows " + s.String()}
		switch {
		case s.Journal != nil:
			look.warn(journal.Check(journal.Config{Matches: s.Journal.Matches}))
		case s.Syslog != "":
			look.Is = "listens on " + s.Syslog
		case s.Stdin:
			look.Is = "reads standard input"
		default:
			look.files(cfg, s)
		}
		looks = append(looks, look)
	}
	looks = append(looks, lookAtState(cfg))
	return looks
}

func lookAtState(cfg *config.Config) Look {
	if cfg.State == "" {
		return Look{Name: "state", Is: "none is kept: after a restart, counters start at 0"}
	}
	look := Look{Name: "state", Is: cfg.State}
	look.warn(state.Check(cfg.State))
	return look
}

// warn adds a warning, unless it is nil.
func (l *Look) warn(err error) {
	if err != nil {
		l.Warnings = append(l.Warnings, access.Explain(err))
	}
}

// files looks at the files of a source.
func (l *Look) files(cfg *config.Config, s *config.Source) {
	files := l.match(s.File)
	if len(files) > 1 || len(files) == 1 && files[0] != s.File {
		l.Is += fmt.Sprintf(" (%d files)", len(files))
	}
	readable := 0
	for _, file := range files {
		err := lookAtFile(file)
		if err == nil {
			readable++
		}
		l.warn(err)
	}
	if readable > 0 {
		if mtas := discover.MTAs(s.File, cfg.ParserOf(s)); len(mtas) > 0 {
			l.Is += ", with lines of " + strings.Join(mtas, " and ")
		} else {
			l.warn(fmt.Errorf("%s: no line of a known MTA at its end: right for a new log; otherwise check that it is the mail log", s.File))
		}
	}
	if s.OldDir != "" {
		_, err := os.ReadDir(follow.OldDir(s.File, s.OldDir))
		l.warn(err)
	}
	for _, notices := range s.LossNotices {
		for _, file := range l.match(notices) {
			l.warn(lookAtFile(file))
		}
	}
}

// match returns the files that match a path or glob. It warns if there is none.
func (l *Look) match(glob string) []string {
	if _, err := os.Lstat(glob); err == nil {
		return []string{glob}
	} else if errors.Is(err, fs.ErrPermission) {
		l.warn(err)
		return nil
	}
	files, _ := filepath.Glob(glob) // the configuration has checked it
	if len(files) == 0 {
		l.warn(fmt.Errorf("%s: no such file yet; the exporter waits for it", glob))
	}
	return files
}

// lookAtFile returns why a file cannot be followed; nil if it can.
func lookAtFile(file string) error {
	info, err := os.Stat(file)
	switch {
	case err != nil:
		return err
	case info.IsDir():
		return fmt.Errorf("%s: a directory; name a file, or a glob such as %s", file, filepath.Join(file, "*.log"))
	case info.Mode()&fs.ModeNamedPipe != 0:
		return nil // opening it would take what is written
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s: not a regular file", file)
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	if follow.Compressed(f) && !follow.IsSegment(file) {
		return fmt.Errorf("%s: a compressed file cannot be followed; `parse` reads it", file)
	}
	return nil
}
