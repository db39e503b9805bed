package follow

import (
	"math"
	"os"
	"syscall"
	"time"
)

// open opens name for reading. Unlike os.Open, it lets other processes rename and
// delete the open file (golang/go#32088).
func open(name string) (*os.File, error) {
	path, err := syscall.UTF16PtrFromString(name)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	const share = syscall.FILE_SHARE_READ | syscall.FILE_SHARE_WRITE | syscall.FILE_SHARE_DELETE
	h, err := syscall.CreateFile(path, syscall.GENERIC_READ, share, nil, syscall.OPEN_EXISTING, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	return os.NewFile(uintptr(h), name), nil
}

// stat returns the info of the file at name. It uses a handle, because a directory
// entry has the size at the time when the writer last closed the file.
func stat(name string) (info, error) {
	f, err := open(name)
	if err != nil {
		return info{}, err
	}
	defer f.Close()
	return fstat(f)
}

// fstat returns the info of an open file.
func fstat(f *os.File) (info, error) {
	var d syscall.ByHandleFileInformation
	if err := syscall.GetFileInformationByHandle(syscall.Handle(f.Fd()), &d); err != nil {
		return info{}, &os.PathError{Op: "stat", Path: f.Name(), Err: err}
	}
	return info{
		id:       fileID{device: uint64(d.VolumeSerialNumber), inode: uint64(d.FileIndexHigh)<<32 | uint64(d.FileIndexLow)},
		size:     int64(d.FileSizeHigh)<<32 | int64(d.FileSizeLow),
		mtime:    time.Unix(0, d.LastWriteTime.Nanoseconds()),
		regular:  d.FileAttributes&syscall.FILE_ATTRIBUTE_DIRECTORY == 0,
		readOnly: d.FileAttributes&syscall.FILE_ATTRIBUTE_READONLY != 0,
	}, nil
}

// maxOpen returns how many files the process may have open: Windows has no such limit.
func maxOpen() int { return math.MaxInt }
