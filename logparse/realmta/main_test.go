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
	"syscall"
	"testing"

	"smtp_reply_exporter/logparse/sandbox"
)

// packages are Debian's, by the name of the test.
var packages = map[string][]string{
	"exim": {"exim4-daemon-light"}, "postfix": {"postfix", "libsasl2-modules"}, "sendmail": {"sendmail-bin", "libsasl2-modules"},
}

func TestMain(m *testing.M) {
	sandbox.Main(m, sandbox.Config{Name: "realmta", Packages: packages, Namespaces: syscall.CLONE_NEWNET, Prepare: prepare})
}

// prepare makes every address of the tests the host's own.
func prepare() error {
	ctx := context.Background()
	return errors.Join(sandbox.Command(ctx, "ip", "link", "set", "lo", "up"),
		sandbox.Command(ctx, "ip", "address", "add", mtaAddress+"/24", "dev", "lo"))
}
