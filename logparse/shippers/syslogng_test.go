//go:build shippers

package shippers

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var syslogngFiles = []form{
	{name: "default"},
	{name: "iso", text: `ts-format(iso)`},
	{name: "iso-frac", text: `ts-format(iso) frac-digits(6)`},
	{name: "full", text: `ts-format(full)`},
	{name: "rfc5424", text: `flags(syslog-protocol)`},
	{name: "json-rfc5424", text: `template("$(format-json --scope rfc5424)\n")`},
	{name: "json-iso", text: `template("$(format-json --scope rfc5424 --exclude DATE --key ISODATE)\n")`},
	{name: "json-selected", text: `template("$(format-json --scope selected-macros --scope nv-pairs)\n")`},
	// The template function format-gelf, without the NUL at its end: syslog-ng-scl defines it.
	{name: "gelf", text: `template("$(format-json version='1.1' host='${HOST}' short_message='${MSG}' level=int(${LEVEL_NUM}) timestamp=int64(${R_UNIXTIME}) ` +
		`_program='${PROGRAM}' _pid=int(${PID:-0}) _facility='${FACILITY}' _class='${.classifier.class}' --key .* --key _*)\n")`},
	{name: "json-everything", text: `template("$(format-json --scope everything)\n")`},
}

func TestSyslogNG(t *testing.T) {
	dir := t.TempDir()
	socket := filepath.Join(dir, "input")
	var conf strings.Builder
	fmt.Fprintf(&conf, "@version: 3.38\nsource input { unix-dgram(\"%s\"); };\n", socket)
	for _, f := range syslogngFiles {
		fmt.Fprintf(&conf, "log { source(input); destination { file(\"%s\" %s); }; };\n", filepath.Join(dir, f.name), f.text)
	}
	name := filepath.Join(dir, "conf")
	must(t, os.WriteFile(name, []byte(conf.String()), 0o600))
	root := unpacked()
	modules, err := filepath.Glob(filepath.Join(root, "usr/lib/syslog-ng/*.*"))
	must(t, err)
	var libraries []string
	for _, pattern := range []string{"usr/lib/syslog-ng", "usr/lib/*-linux-gnu*", "lib/*-linux-gnu*"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		must(t, err)
		libraries = append(libraries, found...)
	}
	t.Setenv("LD_LIBRARY_PATH", strings.Join(libraries, ":"))
	start(t, socket, filepath.Join(root, "usr/sbin/syslog-ng"), "--foreground", "--no-caps", "--cfgfile="+name, "--module-path="+strings.Join(modules, ":"),
		"--persist-file="+filepath.Join(dir, "persist"), "--pidfile="+filepath.Join(dir, "pid"), "--control="+filepath.Join(dir, "control"))
	sent, begin := records(t), time.Now()
	send(t, socket, sent)
	compareFiles(t, dir, syslogngFiles, sent, begin)
}
