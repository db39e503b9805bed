package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os/exec"
	"strings"
)

const (
	chunkLen  = 4 << 10 // bytes that journalctl writes at once
	maxChunks = 1 << 10
	maxStderr = 1 << 10
)

// A child is a running journalctl. One goroutine reads its output until it ends. If
// nobody receives the chunks, the goroutine waits, and then journalctl does.
type child struct {
	cmd    *exec.Cmd
	chunks chan []byte // of its output; closed when it ends

	// These are set before chunks is closed.
	stderr string
	err    error
}

func startChild(path string, args []string) (*child, error) {
	c := &child{cmd: exec.Command(path, args...), chunks: make(chan []byte, maxChunks)}
	c.cmd.SysProcAttr = endsWithParent
	var stderr head
	c.cmd.Stderr = &stderr
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(c.chunks)
		c.read(stdout)
		c.err = c.cmd.Wait()
		c.stderr = strings.TrimSpace(string(stderr))
	}()
	return c, nil
}

func (c *child) read(stdout io.Reader) {
	buf := make([]byte, chunkLen)
	for {
		n, err := stdout.Read(buf)
		if n > 0 {
			c.chunks <- bytes.Clone(buf[:n])
		}
		if err != nil {
			return
		}
	}
}

// kill ends journalctl and the goroutine. It discards chunks that nobody has
// received.
func (c *child) kill() {
	_ = c.cmd.Process.Kill() // fails only if it has ended already
	for range c.chunks {
	}
}

var errNoJournal = errors.New("no journal: systemd-journald does not run here; or, in a container, the host's /var/log/journal, /run/log/journal and /etc/machine-id are not mounted")

// complaint returns what kept journalctl, which has ended, from reading; nil if
// nothing did. Without a journal, or without permission, journalctl may end with
// status 0.
func (c *child) complaint() error {
	first, _, _ := strings.Cut(c.stderr, "\n")
	switch {
	case strings.Contains(c.stderr, "No journal files were found"):
		return errNoJournal
	case strings.Contains(c.stderr, "insufficient permissions"), strings.Contains(c.stderr, "not seeing messages from"):
		return fmt.Errorf("%w to read all of the journal: add the exporter's user to the group systemd-journal (journalctl: %s)", fs.ErrPermission, first)
	case c.err != nil && c.stderr != "":
		return fmt.Errorf("journalctl: %w: %s", c.err, c.stderr)
	case c.err != nil:
		return fmt.Errorf("journalctl: %w", c.err)
	}
	return nil
}

// head keeps the first bytes written to it.
type head []byte

func (h *head) Write(b []byte) (int, error) {
	*h = append(*h, b[:min(len(b), maxStderr-len(*h))]...)
	return len(b), nil
}
