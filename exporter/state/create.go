package state

import (
	"fmt"
	"os"
)

func (f *File) newName() string { return f.name + ".new" }

// create writes a new file with room for payload, puts payload into both slots, and
// replaces the current file if there is one. An error leaves the current file
// unchanged. create fills the slots with zeros, so that later commits need no space.
func (f *File) create(payload []byte) error {
	s := slot{version: Version, size: minSlot, sequence: f.sequence + 1, payload: payload}
	for s.size < headLen+int64(len(payload)) {
		s.size *= 2
	}
	data, err := f.dir.OpenFile(f.newName(), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if err := f.fill(data, s); err != nil {
		data.Close()
		_ = f.dir.Remove(f.newName()) // if this fails, Open removes it
		return fmt.Errorf("create a new file of %d bytes: %w", 2*s.size, err)
	}
	f.data.Close()
	f.data, f.synced = data, false
	f.slotSize, f.sequence, f.next = s.size, s.sequence, s.size
	return nil
}

// fill writes s into both halves of data, and renames data to the file's name.
func (f *File) fill(data *os.File, s slot) error {
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
	info, err := data.Stat()
	if err != nil {
		return err
	}
	if err := f.dir.Rename(f.newName(), f.name); err != nil {
		return err
	}
	f.info = info
	return nil
}
