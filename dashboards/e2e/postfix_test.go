//go:build e2e

package e2e

import (
	"errors"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The ports of the Postfix on the mail host.
const (
	portRelay  = "25"
	portFull   = "26" // its queue file system never has enough space
	portPolicy = "27" // its policy defers every client
)

// startPostfix runs a separate Postfix, with its configuration, queue and log below dir.
// It relays for the world. startPostfix returns the path of its log.
func startPostfix(t *testing.T, dir string) (log string) {
	t.Helper()
	log = filepath.Join(dir, "mail.log")
	conf, queue, data := filepath.Join(dir, "conf"), filepath.Join(dir, "queue"), filepath.Join(dir, "data")
	for _, path := range []string{conf, queue, data} {
		if err := os.Mkdir(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	postfix, err := user.Lookup("postfix")
	if err != nil {
		t.Fatalf("%v; install it: apt-get install postfix", err)
	}
	uid, err := strconv.Atoi(postfix.Uid)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(data, uid, -1); err != nil {
		t.Fatal(err)
	}

	hosts := []string{"127.0.0.1 localhost", mailHost + " mx.mail.example", world + " client.example"}
	var transports []string
	for _, p := range providers {
		hosts = append(hosts, p.address+" mx."+p.name+".example")
		transports = append(transports, "{"+p.name+".example = smtp:[mx."+p.name+".example]}")
	}
	// To make every number predictable, Postfix must not retry a deferred message within
	// the test, nor send its postmaster mail about the full disk. Its refusals must not
	// slow down the client.
	write(t, filepath.Join(conf, "main.cf"), `compatibility_level = 3.6
queue_directory = %s
data_directory = %s
maillog_file = %s
maillog_file_prefixes = %s
myhostname = mx.mail.example
mydestination =
inet_protocols = ipv4
mynetworks = %s
smtp_host_lookup = native
transport_maps = inline:{%s}
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_error_sleep_time = 0
smtpd_soft_error_limit = 1000
smtpd_hard_error_limit = 1000
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtp_connection_cache_on_demand = no
notify_classes =
minimal_backoff_time = 1h
queue_run_delay = 1h
`, queue, data, log, dir, world, strings.Join(transports, ", "))
	write(t, filepath.Join(conf, "master.cf"), `
25 inet n - n - - smtpd
26 inet n - n - - smtpd -o queue_minfree=1000000000000000
27 inet n - n - - smtpd -o { smtpd_recipient_restrictions = check_client_access static:{451 4.7.1 Message put off by local policy} }
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
`)
	start(t, dir, "postfix", "ip", onMailHost("sh", "-ec", `mount --bind "$1" /etc/hosts; exec postfix -c "$2" start-fg`, "sh",
		write(t, filepath.Join(dir, "hosts"), "%s\n", strings.Join(hosts, "\n")), conf)...)
	wait(t, time.Minute, "Postfix answers", func() error {
		var err error
		for _, port := range []string{portRelay, portFull, portPolicy} {
			conn, dialErr := net.DialTimeout("tcp", mailHost+":"+port, time.Second)
			if dialErr == nil {
				conn.Close()
			}
			err = errors.Join(err, dialErr)
		}
		return err
	})
	return log
}
