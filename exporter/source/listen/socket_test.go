package listen

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestBindErrors(t *testing.T) {
	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) {
			l := listen(t, Config{URL: network + "://127.0.0.1:5514"})
			second := &listening{T: t, now: l.now}
			second.Listener, _ = New(Config{URL: network + "://127.0.0.1:5514"})
			defer second.Close()
			second.address = l.addr()
			for range 3 {
				second.poll()
			}
			if len(second.errs) != 1 || second.Stats().Up || !strings.Contains(second.errs[0].Error(), "address already in use") {
				t.Fatalf("reported %v, want once that the address is in use", second.errs)
			}
			l.Close()
			second.until("the address is free", func() bool { return second.Stats().Up })
		})
	}
}

func TestUnixSocket(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "sub", "log")
	l := listen(t, Config{URL: "unix://" + path})
	l.poll()
	if len(l.errs) != 1 || l.Stats().Up {
		t.Fatalf("reported %v, want once that the directory is missing", l.errs)
	}
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	l.poll()
	l.send(l.dial(), "a")
	l.untilMessages(1)
	if file, err := os.Stat(path); err != nil {
		t.Error(err)
	} else if file.Mode().Perm() != 0o666 {
		t.Errorf("mode %v", file.Mode())
	}

	// Without its file, nobody can send to the socket.
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	l.poll()
	l.poll()
	if len(l.errs) != 2 || !strings.HasSuffix(l.errs[1].Error(), "the socket's file was removed or replaced; creating it again") {
		t.Errorf("reported %v", l.errs)
	}
	l.send(l.dial(), "b")
	l.untilMessages(2)

	// Another process must not take it over.
	second := listen(t, Config{URL: "unix://" + path})
	second.poll()
	want := fmt.Sprintf("unix://%[1]s: another process listens on %[1]s; stop it or name another path", path)
	if len(second.errs) != 1 || second.errs[0].Error() != want {
		t.Errorf("reported %v, want %q", second.errs, want)
	}
	second.Close()
	l.send(l.dial(), "c")
	l.untilMessages(3)
	l.want(nil, "a", "b", "c")

	l.Close()
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Error("the socket is there after Close:", err)
	}
}

func TestUnixSocketStale(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	stale, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram", Name: path})
	if err != nil {
		t.Fatal(err)
	}
	stale.Close()
	l := listen(t, Config{URL: "unix://" + path})
	l.send(l.dial(), "a")
	l.untilMessages(1)
}

func TestUnixSocketPathTaken(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	stream := filepath.Join(dir, "stream")
	ln, err := net.Listen("unix", stream)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	for path, want := range map[string]string{
		file:   "exists and is not a socket; name another path",
		stream: "another process listens on " + stream + "; stop it or name another path",
	} {
		l := listen(t, Config{URL: "unix://" + path})
		if len(l.errs) != 1 || !strings.HasSuffix(l.errs[0].Error(), want) {
			t.Errorf("reported %v, want %q", l.errs, want)
		}
		l.Close()
		if _, err := os.Lstat(path); err != nil {
			t.Error("it is gone:", err)
		}
	}
}
