package state

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Check returns why the state file at path cannot be used by this process; nil if it can.
// It neither locks nor changes the file, which another exporter may be using. In its
// directory it creates a file for a moment.
func Check(path string) error {
	path = filepath.Clean(path)
	f := &File{path: path, name: filepath.Base(path)}
	if _, _, err := Peek(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	data, err := os.OpenFile(path, os.O_RDWR, 0)
	switch {
	case err == nil:
		err = data.Close()
	case errors.Is(err, fs.ErrNotExist):
		err = nil
	}
	if err != nil {
		return f.explain(err)
	}
	probe, err := os.CreateTemp(filepath.Dir(path), ".check-*")
	if failed := (*fs.PathError)(nil); errors.As(err, &failed) {
		failed.Path = filepath.Dir(path) // not that of a file which nobody knows
	}
	if err != nil {
		return f.explain(err)
	}
	return f.explain(errors.Join(probe.Close(), os.Remove(probe.Name())))
}
