//go:build realmta

// Package realmta attacks real mail servers with hostile sessions and compares what
// logparse reads in their logs with the replies that went over the wire.
//
// It needs root on Debian and the network of apt-get; `make realmta` runs it. The
// packages are fetched and unpacked, not installed: each MTA runs in a root and a PID
// namespace of its own, over a read-only view of the host. The test itself runs in new
// PID, mount and network namespaces, with which everything ends and vanishes.
package realmta

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

// packages are Debian's, by the name of the test. What they depend on and the host lacks
// is fetched too.
var packages = map[string][]string{
	"exim": {"exim4-daemon-light"}, "postfix": {"postfix", "libsasl2-modules"}, "sendmail": {"sendmail-bin", "libsasl2-modules"},
}

// workDir is where the packages are; set for the process that runs the tests.
var workDir = os.Getenv("REALMTA_DIR")

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
		fmt.Fprintf(os.Stderr, "realmta: %v\n", err)
		status = 1
	}
	os.Exit(status)
}

// inNamespaces fetches the packages, runs this program again in namespaces of its own and
// returns its exit status. Whatever happens to that process, nothing stays behind.
func inNamespaces() (status int, err error) {
	if os.Geteuid() != 0 {
		return 0, errors.New("namespaces need root: run make realmta as root")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir, err := os.MkdirTemp("", "realmta-") // short, for /dev/log has to fit into a socket's address
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := fetch(ctx, dir); err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, os.Args[0], os.Args[1:]...)
	cmd.Env = append(os.Environ(), "REALMTA_DIR="+dir, "TMPDIR="+dir)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWNET,
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

// fetch downloads the packages into dir, each to a directory by the name of its test. What
// apt-get keeps for itself is there too.
func fetch(ctx context.Context, dir string) error {
	lists := filepath.Join(dir, "lists")
	if err := os.Mkdir(lists, 0o755); err != nil {
		return err
	}
	own := []string{"-qq", "-o", "Debug::NoLocking=1", "-o", "Dir::State::lists=" + lists, "-o", "Dir::Cache=" + dir, "-o", "APT::Sandbox::User=root"}
	if err := command(ctx, "apt-get", append(own, "update")...); err != nil {
		return err
	}
	for name, list := range packages {
		archives := filepath.Join(dir, name)
		if err := os.Mkdir(archives, 0o755); err != nil {
			return err
		}
		install := slices.Concat(own, []string{
			"-o", "Dir::Cache::archives=" + archives, "install", "--download-only", "--reinstall", "--no-install-recommends",
		}, list)
		if err := command(ctx, "apt-get", install...); err != nil {
			return err
		}
	}
	return nil
}

// prepare makes the namespaces fit: mounts stay inside, /proc shows the own processes,
// and every address of the tests is the host's own.
func prepare() error {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("mount / as private: %w", err)
	}
	if err := syscall.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	ctx := context.Background()
	return errors.Join(command(ctx, "ip", "link", "set", "lo", "up"),
		command(ctx, "ip", "address", "add", mtaAddress+"/24", "dev", "lo"))
}

func command(ctx context.Context, program string, args ...string) error {
	if out, err := exec.CommandContext(ctx, program, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", program, strings.Join(args, " "), err, out)
	}
	return nil
}
