package state

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestGrow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	f, _ := open(t, path)
	commit(t, f, "small")
	for _, tt := range []struct{ length, slot int }{
		{minSlot - headLen, minSlot},
		{minSlot - headLen + 1, 2 * minSlot},
		{minSlot, 2 * minSlot},
		{2 * minSlot, 4 * minSlot},
		{3, 4 * minSlot},
	} {
		payload := strings.Repeat("x", tt.length)
		commit(t, f, payload)
		if _, _, err := Open(path); err == nil {
			t.Fatalf("%d bytes: the lock was lost", tt.length)
		}
		closeFile(t, f)
		wantPayload(t, path, payload)
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() != int64(2*tt.slot) || info.Mode() != 0o600 {
			t.Errorf("%d bytes: a file of %d bytes, mode %v; want %d, 0600", tt.length, info.Size(), info.Mode(), 2*tt.slot)
		}
		f, _ = open(t, path)
		commit(t, f, "between")
	}
	if _, err := os.Stat(path + ".new"); !os.IsNotExist(err) {
		t.Errorf("new file left: %v", err)
	}
}

// A crash before the new file takes over the name leaves the old file, whatever the new
// one holds. A crash after that leaves the new file.
func TestCrashWhileGrowing(t *testing.T) {
	big := strings.Repeat("big", minSlot)
	grown := filepath.Join(t.TempDir(), "state")
	f, _ := open(t, grown)
	commit(t, f, big)
	closeFile(t, f)
	image, err := os.ReadFile(grown)
	if err != nil {
		t.Fatal(err)
	}
	for name, written := range map[string]int{"nothing": 0, "a head": headLen, "one slot": len(image) / 2, "all": len(image)} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state")
			f, _ := open(t, path)
			commit(t, f, "old")
			closeFile(t, f)
			if err := os.WriteFile(path+".new", image[:written], 0o600); err != nil {
				t.Fatal(err)
			}
			wantPayload(t, path, "old")
			if _, err := os.Stat(path + ".new"); !os.IsNotExist(err) {
				t.Errorf("new file left: %v", err)
			}
			f, _ = open(t, path)
			commit(t, f, big)
			closeFile(t, f)
			wantPayload(t, path, big)
		})
	}
}
