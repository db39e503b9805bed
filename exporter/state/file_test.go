package state

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// open opens path until the test ends. An error fails the test.
func open(t testing.TB, path string) (*File, []byte) {
	t.Helper()
	f, payload, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f, payload
}

func commit(t testing.TB, f *File, payload string) {
	t.Helper()
	if err := f.Commit([]byte(payload)); err != nil {
		t.Fatal(err)
	}
}

func closeFile(t testing.TB, f *File) {
	t.Helper()
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// wantPayload opens path, checks its payload, and closes it.
func wantPayload(t testing.TB, path, want string) {
	t.Helper()
	f, payload := open(t, path)
	if string(payload) != want {
		t.Errorf("payload of %d bytes %.20q, want %d bytes %.20q", len(payload), payload, len(want), want)
	}
	if f.Damage != nil {
		t.Errorf("damage: %v", f.Damage)
	}
	closeFile(t, f)
}

// wantError checks an error of a state file, given without its path.
func wantError(t testing.TB, err error, path, want string) {
	t.Helper()
	if want = "state file " + path + ": " + want; err == nil || err.Error() != want {
		t.Errorf("error\n%v, want\n%s", err, want)
	}
}

// patch writes b into the file at path.
func patch(t testing.TB, path string, offset int64, b []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(b, offset); err != nil {
		t.Fatal(err)
	}
}

func TestRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	f, payload := open(t, path)
	if payload != nil {
		t.Errorf("new file holds %q", payload)
	}
	for name, mode := range map[string]fs.FileMode{path: 0o600, path + ".lock": 0o600} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode(); got != mode {
			t.Errorf("%s has mode %v, want %v", name, got, mode)
		}
	}
	closeFile(t, f)

	f, payload = open(t, path)
	if payload != nil {
		t.Errorf("file without a commit holds %q", payload)
	}
	commit(t, f, "one")
	closeFile(t, f)
	for _, next := range []string{"two", "", "three"} {
		f, _ = open(t, path)
		commit(t, f, next)
		closeFile(t, f)
		wantPayload(t, path, next)
	}
	if info, err := os.Stat(path); err != nil || info.Size() != 2*minSlot {
		t.Errorf("stat: %v, %v; want a size of %d", info.Size(), err, 2*minSlot)
	}
}

// Each commit leaves the slot with the previous payload unchanged.
func TestSlotsTakeTurns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	f, _ := open(t, path)
	before := [2]uint64{1, 1}
	for i := range 10 {
		if i == 5 {
			closeFile(t, f)
			f, _ = open(t, path)
		}
		commit(t, f, fmt.Sprint(i))
		want := before
		want[(i+1)%2] = uint64(i + 2)
		var got [2]uint64
		for j := range got {
			s, err := readSlot(f.data, int64(j)*minSlot, 2*minSlot)
			if err != nil {
				t.Fatal(err)
			}
			got[j] = s.sequence
		}
		if got != want {
			t.Errorf("commit %d: sequences %v, want %v", i, got, want)
		}
		before = got
	}
}

func TestOldCopyBroughtBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	f, _ := open(t, path)
	commit(t, f, "old")
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		commit(t, f, "new")
	}
	closeFile(t, f)
	if err := os.WriteFile(path, old, 0o600); err != nil {
		t.Fatal(err)
	}
	wantPayload(t, path, "old")
}

func TestReplacedWhileInUse(t *testing.T) {
	for name, replace := range map[string]func(path string) error{
		"deleted": os.Remove,
		"replaced": func(path string) error {
			return errors.Join(os.Rename(path, path+".old"), os.WriteFile(path, nil, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state")
			f, _ := open(t, path)
			commit(t, f, "one")
			if err := replace(path); err != nil {
				t.Fatal(err)
			}
			wantError(t, f.Commit([]byte("two")), path, "deleted or replaced while in use; restart the exporter to resume from the current file")
		})
	}
}

// Symbolic links that somebody put into the directory are not followed.
func TestSymbolicLink(t *testing.T) {
	link := func(t *testing.T, target, name string) {
		t.Helper()
		if err := os.Symlink(target, name); err != nil {
			t.Skip(err)
		}
	}
	for name, suffix := range map[string]string{"state": "", "lock": ".lock"} {
		for _, exists := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, target exists %v", name, exists), func(t *testing.T) {
				path, target := filepath.Join(t.TempDir(), "state"), filepath.Join(t.TempDir(), "target")
				if exists {
					f, _ := open(t, target)
					closeFile(t, f)
				}
				before, _ := os.ReadFile(target)
				link(t, target, path+suffix)
				want := map[string]string{
					"":      "a symbolic link; name the file itself",
					".lock": "lock it: " + path + ".lock is a symbolic link; remove it",
				}[suffix]
				_, _, err := Open(path)
				wantError(t, err, path, want)
				if after, _ := os.ReadFile(target); !bytes.Equal(before, after) {
					t.Errorf("the target was changed, %v", err)
				}
			})
		}
	}
	t.Run("new file", func(t *testing.T) {
		dir := t.TempDir()
		path, target := filepath.Join(dir, "state"), filepath.Join(dir, "target")
		if err := os.WriteFile(target, []byte("precious"), 0o600); err != nil {
			t.Fatal(err)
		}
		link(t, target, path+".new")
		f, _ := open(t, path)
		link(t, target, path+".new")
		big := strings.Repeat("x", minSlot)
		commit(t, f, big)
		closeFile(t, f)
		wantPayload(t, path, big)
		if text, err := os.ReadFile(target); string(text) != "precious" {
			t.Errorf("the target holds %q, %v", text, err)
		}
	})
	t.Run("directory", func(t *testing.T) {
		dir := t.TempDir()
		link(t, dir, dir+".link")
		f, _ := open(t, filepath.Join(dir+".link", "state"))
		commit(t, f, "one")
		closeFile(t, f)
		wantPayload(t, filepath.Join(dir, "state"), "one")
	})
}

