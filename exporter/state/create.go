package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
)

func (f *File) newName() string { return f.name + ".new" }

// removeNew removes what a crash left under the new file's name.
func (f *File) removeNew() error {
	if err := f.dir.Remove(f.newName()); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// create writes a new file with room for payload, puts payload into both slots, and
// replaces the current file if there is one. An error leaves the current file
// unchanged. create fills the slots with zeros, so that later commits need no space.
func (f *File) create(payload []byte) error {
	s := slot{version: Version, size: minSlot, sequence: f.sequence + 1, payload: payload}
	for s.size < headLen+int64(len(payload)) {
		s.size *= 2
	}
	if err := f.removeNew(); err != nil {
		return err
	}
	data, err := f.dir.OpenFile(f.newName(), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	own, err := f.fill(data, s)
	if err != nil {
		data.Close()
		_ = f.removeNew() // if this fails, Open does it
		return fmt.Errorf("create a new file of %d bytes: %w", 2*s.size, err)
	}
	f.data.Close()
	_ = closeLock(f.own) // of a file that nobody can open any more
	f.data, f.own, f.synced = data, own, false
	f.slotSize, f.sequence, f.next = s.size, s.sequence, s.size
	return nil
}

// fill makes data, with s in both halves, the file. It locks data before it has the
// file's name, and returns the lock.
func (f *File) fill(data *os.File, s slot) (own *flock.Flock, err error) {
	info, err := data.Stat()
	if err != nil {
		return nil, err
	}
	if own, err = lockOwn(filepath.Join(filepath.Dir(f.path), f.newName()), info); err != nil {
		return nil, err
	}
	if err := f.publish(data, s); err != nil {
		return nil, errors.Join(err, closeLock(own))
	}
	f.info = info
	return own, nil
}

// publish writes s into both halves of data, and renames data to the file's name.
func (f *File) publish(data *os.File, s slot) error {
	image := make([]byte, s.size)
	copy(image[copy(image, s.head()):], s.payload)
	for _, offset := range []int64{0, s.size} {
		if _, err := data.WriteAt(image, offset); err != nil {
			return err
		}
	}
	if err := data.Sync(); err != nil {
		return err
	}
	return f.dir.Rename(f.newName(), f.name)
}
