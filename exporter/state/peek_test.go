package state

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Peek reads a state file that another process has open.
func TestPeek(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	if _, _, err := Peek(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: error %v", err)
	}
	f, _, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if payload, _, err := Peek(path); payload != nil || err != nil {
		t.Errorf("a new file: payload %q, error %v", payload, err)
	}
	for _, want := range []string{"one", "two", "three"} {
		if err := f.Commit([]byte(want)); err != nil {
			t.Fatal(err)
		}
		if payload, version, err := Peek(path); string(payload) != want || version != Version || err != nil {
			t.Errorf("payload %q of version %d, error %v, want %q", payload, version, err, want)
		}
	}
	other := filepath.Join(t.TempDir(), "other")
	if err := os.WriteFile(other, make([]byte, 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{other, filepath.Dir(other)} {
		if _, _, err := Peek(path); err == nil || !strings.Contains(err.Error(), "state file "+path+": not ") {
			t.Errorf("error %v", err)
		}
	}
}
