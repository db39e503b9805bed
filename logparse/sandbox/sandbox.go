//go:build linux

// Package sandbox runs tests of Debian's programs in namespaces of their own. The programs
// are downloaded, not installed, and nothing stays behind.
package sandbox

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
	"time"
)

// A Config says what a package's tests need.
type Config struct {
	// Name is that of the package, and of the make target that runs it.
	Name string
	// Packages are downloaded, each list to the directory below Dir with its name, with
	// what they depend on and the host lacks.
	Packages map[string][]string
	// Namespaces are the flags of clone(2) for namespaces beside those for processes and
	// mounts.
	Namespaces uintptr
	// Env is added to the environment of the tests.
	Env []string
	// Prepare makes the namespaces fit, before the tests.
	Prepare func() error
}

// dirVariable is set for the process that runs the tests.
const dirVariable = "SANDBOX_DIR"

// Dir returns the directory of the downloads, which is the tests' directory for temporary
// files too.
func Dir() string { return os.Getenv(dirVariable) }

// Main is a package's TestMain. It needs root on Debian and the network of apt-get. It does
// not return.
func Main(m *testing.M, c Config) {
	status, err := c.run(m)
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", c.Name, err)
		status = 1
	}
	os.Exit(status)
}

func (c *Config) run(m *testing.M) (status int, err error) {
	if Dir() == "" {
		return c.inNamespaces()
	}
	if err := prepare(); err != nil {
		return 0, err
	}
	if err := c.Prepare(); err != nil {
		return 0, err
	}
	return m.Run(), nil
}

// inNamespaces fetches the packages, runs this program again in namespaces of its own and
// returns its exit status. Whatever happens to that process, nothing stays behind.
func (c *Config) inNamespaces() (status int, err error) {
	if os.Geteuid() != 0 {
		return 0, fmt.Errorf("namespaces need root: run make %s as root", c.Name)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir, err := os.MkdirTemp("", c.Name+"-") // short, for a path in it has to fit into a socket's address
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := c.fetch(ctx, dir); err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, os.Args[0], os.Args[1:]...)
	cmd.Env = slices.Concat(os.Environ(), []string{dirVariable + "=" + dir, "TMPDIR=" + dir}, c.Env)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | c.Namespaces,
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

// fetch downloads the packages into dir. What apt-get keeps for itself is there too.
func (c *Config) fetch(ctx context.Context, dir string) error {
	lists := filepath.Join(dir, "lists")
	if err := os.Mkdir(lists, 0o755); err != nil {
		return err
	}
	own := []string{"-qq", "-o", "Debug::NoLocking=1", "-o", "Dir::State::lists=" + lists, "-o", "Dir::Cache=" + dir, "-o", "APT::Sandbox::User=root"}
	if err := Command(ctx, "apt-get", append(own, "update")...); err != nil {
		return err
	}
	for name, list := range c.Packages {
		archives := filepath.Join(dir, name)
		if err := os.Mkdir(archives, 0o755); err != nil {
			return err
		}
		install := slices.Concat(own, []string{
			"-o", "Dir::Cache::archives=" + archives, "install", "--download-only", "--reinstall", "--no-install-recommends",
		}, list)
		if err := Command(ctx, "apt-get", install...); err != nil {
			return err
		}
	}
	return nil
}

// prepare keeps mounts inside and makes /proc show the own processes.
func prepare() error {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("mount / as private: %w", err)
	}
	if err := syscall.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	return nil
}

// Command runs a program. Its error holds what the program printed.
func Command(ctx context.Context, program string, args ...string) error {
	if out, err := exec.CommandContext(ctx, program, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", program, strings.Join(args, " "), err, out)
	}
	return nil
}

// Wait waits until something holds, and fails after a minute.
func Wait(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}
