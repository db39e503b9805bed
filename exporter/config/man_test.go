package config

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// TestManualPage finds the fields of the configuration in its manual page.
func TestManualPage(t *testing.T) {
	page, err := os.ReadFile("../../packaging/man/smtp_reply_exporter.5")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, field := range regexp.MustCompile("`yaml:\"([a-z_]+)").FindAllStringSubmatch(string(source), -1) {
			found++
			if !regexp.MustCompile(`\b` + field[1] + `\b`).Match(page) {
				t.Errorf("%s is not in the manual page", field[1])
			}
		}
	}
	if found < 20 {
		t.Errorf("%d fields", found)
	}
}
