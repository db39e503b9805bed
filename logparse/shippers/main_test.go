//go:build shippers

// Package shippers sends lines of real mail servers through real log shippers, and
// compares what logparse reads in the shippers' output with what it reads in plain lines.
//
// It needs root on Debian and the network of apt-get; `make shippers` runs it. rsyslog and
// systemd are installed. syslog-ng, which conflicts with rsyslog, and socklog are fetched and
// unpacked.
// The test itself runs in new PID, mount and UTS namespaces, so that the journal and the
// host's name are its own.
package shippers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// host is the name of the host in the namespaces.
const host = "mx1"

// packages are fetched, and what they depend on and the host lacks.
var packages = []string{"syslog-ng-core", "socklog", "runit"}

// workDir is where the packages are; set for the process that runs the tests.
var workDir = os.Getenv("SHIPPERS_DIR")

func TestMain(m *testing.M) {
	run := inNamespaces
	if workDir != "" {
		run = func() (int, error) {
			if err := prepare(); err != nil {
				return 0, err
			}
			return m.Run(), nil
		}
	}
	status, err := run()
	if err != nil {
		fmt.Fprintf(os.Stderr, "shippers: %v\n", err)
		status = 1
	}
	os.Exit(status)
}

// inNamespaces fetches the packages, runs this program again in namespaces of its own and
// returns its exit status. Whatever happens to that process, nothing stays behind.
func inNamespaces() (status int, err error) {
	if os.Geteuid() != 0 {
		return 0, errors.New("namespaces need root: run make shippers as root")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir, err := os.MkdirTemp("", "shippers-") // short, for a path in it has to fit into a socket's address
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := fetch(ctx, dir); err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, os.Args[0], os.Args[1:]...)
	cmd.Env = append(os.Environ(), "SHIPPERS_DIR="+dir, "TMPDIR="+dir, "TZ="+posixZone)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWUTS,
		Pdeathsig:  syscall.SIGKILL,
	}
	if err := cmd.Run(); cmd.ProcessState == nil {
		return 0, err
	}
	if status := cmd.ProcessState.ExitCode(); status >= 0 {
		return status, nil
	}
	return 0, fmt.Errorf("the tests ended with %v", cmd.ProcessState)
}

// fetch downloads the packages and unpacks them into a root in dir. What apt-get keeps for
// itself is in dir, too.
func fetch(ctx context.Context, dir string) error {
	lists := filepath.Join(dir, "lists")
	if err := os.Mkdir(lists, 0o755); err != nil {
		return err
	}
	own := []string{"-qq", "-o", "Debug::NoLocking=1", "-o", "Dir::State::lists=" + lists, "-o", "Dir::Cache=" + dir, "-o", "APT::Sandbox::User=root"}
	if err := command(ctx, "apt-get", append(own, "update")...); err != nil {
		return err
	}
	install := slices.Concat(own, []string{"install", "--download-only", "--reinstall", "--no-install-recommends"}, packages)
	if err := command(ctx, "apt-get", install...); err != nil {
		return err
	}
	archives, err := filepath.Glob(filepath.Join(dir, "archives", "*.deb"))
	if err != nil {
		return err
	}
	for _, archive := range archives {
		if err := command(ctx, "dpkg-deb", "-x", archive, filepath.Join(dir, "root")); err != nil {
			return err
		}
	}
	return nil
}

// prepare makes the namespaces fit: mounts stay inside, /proc shows the own processes, and
// a journal begins empty.
func prepare() error {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("mount / as private: %w", err)
	}
	if err := syscall.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	for _, dir := range []string{"/run", "/var/log"} {
		if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "mode=755"); err != nil {
			return fmt.Errorf("mount %s: %w", dir, err)
		}
	}
	return syscall.Sethostname([]byte(host))
}

func command(ctx context.Context, program string, args ...string) error {
	if out, err := exec.CommandContext(ctx, program, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", program, strings.Join(args, " "), err, out)
	}
	return nil
}
