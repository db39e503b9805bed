// Package access says who may read a file that the exporter may not.
package access

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Explain adds to an error of a file that may not be read who may read it, and what to
// do. It returns any other error as it is.
func Explain(err error) error {
	var failed *fs.PathError
	if !errors.Is(err, fs.ErrPermission) || !errors.As(err, &failed) || strings.HasPrefix(failed.Op, "fork") {
		return err
	}
	// A directory above the file may be the one that is closed.
	path := failed.Path
	info, statErr := os.Stat(path)
	for errors.Is(statErr, fs.ErrPermission) && path != filepath.Dir(path) {
		path = filepath.Dir(path)
		info, statErr = os.Stat(path)
	}
	if statErr != nil {
		return err
	}
	if remedy := remedy(path, info); remedy != "" {
		return fmt.Errorf("%w; %s", err, remedy)
	}
	return err
}
