package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"smtp_reply_exporter/exporter/discover"
)

func TestCommandLine(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	log := write("mail.log", "Nov 23 14:16:23 mx1 postfix/qmgr[77]: 5C65B9A5D67: removed\n")
	good := write("good.yaml", "state: ''\nsources: [{name: mail, file: "+log+"}]\n")
	field := write("field.yaml", "sources:\n  - name: mail\n    path: mail.log\n")
	suffix := write("suffix.yaml", "sources: [{name: mail, file: mail.log}]\nproviders: {mycorp: [mail]}\n")
	missing := filepath.Join(dir, "missing.yaml")
	for _, tc := range []struct {
		name           string
		args           []string
		status         int
		stdout, stderr string // complete, or a prefix that ends with "..."
	}{
		{
			name: "good configuration", args: []string{"--config.check", "--config.file=" + good},
			stdout: "the configuration is valid\nsource mail: follows " + log + ", with lines of postfix\nstate: none is kept: after a restart, counters start at 0\n...",
		},
		{
			name: "unknown field", args: []string{"--config.check", "--config.file=" + field}, status: 1,
			stderr: "smtp_reply_exporter: " + field + ":3: sources[0].path: unknown field; the fields here are name, file, journal, syslog, allow, stdin, mta, start, olddir, loss_notices, hosts, header, samples\n",
		},
		{
			name: "bad provider", args: []string{"--config.check", "--config.file=" + suffix}, status: 1,
			stderr: "smtp_reply_exporter: " + suffix + ":2: providers.mycorp: \"mail\" is not a host name...",
		},
		{
			name: "no such configuration", args: []string{"--config.file=" + missing}, status: 1,
			stderr: "smtp_reply_exporter: " + missing + ": no such file or directory; name a file that the exporter's user may read with --config.file\n",
		},
		{
			name: "bad telemetry path", args: []string{"--config.file=" + good, "--web.telemetry-path=metrics"}, status: 1,
			stderr: `smtp_reply_exporter: --web.telemetry-path: "metrics" does not begin with a slash; use a path such as /metrics` + "\n",
		},
		{name: "version", args: []string{"--version"}, stdout: "smtp_reply_exporter, version ..."},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			cmd := command(t, tc.args...)
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			_ = cmd.Run() // the test checks the status
			if got := cmd.ProcessState.ExitCode(); got != tc.status {
				t.Errorf("exit status %d, want %d", got, tc.status)
			}
			for _, out := range []struct{ name, want, got string }{
				{"stdout", tc.stdout, stdout.String()},
				{"stderr", tc.stderr, stderr.String()},
			} {
				begin, more := strings.CutSuffix(out.want, "...")
				if !strings.HasPrefix(out.got, begin) || !more && out.got != out.want {
					t.Errorf("%s: %q, want %q", out.name, out.got, out.want)
				}
			}
		})
	}
}

func TestUnknownFlag(t *testing.T) {
	cmd := command(t, "--nosuch")
	out, _ := cmd.CombinedOutput() // the test checks the status
	if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), "unknown long flag '--nosuch'") {
		t.Errorf("exit status %d, %s", cmd.ProcessState.ExitCode(), out)
	}
}

func TestNoLogOnThisHost(t *testing.T) {
	_, err := discover.Source("/")
	if err == nil {
		t.Skip("this host has a mail log")
	}
	cmd := command(t)
	out, _ := cmd.CombinedOutput() // the test checks the status
	if want := "smtp_reply_exporter: " + err.Error() + "\n"; cmd.ProcessState.ExitCode() != 1 || string(out) != want {
		t.Errorf("exit status %d, %q, want 1, %q", cmd.ProcessState.ExitCode(), out, want)
	}
}

func TestPortInUse(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	d := newDaemon(t)
	address := listener.Addr().String()
	cmd := command(t, "--config.file="+filepath.Join(d.dir, "config.yaml"), "--web.listen-address="+address)
	out, _ := cmd.CombinedOutput() // the test checks the status
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	want := "smtp_reply_exporter: listen tcp " + address +
		": bind: address already in use; stop the exporter that is already running, or choose another address with --web.listen-address"
	if got := lines[len(lines)-1]; cmd.ProcessState.ExitCode() != 1 || got != want {
		t.Errorf("exit status %d, want 1; last line (-want +got):\n%s", cmd.ProcessState.ExitCode(), cmp.Diff(want, got))
	}
	if n := strings.Count(string(out), "address already in use"); n != 1 {
		t.Errorf("logged %d times:\n%s", n, out)
	}
}

