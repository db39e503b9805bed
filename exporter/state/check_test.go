package state

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	used := filepath.Join(dir, "used")
	f, _, err := Open(used)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	foreign := filepath.Join(dir, "foreign")
	if err := os.WriteFile(foreign, []byte("no state"), 0o600); err != nil {
		t.Fatal(err)
	}
	before := entries(t, dir)
	for _, tc := range []struct{ name, path, want string }{
		{name: "new", path: filepath.Join(dir, "new")},
		{name: "in use", path: used},
		{name: "no directory", path: filepath.Join(dir, "no", "state"), want: "; create the directory"},
		{name: "a directory", path: dir, want: "not a regular file"},
		{name: "another program's", path: foreign, want: "state file " + foreign + ": "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := Check(tc.path)
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
		})
	}
	if after := entries(t, dir); after != before {
		t.Errorf("the directory has %s, had %s", after, before)
	}
}

func entries(t *testing.T, dir string) string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range list {
		names = append(names, entry.Name())
	}
	return strings.Join(names, " ")
}
