//go:build unix

package state

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain is a second exporter if STATE_TEST_OPEN names a state file. It opens the
// file, prints its content and, for each line of input, commits 1 MiB of the next
// letter and reports that.
func TestMain(m *testing.M) {
	path := os.Getenv("STATE_TEST_OPEN")
	if path == "" {
		os.Exit(m.Run())
	}
	f, payload, err := Open(path)
	fmt.Printf("%.4q %v\n", payload, err)
	in := bufio.NewReader(os.Stdin)
	for c := byte('a'); ; c++ {
		if _, err := in.ReadString('\n'); err != nil {
			return
		}
		fmt.Printf("%c %v\n", c, f.Commit(bytes.Repeat([]byte{c}, 1<<20)))
	}
}

// A process is another exporter with the same state file.
type process struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.Writer
	out *bufio.Reader
}

func start(t *testing.T, path string) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "STATE_TEST_OPEN="+path)
	in, inErr := cmd.StdinPipe()
	out, outErr := cmd.StdoutPipe()
	if err := errors.Join(inErr, outErr, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	p := &process{t, cmd, in, bufio.NewReader(out)}
	t.Cleanup(p.kill)
	return p
}

// says waits for the next line of the process.
func (p *process) says() string {
	p.t.Helper()
	line, err := p.out.ReadString('\n')
	if err != nil {
		p.t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended already
	_ = p.cmd.Wait()
}

func TestLock(t *testing.T) {
	const locked = "another exporter uses it; stop that one, or give each its own state"
	path := filepath.Join(t.TempDir(), "state")
	f, _ := open(t, path)
	commit(t, f, "mine")
	_, _, err := Open(path)
	wantError(t, err, path, locked)
	if said := start(t, path).says(); said != `"" state file `+path+": "+locked {
		t.Errorf("another process: %s", said)
	}
	closeFile(t, f)

	p := start(t, path)
	if said := p.says(); said != `"mine" <nil>` {
		t.Errorf("another process after Close: %s", said)
	}
	_, _, err = Open(path)
	wantError(t, err, path, locked)
	p.kill()
	wantPayload(t, path, "mine")
}

// Who removes the lock file lets nobody else in, since the file itself is locked.
func TestLockFileRemoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	f, _ := open(t, path)
	for _, payload := range []string{"small", strings.Repeat("big", minSlot), "small again"} {
		commit(t, f, payload)
		if err := os.Remove(path + ".lock"); err != nil {
			t.Fatal(err)
		}
		if said := start(t, path).says(); said != `"" state file `+path+": "+errLocked.Error() {
			t.Errorf("another process: %s", said)
		}
	}
	commit(t, f, "mine")
	closeFile(t, f)
	wantPayload(t, path, "mine")
}

// A process is killed at any instant of its fourth commit. The file must hold the
// fourth or the third payload completely.
func TestKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	for i := range 20 {
		p := start(t, path)
		p.says()
		for _, want := range []string{"a <nil>", "b <nil>", "c <nil>"} {
			fmt.Fprintln(p.in)
			if said := p.says(); said != want {
				t.Fatalf("said %s, want %s", said, want)
			}
		}
		fmt.Fprintln(p.in)
		time.Sleep(time.Duration(i) * 200 * time.Microsecond) // another instant each time
		p.kill()
		f, payload := open(t, path)
		third, fourth := bytes.Repeat([]byte("c"), 1<<20), bytes.Repeat([]byte("d"), 1<<20)
		if !bytes.Equal(payload, third) && !bytes.Equal(payload, fourth) {
			t.Errorf("payload of %d bytes %.4q, damage %v", len(payload), payload, f.Damage)
		}
		closeFile(t, f)
	}
}

// A failed commit changes only its slot; the last durable payload remains.
func TestFailingCommit(t *testing.T) {
	for name, tt := range map[string]struct {
		device string
		want   error
	}{
		"write": {"/dev/full", syscall.ENOSPC},
		"fsync": {"/dev/null", syscall.EINVAL},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state")
			f, _ := open(t, path)
			commit(t, f, "durable")
			failing, err := os.OpenFile(tt.device, os.O_WRONLY, 0)
			if err != nil {
				t.Skip(err)
			}
			defer failing.Close()
			data, next := f.data, f.next
			for range 3 {
				f.data = failing
				if err := f.Commit([]byte("lost")); !errors.Is(err, tt.want) || !strings.HasPrefix(err.Error(), "state file "+path+": ") {
					t.Errorf("error %v, want %v", err, tt.want)
				}
				if f.data = data; f.next != next {
					t.Errorf("the next commit goes to %d, want %d", f.next, next)
				}
			}
			commit(t, f, "again")
			closeFile(t, f)
			wantPayload(t, path, "again")
		})
	}
}