func TestTerminate(t *testing.T) {
	t.Parallel()
	d := newDaemon(t)
	d.run()
	d.signal(syscall.SIGTERM)
	<-d.exited // start checks for status 0
	if _, err := http.Get("http://" + d.address + "/metrics"); err == nil {
		t.Error("it still answers")
	}
}

const (
	reloadSuccessful = "smtp_reply_exporter_config_last_reload_successful"
	badSource        = "sources: [{name: mail, file: ''}]\n"
)

func TestHangup(t *testing.T) {
	t.Parallel()
	d := newDaemon(t)
	d.run()
	d.configure(badSource)
	d.signal(syscall.SIGHUP)
	d.wait("a failed reload", func() bool { return d.scrape()[reloadSuccessful] == "0" })
	if !strings.Contains(d.stderr.String(), "config.yaml:1: sources[0].file: missing; name the log to follow") {
		t.Errorf("the error is not in the log:\n%s", &d.stderr)
	}
	d.append(testdata(t, "forged.log")) // counts under the old configuration
	if d.scrapeAll()[total("sent", "554", "5xx", "transaction_failed")] != "1" {
		t.Error("nothing is counted after a failed reload")
	}
	d.configure(oneLog + "  - {name: more, file: DIR/more.log}\n")
	d.signal(syscall.SIGHUP)
	d.wait("a good reload", func() bool { return d.scrape()[reloadSuccessful] == "1" })
	s := d.scrape()
	if _, ok := s[`smtp_reply_exporter_source_up{source="more"}`]; !ok {
		t.Error("the new source is not there")
	}
	if s[total("sent", "554", "5xx", "transaction_failed")] != "1" {
		t.Error("the counts did not survive the reload")
	}
}

func TestReloadOverHTTP(t *testing.T) {
	t.Parallel()
	t.Run("on", func(t *testing.T) {
		d := newDaemon(t)
		d.run("--web.enable-lifecycle")
		if status, body := d.post("/-/reload"); status != http.StatusOK {
			t.Errorf("status %d: %s", status, body)
		}
		d.configure(badSource)
		if status, body := d.post("/-/reload"); status != http.StatusInternalServerError || !strings.Contains(body, "config.yaml:1: sources[0].file: missing") {
			t.Errorf("bad configuration: status %d: %s", status, body)
		}
		if got := d.scrape()[reloadSuccessful]; got != "0" {
			t.Errorf("%s %s, want 0", reloadSuccessful, got)
		}
	})
	t.Run("off", func(t *testing.T) {
		d := newDaemon(t)
		d.run()
		if status, body := d.post("/-/reload"); status != http.StatusForbidden {
			t.Errorf("status %d: %s", status, body)
		}
	})
}

func TestWebConfiguration(t *testing.T) {
	t.Parallel()
	d := newDaemon(t)
	pool := d.certificate()
	web := filepath.Join(d.dir, "web.yml")
	if err := os.WriteFile(web, []byte(testdata(t, "web.yml")), 0o600); err != nil {
		t.Fatal(err)
	}
	d.start("--web.config.file=" + web)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, DisableKeepAlives: true}}
	for _, tc := range []struct {
		name, user, password string
		status               int
	}{
		{name: "nobody", status: http.StatusUnauthorized},
		{name: "wrong password", user: "prometheus", password: "guess", status: http.StatusUnauthorized},
		{name: "right password", user: "prometheus", password: "exporter-test", status: http.StatusOK},
	} {
		t.Run(tc.name, func(t *testing.T) {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+d.address+"/metrics", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			if tc.user != "" {
				request.SetBasicAuth(tc.user, tc.password)
			}
			if status, body := d.answer(client.Do(request)); status != tc.status {
				t.Errorf("status %d, want %d: %s", status, tc.status, body)
			}
		})
	}
	if status, body := d.get("/metrics"); status != http.StatusBadRequest {
		t.Errorf("without TLS: status %d: %s", status, body)
	}
}

// certificate writes a certificate for the loopback address and its key, and returns a
// pool that trusts it.
func (d *daemon) certificate() *x509.CertPool {
	d.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		d.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		d.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		d.Fatal(err)
	}
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for name, content := range map[string][]byte{
		"cert.pem": certificate,
		"key.pem":  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
	} {
		if err := os.WriteFile(filepath.Join(d.dir, name), content, 0o600); err != nil {
			d.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(certificate)
	return pool
}
