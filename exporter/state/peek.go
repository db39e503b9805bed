package state

import (
	"errors"
	"fmt"
	"os"
)

// Peek returns the newest valid payload in the state file at path, and its version,
// without locking or changing the file. The payload is nil if the file is new.
func Peek(path string) (payload []byte, version uint64, err error) {
	// Check before opening, since opening a named pipe would hang.
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("not a regular file")
	}
	if err != nil {
		return nil, 0, fmt.Errorf("state file %s: %w", path, err)
	}
	data, err := os.Open(path)
	if err != nil {
		return nil, 0, fmt.Errorf("state file %s: %w", path, err)
	}
	defer data.Close()
	newest, _, _, err := readNewest(data, info.Size())
	if err != nil {
		return nil, 0, fmt.Errorf("state file %s: %w", path, err)
	}
	if newest.sequence == 1 {
		return nil, newest.version, nil
	}
	return newest.payload, newest.version, nil
}
