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
	"fmt"
	"path/filepath"
	"syscall"
	"testing"

	"smtp_reply_exporter/logparse/sandbox"
)

// host is the name of the host in the namespaces.
const host = "mx1"

// archives is the directory of the packages.
const archives = "archives"

func TestMain(m *testing.M) {
	sandbox.Main(m, sandbox.Config{
		Name: "shippers", Packages: map[string][]string{archives: {"syslog-ng-core", "socklog", "runit"}},
		Namespaces: syscall.CLONE_NEWUTS, Env: []string{"TZ=" + posixZone}, Prepare: prepare,
	})
}

// unpacked returns the directory into which the packages are unpacked.
func unpacked() string { return filepath.Join(sandbox.Dir(), "root") }

// prepare unpacks the packages, and makes a journal begin empty.
func prepare() error {
	packages, err := filepath.Glob(filepath.Join(sandbox.Dir(), archives, "*.deb"))
	if err != nil {
		return err
	}
	for _, name := range packages {
		if err := sandbox.Command(context.Background(), "dpkg-deb", "-x", name, unpacked()); err != nil {
			return err
		}
	}
	for _, dir := range []string{"/run", "/var/log"} {
		if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "mode=755"); err != nil {
			return fmt.Errorf("mount %s: %w", dir, err)
		}
	}
	return syscall.Sethostname([]byte(host))
}
