package setup

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"smtp_reply_exporter/exporter/classify/reason"
	"smtp_reply_exporter/exporter/config"
)

// badFiles has the exact error of every file in testdata/bad. Each file has only the
// fault in its name. Package config tests the other faults.
var badFiles = map[string]string{
	"missing_pattern":           `:7: reasons[1].pattern: missing; write the regular expression that the reply's text matches`,
	"missing_provider_suffixes": `:5: providers.mycorp: missing; list the suffixes of its MX host names, such as [.mx.example]`,
	"missing_reason":            `:5: reasons[0].reason: missing; name the reason that the pattern stands for`,
	"pattern":                   ":6: reasons[0].pattern: `my (house rule` is not a regular expression: missing closing ) at `my (house rule`",
	"provider_host":             `:5: providers.mycorp: "mail" is not a host name; write a suffix such as .mail.mycorp.example or a whole name such as mx.mycorp.example`,
	"provider_name":             `:5: providers.My-Corp: "My-Corp" is not a name; use lower-case letters, digits and _, beginning with a letter`,
	"provider_twice":            `:6: providers.corp_b: ".MX.example" belongs to corp_a already; list it once`,
	"syslog_open":               `:5: sources[1].syslog: "udp://192.0.2.1:5514": listens beyond loopback; list the senders' networks under allow, or listen on 127.0.0.1 or [::1]`,
	"syslog_url":                `:5: sources[1].syslog: "127.0.0.1:5514": not a udp, tcp or unix URL; write one such as udp://127.0.0.1:5514`,
	"unknown_reason":            `:7: reasons[1].reason: "grey" is not one of ` + strings.Join(reason.Names(), ", "),
}

func TestLoadBad(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(badFiles) {
		t.Errorf("testdata/bad has %d files, the table %d", len(files), len(badFiles))
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		t.Run(name, func(t *testing.T) {
			c, _, err := Load(file)
			if err == nil {
				t.Fatalf("accepted as %+v", c)
			}
			if diff := cmp.Diff(file+badFiles[name], err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLoadGood(t *testing.T) {
	files, err := filepath.Glob("../config/testdata/good/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, error %v", len(files), err)
	}
	for _, file := range append(files, "../../config.example.yaml") {
		if _, _, err := Load(file); err != nil {
			t.Error(err)
		}
	}
}

func TestDefault(t *testing.T) {
	root := t.TempDir()
	if _, _, err := Default(root, nil); err == nil {
		t.Error("no error without a log")
	}
	log := filepath.Join(root, "var/log/mail.log")
	if err := errors.Join(os.MkdirAll(filepath.Dir(log), 0o700), os.WriteFile(log, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	cfg, classifier, err := Default(root, nil)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.State != config.DefaultState || cfg.StateNamed || len(cfg.Sources) != 1 || cfg.Sources[0].File != log || classifier == nil {
		t.Errorf("configuration %+v, classifier %v", cfg, classifier)
	}
	followed := &config.Source{Name: "mail", File: filepath.Join(root, "var/log/maillog"), MTA: config.Auto, Start: config.End}
	cfg, _, err = Default(root, followed)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]config.Source{*followed}, cfg.Sources); diff != "" {
		t.Errorf("sources, with a state (-want +got):\n%s", diff)
	}
}
