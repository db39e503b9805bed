package follow

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// rotated is a file with the name of a rotated log.
type rotated struct {
	name  string
	stamp string // 1 in mail.log.1, 20261123 in mail.log-20261123.gz
	info  info
}

// sequential reports whether the stamp is a number of rotations. The higher it is, the
// older the file.
func (r rotated) sequential() bool { return len(r.stamp) <= 3 }

// rotation returns the stamp that a rotation added to the name of a log to get name:
// "1" for mail.log and mail.log.1, "20261123" for mail.log-20261123.gz or
// mail-20261123.log. ok is false for other names, such as mail.err beside mail.
func rotation(log, name string) (stamp string, ok bool) {
	if isCompressed(name) {
		name = strings.TrimSuffix(name, filepath.Ext(name))
	}
	rest, ok := strings.CutPrefix(name, log)
	if !ok {
		ext := filepath.Ext(log)
		if rest, ok = strings.CutPrefix(name, strings.TrimSuffix(log, ext)); ok {
			rest, ok = strings.CutSuffix(rest, ext)
		}
	}
	if !ok || len(rest) < 2 || !strings.Contains("-._", rest[:1]) || rest[1] < '0' || rest[1] > '9' {
		return "", false
	}
	stamp = rest[1:]
	return stamp, strings.Trim(stamp, "0123456789-._:T") == ""
}

// rotatedFrom returns the files that p was rotated to, oldest first as far as their
// names tell. It omits a compressed file while its plain form still exists.
func (w *Follower) rotatedFrom(p *path) []rotated {
	var found []rotated
	for range 3 { // while a rotation renames them
		found = nil
		whole := true
		for _, log := range p.besides() {
			more, ok := w.rotatedIn(log)
			found, whole = append(found, more...), whole && ok
		}
		if whole {
			break
		}
	}
	plain := make(map[string]bool)
	dated, sequential := false, false
	for _, r := range found {
		plain[r.name] = true
		dated = dated || !r.sequential()
		sequential = sequential || r.sequential()
	}
	found = slices.DeleteFunc(found, func(r rotated) bool {
		return isCompressed(r.name) && plain[strings.TrimSuffix(r.name, filepath.Ext(r.name))]
	})
	slices.SortFunc(found, func(a, b rotated) int {
		switch {
		case dated && sequential:
			return a.info.mtime.Compare(b.info.mtime)
		case sequential:
			return cmp.Or(cmp.Compare(len(b.stamp), len(a.stamp)), cmp.Compare(b.stamp, a.stamp))
		default:
			return cmp.Compare(a.stamp, b.stamp)
		}
	})
	return found
}

// rotatedIn returns the rotated files of a log in its directory. ok is false if some of
// them were renamed meanwhile.
func (w *Follower) rotatedIn(log string) (found []rotated, ok bool) {
	dir, base := filepath.Split(log)
	dir = filepath.Clean(cmp.Or(dir, "."))
	stem := strings.TrimSuffix(base, filepath.Ext(base))
	names := w.listing(dir).names
	first, _ := slices.BinarySearch(names, stem)
	for _, name := range names[first:] {
		if !strings.HasPrefix(name, stem) {
			break
		}
		stamp, is := rotation(base, name)
		if !is {
			continue
		}
		name = filepath.Join(dir, name)
		if st, err := stat(name); err == nil && st.regular {
			found = append(found, rotated{name, stamp, st})
		} else if _, err := os.Lstat(name); err != nil {
			delete(w.listings, dir)
			return found, false
		}
	}
	return found, true
}

// logsOf returns the names of logs of which name may be a rotated file, by what
// rotation says.
func logsOf(name string) (logs []string) {
	if isCompressed(name) {
		name = strings.TrimSuffix(name, filepath.Ext(name))
	}
	ext := filepath.Ext(name)
	for i := len(name) - 1; i > 0 && name[i] != filepath.Separator; i-- {
		if strings.Contains("-._", name[i-1:i]) {
			logs = append(logs, name[:i-1])
			if i <= len(name)-len(ext) {
				logs = append(logs, name[:i-1]+ext)
			}
		}
	}
	return logs
}

// LogsOf returns the names of logs of which a file with that name may be a rotated part,
// in the same directory.
func LogsOf(name string) []string {
	base := filepath.Base(name)
	return slices.DeleteFunc(logsOf(name), func(log string) bool {
		_, ok := rotation(filepath.Base(log), base)
		return !ok
	})
}

// Rotated returns the files beside a log, or beside the target of a symlink, that have
// the names of its rotated files, oldest first.
func Rotated(log string) []string {
	var names []string
	for _, r := range New(Config{}).rotatedFrom(&path{source: &followed{}, name: log}) {
		names = append(names, r.name)
	}
	return names
}
