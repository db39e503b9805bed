//go:build shippers

package shippers

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// maxSocklog leaves room for a header in the 1000 bytes at which svlogd cuts a line.
const maxSocklog = 900

// svlogdFiles are socklog's output behind svlogd's times, by the option that asks for one.
var svlogdFiles = []form{
	{name: "-t", noHost: true},
	{name: "-tt", noHost: true},
	{name: "-ttt", noHost: true},
}

func TestSocklog(t *testing.T) {
	for _, f := range svlogdFiles {
		t.Run(f.name, func(t *testing.T) {
			dir := t.TempDir()
			socket, log := filepath.Join(dir, "input"), filepath.Join(dir, "log")
			must(t, os.Mkdir(log, 0o755))
			root := unpacked()
			// svlogd ends once socklog has.
			start(t, socket, "bash", "-c", `exec "$0/usr/sbin/socklog" unix "$1" > >(exec "$0/usr/bin/svlogd" "$2" "$3")`, root, socket, f.name, log)
			var sent []record
			for _, r := range records(t) {
				if len(r.message) < maxSocklog {
					sent = append(sent, r)
				}
			}
			begin := time.Now()
			send(t, socket, sent)
			compare(t, &f, written(t, filepath.Join(log, "current")), sent, begin)
		})
	}
}
