//go:build realmta

package realmta

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"smtp_reply_exporter/logparse/sandbox"
)

// An mta is a real mail server in a root of its own.
type mta struct {
	root string
	log  string // its file
	pid  int    // of its first process, 1 in its own namespace
}

// newRoot lays the packages of an MTA over the host's files, in memory. Its names are
// those of the test.
func newRoot(t *testing.T, name string) *mta {
	t.Helper()
	base := t.TempDir()
	must(t, syscall.Mount("tmpfs", base, "tmpfs", 0, "mode=755"))
	upper, work, root := filepath.Join(base, "upper"), filepath.Join(base, "work"), filepath.Join(base, "root")
	for _, dir := range []string{upper, work, root} {
		must(t, os.Mkdir(dir, 0o755))
	}
	must(t, syscall.Mount("overlay", root, "overlay", 0, "lowerdir=/,upperdir="+upper+",workdir="+work))
	t.Cleanup(func() {
		must(t, syscall.Unmount(root, 0))
		must(t, syscall.Unmount(base, 0))
	})
	m := &mta{root: root}
	archives, err := filepath.Glob(filepath.Join(sandbox.Dir(), name, "*.deb"))
	must(t, err)
	for _, archive := range archives {
		// Unlike dpkg-deb -x, this keeps the host's link from /lib to /usr/lib.
		must(t, sandbox.Command(t.Context(), "sh", "-ec", `dpkg-deb --fsys-tarfile "$1" | tar -x --keep-directory-symlink -C "$2"`, "sh", archive, root))
	}
	must(t, os.RemoveAll(filepath.Join(root, "dev")))
	must(t, os.Mkdir(filepath.Join(root, "dev"), 0o755))
	for device, minor := range map[string]int{"null": 3, "zero": 5, "random": 8, "urandom": 9} {
		path := filepath.Join(root, "dev", device)
		must(t, syscall.Mknod(path, syscall.S_IFCHR|0o666, 1<<8|minor))
		must(t, os.Chmod(path, 0o666))
	}
	m.write(t, "/etc/hosts", hosts())
	m.write(t, "/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\nservices: files\n")
	m.write(t, "/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
	m.write(t, "/etc/mailname", mtaName+"\n")
	m.write(t, "/etc/passwd", passwd)
	m.write(t, "/etc/group", group)
	return m
}

const (
	passwd = `root:x:0:0:root:/root:/bin/sh
mail:x:8:8:mail:/var/mail:/bin/false
ann:x:1000:1000:Ann:/tmp:/bin/false
Debian-exim:x:800:800::/var/spool/exim4:/bin/false
postfix:x:801:801::/var/spool/postfix:/bin/false
smmta:x:803:803::/var/lib/sendmail:/bin/false
smmsp:x:804:804::/var/lib/sendmail:/bin/false
nobody:x:65534:65534:nobody:/nonexistent:/bin/false
`
	group = `root:x:0:
mail:x:8:
ann:x:1000:
Debian-exim:x:800:
postfix:x:801:
postdrop:x:802:
smmta:x:803:
smmsp:x:804:
nogroup:x:65534:
`
)

// write makes a file of the root, and the directories above it.
func (m *mta) write(t *testing.T, path, text string) {
	t.Helper()
	path = filepath.Join(m.root, path)
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.RemoveAll(path))
	must(t, os.WriteFile(path, []byte(text), 0o644))
}

// mkdir makes a directory of the root for a user.
func (m *mta) mkdir(t *testing.T, path string, mode os.FileMode, uid, gid int) {
	t.Helper()
	path = filepath.Join(m.root, path)
	must(t, os.RemoveAll(path))
	must(t, os.MkdirAll(path, 0o755))
	must(t, os.Chown(path, uid, gid))
	must(t, os.Chmod(path, mode))
}

// run runs a program in the root to its end.
func (m *mta) run(t *testing.T, program string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir, cmd.SysProcAttr = "/", &syscall.SysProcAttr{Chroot: m.root}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v: %s", program, args, err, out)
	}
}

// start runs the MTA's daemon until the end of the test, and waits until it answers.
func (m *mta) start(t *testing.T, program string, args ...string) {
	t.Helper()
	output, err := os.Create(filepath.Join(m.root, "output"))
	must(t, err)
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = "/", output, output
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "TZ=UTC", "LANG=C"}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Chroot: m.root, Cloneflags: syscall.CLONE_NEWPID, Setsid: true, Pdeathsig: syscall.SIGKILL,
	}
	must(t, cmd.Start())
	m.pid = cmd.Process.Pid
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // and with it all processes of its namespace
		_ = cmd.Wait()         // "killed"
		output.Close()
		if text, err := os.ReadFile(output.Name()); t.Failed() && err == nil {
			t.Logf("%s printed:\n%s", program, text)
		}
	})
	sandbox.Wait(t, program+" answers", func() bool {
		conn, err := dial("25")
		if err != nil {
			return false
		}
		defer conn.Close()
		must(t, conn.SetDeadline(time.Now().Add(patience)))
		_, err = conn.Read(make([]byte, 1)) // else the daemon may not have seen the connection yet
		return err == nil
	})
}

// processes counts what runs in the MTA's PID namespace.
func (m *mta) processes(t *testing.T) (n int) {
	t.Helper()
	namespace, err := os.Readlink("/proc/" + strconv.Itoa(m.pid) + "/ns/pid")
	must(t, err)
	links, err := filepath.Glob("/proc/[0-9]*/ns/pid")
	must(t, err)
	for _, link := range links {
		if of, err := os.Readlink(link); err == nil && of == namespace { // those that ended meanwhile do not count
			n++
		}
	}
	return n
}

// lines returns the lines of the log from an offset on, and the log's size.
func (m *mta) lines(t *testing.T, offset int) (lines [][]byte, size int) {
	t.Helper()
	b, err := os.ReadFile(m.log)
	must(t, err)
	for line := range bytes.Lines(b[offset:]) {
		lines = append(lines, bytes.TrimSuffix(line, []byte("\n")))
	}
	return lines, len(b)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
