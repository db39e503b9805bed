//go:build e2e

// Package e2e tests the alerts with a real Postfix, the exporter, a Prometheus with the
// rules of this repository, and an Alertmanager with its example. It simulates only time
// and the rest of the world.
//
// It needs root on Linux and Debian's postfix, prometheus, prometheus-alertmanager and
// iproute2; `make e2e` installs them. It neither reads nor changes the host's own
// configuration.
//
// Postfix and the exporter run in one network namespace, the mail host. The test, with
// the other MTAs, the client and the monitoring, runs in a second one, the world. So the
// peers' addresses differ from the mail host's own, and every port is free.
package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Addresses from RFC 2544, which are for tests between networks.
const (
	mailHost = "198.18.0.10"
	world    = "198.18.0.20" // the client, Prometheus and Alertmanager; other MTAs have their own addresses
)

// The environment of the process that runs the tests in the world's namespace.
var (
	mailNamespace = os.Getenv("E2E_MAIL_NAMESPACE") // the mail host's
	workDir       = os.Getenv("E2E_DIR")
)

func TestMain(m *testing.M) {
	if mailNamespace != "" {
		os.Exit(m.Run())
	}
	status, err := inNamespaces()
	if err != nil {
		fmt.Fprintf(os.Stderr, "e2e: %v\n", err)
		status = 1
	}
	os.Exit(status)
}

// inNamespaces creates the two namespaces, runs this program again in the world's, and
// returns its exit status. It always removes the namespaces and their processes.
func inNamespaces() (status int, err error) {
	if os.Geteuid() != 0 {
		return 0, errors.New("network namespaces need root: run make e2e as root")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir, err := os.MkdirTemp("", "smtp_reply_exporter-e2e-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.Chmod(dir, 0o755); err != nil { // Postfix' own user must enter it
		return 0, err
	}
	mail, outside := fmt.Sprintf("e2e-mail-%d", os.Getpid()), fmt.Sprintf("e2e-world-%d", os.Getpid())
	for _, namespace := range []string{mail, outside} {
		if err := ip("netns", "add", namespace); err != nil {
			return 0, err
		}
		defer func() { err = errors.Join(err, remove(namespace)) }()
		if err := ip("-n", namespace, "link", "set", "lo", "up"); err != nil {
			return 0, err
		}
	}
	if err := ip("link", "add", "veth0", "netns", mail, "type", "veth", "peer", "name", "veth0", "netns", outside); err != nil {
		return 0, err
	}
	addresses := map[string][]string{mail: {mailHost}, outside: {world}}
	for _, p := range providers {
		addresses[outside] = append(addresses[outside], p.address)
	}
	for namespace, list := range addresses {
		for _, address := range list {
			if err := ip("-n", namespace, "address", "add", address+"/24", "dev", "veth0"); err != nil {
				return 0, err
			}
		}
		if err := ip("-n", namespace, "link", "set", "veth0", "up"); err != nil {
			return 0, err
		}
	}

	cmd := exec.CommandContext(ctx, "ip", append([]string{"netns", "exec", outside, os.Args[0]}, os.Args[1:]...)...)
	cmd.Env = append(os.Environ(), "E2E_MAIL_NAMESPACE="+mail, "E2E_DIR="+dir)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); cmd.ProcessState == nil {
		return 0, err
	}
	if status := cmd.ProcessState.ExitCode(); status >= 0 {
		return status, nil
	}
	return 0, fmt.Errorf("the tests ended with %v", cmd.ProcessState)
}

// remove ends the processes in a namespace and removes it.
func remove(namespace string) error {
	pids, err := exec.Command("ip", "netns", "pids", namespace).Output()
	if err != nil {
		return fmt.Errorf("ip netns pids %s: %w", namespace, err)
	}
	for _, field := range strings.Fields(string(pids)) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			return fmt.Errorf("ip netns pids %s: %w", namespace, err)
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("kill process %d of %s: %w", pid, namespace, err)
		}
	}
	return ip("netns", "delete", namespace)
}

func ip(args ...string) error {
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}