// While a commit hangs, another Commit and Close return ErrBusy.
func TestBusy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	f, _ := open(t, path)
	f.mu.Lock()
	if err := f.Commit([]byte("second")); !errors.Is(err, ErrBusy) {
		t.Errorf("commit: %v", err)
	}
	if err := f.Close(); !errors.Is(err, ErrBusy) {
		t.Errorf("close: %v", err)
	}
	f.mu.Unlock()
	commit(t, f, "third")
	closeFile(t, f)
	if err := f.Commit(nil); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("commit after close: %v", err)
	}
	wantPayload(t, path, "third")
}

func TestOpenErrors(t *testing.T) {
	tests := []struct {
		name  string
		setup func(t *testing.T, path string)
		want  string
	}{
		{
			name: "directory",
			setup: func(t *testing.T, path string) {
				if err := os.Mkdir(path, 0o700); err != nil {
					t.Fatal(err)
				}
			},
			want: "not a regular file; name a file, such as PATH/state",
		}, {
			name: "text of another program",
			setup: func(t *testing.T, path string) {
				if err := os.WriteFile(path, bytes.Repeat([]byte("text\n"), 100), 0o600); err != nil {
					t.Fatal(err)
				}
			},
			want: "not written by this exporter; choose another path, or move the file away to start from zero",
		}, {
			name: "empty",
			setup: func(t *testing.T, path string) {
				if err := os.WriteFile(path, nil, 0o600); err != nil {
					t.Fatal(err)
				}
			},
			want: "both slots are damaged; restore a copy, or move the file away to start from zero (first: read the head: EOF; second: read the head: EOF)",
		}, {
			name: "both slots damaged",
			setup: func(t *testing.T, path string) {
				f, _ := open(t, path)
				commit(t, f, "one")
				closeFile(t, f)
				patch(t, path, 39, []byte{1})
				patch(t, path, minSlot+headLen, []byte("x"))
			},
			want: "both slots are damaged; restore a copy, or move the file away to start from zero (first: the checksum does not match; second: the checksum does not match)",
		}, {
			name: "newer version",
			setup: func(t *testing.T, path string) {
				f, _ := open(t, path)
				commit(t, f, "one")
				closeFile(t, f)
				patch(t, path, 0, slot{version: Version + 1, size: minSlot, sequence: 9}.head())
			},
			want: "format 3, but this exporter reads only 1 to 2; run the version that wrote it or a newer one, or move the file away to start from zero",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state")
			tt.setup(t, path)
			before, _ := os.ReadFile(path)
			for range 2 { // an error must release the lock
				_, _, err := Open(path)
				wantError(t, err, path, strings.ReplaceAll(tt.want, "PATH", path))
			}
			if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
				t.Error("the file was changed")
			}
		})
	}
	t.Run("no directory", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "missing", "state")
		_, _, err := Open(path)
		if err == nil || !errors.Is(err, fs.ErrNotExist) || !strings.HasSuffix(err.Error(), "; create the directory") {
			t.Errorf("error %v", err)
		}
	})
}

func BenchmarkCommit(b *testing.B) {
	f, _ := open(b, filepath.Join(b.TempDir(), "state"))
	payload := make([]byte, 1<<20)
	b.SetBytes(int64(len(payload)))
	for b.Loop() {
		if err := f.Commit(payload); err != nil {
			b.Fatal(err)
		}
	}
}

// Open reads a file of an older version, and Commit writes the current version.
func TestOlderVersion(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	f, _ := open(t, path)
	closeFile(t, f)
	old := slot{version: 1, size: minSlot, sequence: 9, payload: []byte("old")}
	patch(t, path, 0, append(old.head(), old.payload...))
	f, payload := open(t, path)
	if string(payload) != "old" || f.Version != 1 {
		t.Errorf("payload %q of version %d", payload, f.Version)
	}
	commit(t, f, "new")
	closeFile(t, f)
	f, payload = open(t, path)
	if string(payload) != "new" || f.Version != Version {
		t.Errorf("payload %q of version %d", payload, f.Version)
	}
	closeFile(t, f)
}
