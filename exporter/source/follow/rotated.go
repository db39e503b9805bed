package follow

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// rotated is a file with the name of a rotated log, in the log's directory.
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
	if packed(name) {
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

// rotatedFrom returns the files that log was rotated to, oldest first. It omits a
// compressed file while its plain form still exists.
func rotatedFrom(log string) []rotated {
	found := rotatedIn(log)
	if target, err := filepath.EvalSymlinks(log); err == nil && target != log {
		found = append(found, rotatedIn(target)...)
	}
	plain := make(map[string]bool)
	dated, sequential := false, false
	for _, r := range found {
		plain[r.name] = true
		dated = dated || !r.sequential()
		sequential = sequential || r.sequential()
	}
	found = slices.DeleteFunc(found, func(r rotated) bool {
		return packed(r.name) && plain[strings.TrimSuffix(r.name, filepath.Ext(r.name))]
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

func rotatedIn(log string) (found []rotated) {
	dir, base := filepath.Split(log)
	entries, _ := os.ReadDir(cmp.Or(dir, "."))
	for _, e := range entries {
		stamp, ok := rotation(base, e.Name())
		if !ok {
			continue
		}
		name := filepath.Join(dir, e.Name())
		if st, err := stat(name); err == nil && st.regular {
			found = append(found, rotated{name, stamp, st})
		}
	}
	return found
}
