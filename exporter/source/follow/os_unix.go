//go:build unix

package follow

import (
	"math"
	"os"
	"syscall"
)

// open opens name for reading. O_NONBLOCK prevents that opening a pipe waits for a
// writer; it has no effect on a regular file.
func open(name string) (*os.File, error) {
	return os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
}

// stat returns the info of the file at name. It follows symbolic links.
func stat(name string) (info, error) {
	fi, err := os.Stat(name)
	if err != nil {
		return info{}, err
	}
	return newInfo(fi), nil
}

// fstat returns the info of an open file.
func fstat(f *os.File) (info, error) {
	fi, err := f.Stat()
	if err != nil {
		return info{}, err
	}
	return newInfo(fi), nil
}

func newInfo(fi os.FileInfo) info {
	st := fi.Sys().(*syscall.Stat_t)
	return info{
		id:       fileID{device: uint64(st.Dev), inode: uint64(st.Ino)},
		size:     fi.Size(),
		mtime:    fi.ModTime(),
		regular:  fi.Mode().IsRegular(),
		readOnly: fi.Mode().Perm()&0o222 == 0,
	}
}

// maxOpen returns how many files the process may have open.
func maxOpen() int {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return math.MaxInt
	}
	return int(min(uint64(limit.Cur), math.MaxInt))
}
