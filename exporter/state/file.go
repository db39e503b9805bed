// Package state keeps one payload in a file, so that it survives a crash of the
// process or of the machine, and a full file system. The file has two slots. Commit
// overwrites the slot that does not hold the last durable payload, and Open returns
// the newest valid payload.
package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/gofrs/flock"
)

// ErrBusy is the error of Commit and Close while another Commit is running.
var ErrBusy = errors.New("the previous commit has not ended")

var (
	errLocked   = errors.New("another exporter uses it; stop that one, or give each its own state")
	errLink     = errors.New("a symbolic link; name the file itself")
	errReplaced = errors.New("deleted or replaced while in use; restart the exporter to resume from the current file")
)

// A File is an open state file. It is safe for concurrent use.
type File struct {
	// Damage is why Open could not read one slot and returned the other one; nil if
	// it could read both. Either the process was killed or the machine lost power
	// during a write of that slot, which loses nothing durable, or the disk damaged
	// it, and then the payload may be the one before the last.
	Damage error
	// Version is the version of the payload that Open returned.
	Version uint64

	path, name string // name is the file's name in dir
	dir        *os.Root
	// Two exporters may find no file, so there is a lock file. Somebody may remove that
	// one, so the file is locked too.
	lock *flock.Flock
	own  *flock.Flock // nil on Windows, where nobody can remove an open file

	mu       sync.Mutex // held during a commit
	data     *os.File
	info     fs.FileInfo // of data
	slotSize int64       // 0 if the file does not have two whole slots and must be replaced
	sequence uint64      // of the last durable slot
	next     int64       // offset of the other slot
	synced   bool        // the directory entry is durable
}

// Open opens the state file at path, or creates it with mode 0600. It returns the
// newest valid payload, or nil if the file is new. It locks the file and path.lock until
// Close or the end of the process. It follows no symbolic link but those to the
// directory. Errors name the file and say what to do. Open does not change a file that is
// damaged, of a newer version or of another program.
func Open(path string) (*File, []byte, error) {
	path = filepath.Clean(path)
	f := &File{
		path: path, name: filepath.Base(path),
		lock: flock.New(path+".lock", flock.SetFlag(os.O_RDWR|os.O_CREATE|noFollow), flock.SetPermissions(0o600)),
	}
	var err error
	if f.dir, err = os.OpenRoot(filepath.Dir(path)); err != nil {
		return nil, nil, f.explain(err)
	}
	payload, err := f.open()
	if err != nil {
		f.close()
		return nil, nil, f.explain(err)
	}
	return f, payload, nil
}

// open locks the file and reads it. After an error, Open closes what is open.
func (f *File) open() ([]byte, error) {
	if _, err := f.lstat(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err // before there is a lock file beside it
	}
	if err := tryLock(f.lock); err != nil {
		return nil, err
	}
	err := f.openData()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, f.create(nil)
	}
	if err != nil {
		return nil, err
	}
	if err := f.removeNew(); err != nil {
		return nil, err
	}
	newest, offset, damage, err := readNewest(f.data, f.info.Size())
	if err != nil {
		return nil, err
	}
	if f.info.Size() == 2*newest.size {
		f.slotSize = newest.size
	}
	f.Damage, f.Version, f.sequence, f.next = damage, newest.version, newest.sequence, newest.size-offset
	if newest.sequence == 1 {
		return nil, nil
	}
	return newest.payload, nil
}

// lstat returns what the name refers to, which must be a regular file.
func (f *File) lstat() (fs.FileInfo, error) {
	there, err := f.dir.Lstat(f.name)
	switch {
	case err != nil:
		return nil, err
	case there.Mode().Type() == fs.ModeSymlink:
		return nil, errLink
	case !there.Mode().IsRegular():
		return nil, errors.New("not a regular file; name a file, such as " + filepath.Join(f.path, "state"))
	}
	return there, nil
}