// On a full file system commits still succeed, a file that must grow keeps its content,
// and no partial new file remains.
func TestFullFileSystem(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can mount a small file system")
	}
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("mount: %s", out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %s", out)
		}
	})
	path := filepath.Join(dir, "state")
	f, _ := open(t, path)
	commit(t, f, "before")
	defer f.Close()

	_, _, err := Open(path + "2")
	wantNoSpace(t, err, path+"2")
	wantNoSpace(t, f.Commit(make([]byte, minSlot)), path)
	if files, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(files) != 3 {
		t.Errorf("in the directory are %s (error %v), want the file and two locks", files, err)
	}

	rest, err := os.Create(filepath.Join(dir, "mail.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer rest.Close()
	for err == nil {
		_, err = rest.Write(make([]byte, 4096))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	full := strings.Repeat("x", minSlot-headLen)
	for range 3 {
		commit(t, f, full)
		wantNoSpace(t, f.Commit(make([]byte, minSlot)), path)
	}
	closeFile(t, f)
	wantPayload(t, path, full)

	if err := rest.Truncate(0); err != nil {
		t.Fatal(err)
	}
	f, _ = open(t, path)
	commit(t, f, "after")
	closeFile(t, f)
	wantPayload(t, path, "after")
}

func wantNoSpace(t *testing.T, err error, path string) {
	t.Helper()
	if !errors.Is(err, syscall.ENOSPC) || !strings.HasPrefix(err.Error(), "state file "+path+": create a new file of ") {
		t.Errorf("error %v, want no space for a new file", err)
	}
}

// TestPermission runs as nobody, since root is never refused.
func TestPermission(t *testing.T) {
	if os.Getuid() == 0 {
		runAsNobody(t)
		return
	}
	for name, prepare := range map[string]func(path string) error{
		"directory not writable": func(path string) error { return os.Chmod(filepath.Dir(path), 0o500) },
		"directory not readable": func(path string) error { return os.Chmod(filepath.Dir(path), 0) },
		"file not writable":      func(path string) error { return os.WriteFile(path, nil, 0o400) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "state")
			if err := prepare(path); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
			_, _, err := Open(path)
			wantRefused(t, err, path)
		})
	}
	// The new file exists, but its name may not survive a power cut. The next commit
	// must sync the directory again, and must not overwrite the slot that Open may
	// have to return.
	t.Run("directory not synced after growing", func(t *testing.T) {
		dir := t.TempDir()
		path := filepath.Join(dir, "state")
		f, _ := open(t, path)
		commit(t, f, "small")
		if err := os.Chmod(dir, 0o300); err != nil {
			t.Fatal(err)
		}
		wantRefused(t, f.Commit(make([]byte, minSlot)), path)
		wantRefused(t, f.Commit([]byte("second")), path)
		if err := os.Chmod(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if f.synced || f.slotSize != 2*minSlot {
			t.Errorf("synced %v, slots of %d bytes", f.synced, f.slotSize)
		}
		commit(t, f, "third")
		if !f.synced {
			t.Error("not synced by the next commit")
		}
		closeFile(t, f)
		wantPayload(t, path, "third")
	})
}

func wantRefused(t *testing.T, err error, path string) {
	t.Helper()
	if !errors.Is(err, fs.ErrPermission) ||
		!strings.HasPrefix(err.Error(), "state file "+path+": ") ||
		!strings.HasSuffix(err.Error(), "; let the exporter's user write to the file and its directory") {
		t.Errorf("error %v", err)
	}
}

func runAsNobody(t *testing.T) {
	dir, err := os.MkdirTemp("", "state") //nolint:usetesting // nobody cannot enter the parent of t.TempDir
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "state.test")
	image, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chmod(dir, 0o777), os.WriteFile(program, image, 0o755)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "TMPDIR="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
