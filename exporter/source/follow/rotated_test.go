package follow

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestRotationName(t *testing.T) {
	tests := []struct {
		log, name, stamp string
		ok               bool
	}{
		{"mail.log", "mail.log.1", "1", true},
		{"mail.log", "mail.log.12.gz", "12", true},
		{"mail.log", "mail.log.0.zst", "0", true},
		{"mail.log", "mail.log-20261123", "20261123", true},
		{"mail.log", "mail.log-20261123-161500.gz", "20261123-161500", true},
		{"mail.log", "mail.log.2026-11-23T16:00:00", "2026-11-23T16:00:00", true},
		{"mail.log", "mail-20261123.log", "20261123", true},
		{"mail.log", "mail-20261123.log.gz", "20261123", true},
		{"mail.log", "mail.1.log", "1", true},
		{"maillog", "maillog.1", "1", true},
		{"0.log", "0.log.20261123-160000", "20261123-160000", true},
		{"mail.log", "mail.log", "", false},
		{"mail.log", "mail.log.gz", "", false},
		{"mail.log", "mail.log.1.bak", "", false},
		{"mail.log", "mail.log.1.xz", "1", true},
		{"mail.log", "mail.log.1.lz4", "1", true},
		{"mail.log", "mail.log.1.asc", "", false},
		{"mail.log", "mail.log.old", "", false},
		{"mail.log", "mail.log1", "", false},
		{"mail.log", "mail.log.", "", false},
		{"mail", "mail.err", "", false},
		{"mail", "mail.err.1", "", false},
		{"mail.log", "mail.err.1", "", false},
		{"mail.log", "mailman.log", "", false},
		{"mail.log", ".log", "", false},
		{"", "", "", false},
	}
	for _, tt := range tests {
		stamp, ok := rotation(tt.log, tt.name)
		if ok != tt.ok || ok && stamp != tt.stamp {
			t.Errorf("rotation(%q, %q) = %q, %t, want %q, %t", tt.log, tt.name, stamp, ok, tt.stamp, tt.ok)
		}
	}
}

func TestRotatedFrom(t *testing.T) {
	tests := []struct {
		name  string
		files []string
		want  []string // oldest first
	}{
		{"numbered", []string{"mail.log.1", "mail.log.10.gz", "mail.log.2.gz"}, []string{"mail.log.10.gz", "mail.log.2.gz", "mail.log.1"}},
		{"dated", []string{"mail.log-20261123", "mail.log-20261121.gz", "mail.log-20261122-1200"}, []string{"mail.log-20261121.gz", "mail.log-20261122-1200", "mail.log-20261123"}},
		{"being compressed", []string{"mail.log.1", "mail.log.1.gz"}, []string{"mail.log.1"}},
		{"others beside", []string{"mail.log.1", "mail.log.old", "mail.err.1"}, []string{"mail.log.1"}},
		{"two schemes, by time", []string{"mail.log-20261123", "mail.log.1"}, []string{"mail.log-20261123", "mail.log.1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, running, Source{Path: "mail.log"})
			w.create("mail.log")
			for _, name := range tt.files {
				w.create(name)
				w.now = w.now.Add(1)
			}
			var got []string
			for _, r := range w.f.rotatedFrom(w.f.path(w.f.sources[0], w.path("mail.log"))) {
				got = append(got, filepath.Base(r.name))
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func FuzzRotationName(f *testing.F) {
	for _, s := range [][2]string{{"mail.log", "mail.log.1"}, {"mail.log", "mail-20261123.log.gz"}, {"mail", "mail.err"}, {"", "-1"}, {".log", "-1.log"}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, log, name string) {
		stamp, ok := rotation(log, name)
		if !ok {
			return
		}
		if !slices.Contains(logsOf(name), log) {
			t.Errorf("logsOf(%q) lacks %q", name, log)
		}
		if stamp == "" || strings.ContainsFunc(stamp, func(r rune) bool { return !strings.ContainsRune("0123456789-._:T", r) }) {
			t.Errorf("rotation(%q, %q) = %q", log, name, stamp)
		}
		if name == log {
			t.Errorf("%q is rotated to itself", log)
		}
		if len(name) <= len(log) {
			t.Errorf("rotation(%q, %q): nothing is added", log, name)
		}
	})
}
