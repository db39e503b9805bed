//go:build unix

package access

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestExplain(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "mail.log")
	if err := os.WriteFile(log, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		if err := errors.Join(os.Chown(log, 0, 54321), os.Chown(dir, 0, 54321)); err != nil {
			t.Fatal(err)
		}
	}
	denied := &fs.PathError{Op: "open", Path: log, Err: fs.ErrPermission}
	for _, tc := range []struct {
		name string
		mode fs.FileMode
		err  error
		want string // a part; "" if the error stays
		root bool   // only root can give a file to a group
	}{
		{name: "a group", mode: 0o640, err: denied, root: true, want: "; the group 54321 may read " + log + ": add the exporter's user to it (usermod -aG 54321 USER, "},
		{name: "nobody else", mode: 0o600, err: denied, want: "; only the user "},
		{name: "everybody", mode: 0o644, err: denied, want: "so a security module such as SELinux"},
		{name: "another error", mode: 0o600, err: &fs.PathError{Op: "open", Path: log, Err: fs.ErrNotExist}},
		{name: "a program", mode: 0o600, err: &fs.PathError{Op: "fork/exec", Path: log, Err: fs.ErrPermission}},
		{name: "no file", mode: 0o600, err: fs.ErrPermission},
		{name: "gone", mode: 0o600, err: &fs.PathError{Op: "open", Path: log + ".1", Err: fs.ErrPermission}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.root && os.Geteuid() != 0 {
				t.Skip("only root can give a file to another group")
			}
			if err := os.Chmod(log, tc.mode); err != nil {
				t.Fatal(err)
			}
			got := Explain(tc.err)
			if !errors.Is(got, tc.err) || tc.want == "" && got.Error() != tc.err.Error() || !strings.Contains(got.Error(), tc.want) {
				t.Errorf("got %v, want %q", got, tc.want)
			}
		})
	}
}

// TestExplainDirectory has a directory that may not be entered. It runs as a user.
func TestExplainDirectory(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may enter everything")
	}
	dir := filepath.Join(t.TempDir(), "exim4")
	if err := os.Mkdir(dir, 0); err != nil {
		t.Fatal(err)
	}
	_, err := os.Stat(filepath.Join(dir, "mainlog"))
	if got := Explain(err); !strings.Contains(got.Error(), "may read "+dir+": ") {
		t.Errorf("got %v", got)
	}
}