// openData opens and locks the file. If another one replaces it meanwhile, that is an
// error.
func (f *File) openData() error {
	there, err := f.lstat()
	if err != nil {
		return err
	}
	if f.data, err = f.dir.OpenFile(f.name, os.O_RDWR, 0); err != nil {
		return err
	}
	if f.info, err = f.data.Stat(); err != nil {
		return err
	}
	if f.own, err = lockOwn(f.path, f.info); err != nil {
		return err
	}
	return f.current(there, errLocked)
}

// current returns an error if the name does not refer to the open file, whose info there
// must be too.
func (f *File) current(there fs.FileInfo, replaced error) error {
	now, err := f.dir.Lstat(f.name)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !(os.SameFile(now, f.info) && os.SameFile(there, f.info)) {
		return replaced
	}
	return err
}

// lockOwn locks the file at path itself, which must be the one that info describes.
func lockOwn(path string, info fs.FileInfo) (*flock.Flock, error) {
	if !locksOwn {
		return nil, nil
	}
	lock := flock.New(path, flock.SetFlag(os.O_RDWR|noFollow))
	if err := tryLock(lock); err != nil {
		return nil, err
	}
	locked, err := lock.Stat()
	if err == nil && !os.SameFile(locked, info) {
		err = errLocked
	}
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return lock, nil
}

func tryLock(lock *flock.Flock) error {
	if there, err := os.Lstat(lock.Path()); err == nil && there.Mode().Type() == fs.ModeSymlink {
		return fmt.Errorf("lock it: %s is a symbolic link; remove it", lock.Path())
	}
	locked, err := lock.TryLock()
	switch {
	case err != nil:
		return fmt.Errorf("lock it: %w", err)
	case !locked:
		return errLocked
	}
	return nil
}

// Commit writes payload, and returns once it is durable: Open then returns it. After an
// error, Open returns this payload or the last durable one, and the caller may call
// Commit again. Commit hangs as long as the disk does, so a caller that cannot wait
// calls it in a goroutine. payload must not change until Commit returns. Meanwhile
// every other Commit, and Close, returns ErrBusy.
func (f *File) Commit(payload []byte) error {
	if !f.mu.TryLock() {
		return f.explain(ErrBusy)
	}
	defer f.mu.Unlock()
	return f.explain(f.commit(payload))
}

func (f *File) commit(payload []byte) error {
	err := f.current(f.info, errReplaced)
	if err != nil {
		return err
	}
	if headLen+int64(len(payload)) > f.slotSize {
		err = f.create(payload)
	} else {
		err = f.write(payload)
	}
	if err != nil || f.synced {
		return err
	}
	err = syncDir(f.dir)
	f.synced = err == nil
	return err
}

// write makes payload durable in the next slot.
func (f *File) write(payload []byte) error {
	s := slot{version: Version, size: f.slotSize, sequence: f.sequence + 1, payload: payload}
	if _, err := f.data.WriteAt(s.head(), f.next); err != nil {
		return err
	}
	if _, err := f.data.WriteAt(payload, f.next+headLen); err != nil {
		return err
	}
	if err := f.data.Sync(); err != nil {
		return err
	}
	f.sequence, f.next = s.sequence, f.slotSize-f.next
	return nil
}

// Close closes the file and unlocks it. It does not commit.
func (f *File) Close() error {
	if !f.mu.TryLock() {
		return f.explain(ErrBusy)
	}
	defer f.mu.Unlock()
	return f.explain(f.close())
}

func (f *File) close() error {
	return errors.Join(f.data.Close(), closeLock(f.own), f.lock.Close(), f.dir.Close())
}

func closeLock(lock *flock.Flock) error {
	if lock == nil {
		return nil
	}
	return lock.Close()
}

// explain adds the path to err and, unless err has it already, what to do. It returns
// nil for nil.
func (f *File) explain(err error) error {
	var remedy string
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		remedy = "; create the directory"
	case errors.Is(err, fs.ErrPermission):
		remedy = "; let the exporter's user write to the file and its directory"
	case errors.Is(err, syscall.EROFS):
		remedy = "; choose a writable path (under systemd, StateDirectory= creates one)"
	}
	return fmt.Errorf("state file %s: %w%s", f.path, err, remedy)
}
