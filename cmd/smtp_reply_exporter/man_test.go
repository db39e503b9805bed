package main

import (
	"os"
	"regexp"
	"testing"
)

// TestManualPage finds the flags of all commands in the manual page.
func TestManualPage(t *testing.T) {
	page, err := os.ReadFile("../../packaging/man/smtp_reply_exporter.1")
	if err != nil {
		t.Fatal(err)
	}
	help, err := command(t, "--help-man").Output()
	if err != nil {
		t.Fatal(err)
	}
	flags := regexp.MustCompile(`\\fB(?:-h, )?--([a-z.-]+)`).FindAllStringSubmatch(string(help), -1)
	if len(flags) < 10 {
		t.Fatalf("%d flags in\n%s", len(flags), help)
	}
	for _, flag := range flags {
		if !regexp.MustCompile(`(?m)^\.It Fl .*-` + regexp.QuoteMeta(flag[1]) + `( |$)`).Match(page) {
			t.Errorf("--%s is not in the manual page", flag[1])
		}
	}
}
