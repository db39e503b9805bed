package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

const directory = "../../dashboards"

// The files in the repository must be the output of this program.
func TestRules(t *testing.T) {
	files, err := generate(filepath.Join(directory, "thresholds.yml"))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(directory, name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what the program writes; run: make rules", name)
		}
	}
}

// Every threshold must be used.
func TestThresholds(t *testing.T) {
	var s settings
	content, err := os.ReadFile(filepath.Join(directory, "thresholds.yml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(content, &s); err != nil {
		t.Fatal(err)
	}
	for name := range s.Thresholds {
		if !regexp.MustCompile(`<%-? [^%]*\.` + name + `\b`).MatchString(recording + alerts) {
			t.Errorf("no rule uses %s", name)
		}
	}
	for name := range s.PerHost {
		if !strings.Contains(recording+alerts, "smtp:threshold:"+name) {
			t.Errorf("no rule uses smtp:threshold:%s", name)
		}
	}
}

func TestThresholdsThatAreWrong(t *testing.T) {
	content, err := os.ReadFile(filepath.Join(directory, "thresholds.yml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ name, old, new, want string }{
		{"one is missing", "  lack: ", "  lacks: ", "lack"},
		{"an unknown field", "job: ", "jobs: ", "jobs"},
		{"no number", "  growth: 2", "  growth: two", "two"},
		{"an alert that is not there", "  - SMTPReplyExporterDown", "  - SMTPReplyExporterGone", "SMTPReplyExporterGone"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "thresholds.yml")
			if err := os.WriteFile(file, bytes.Replace(content, []byte(tc.old), []byte(tc.new), 1), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := generate(file); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one that names %s", err, tc.want)
			}
		})
	}
}

// The manifest must hold all groups of both files, and the small set the alerts of the list.
func TestFiles(t *testing.T) {
	files, err := generate(filepath.Join(directory, "thresholds.yml"))
	if err != nil {
		t.Fatal(err)
	}
	groups := func(name string, nested bool) []string {
		var flat ruleFile
		var resource struct{ Spec ruleFile }
		var into any = &flat
		if nested {
			into = &resource
		}
		if err := yaml.Unmarshal(files[name], into); err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, g := range append(flat.Groups, resource.Spec.Groups...) {
			for _, r := range g.Rules {
				var rule struct{ Record, Alert, Expr string }
				if err := r.Decode(&rule); err != nil {
					t.Fatal(err)
				}
				names = append(names, g.Name+" "+g.Interval+" "+rule.Record+rule.Alert+" "+rule.Expr)
			}
		}
		return names
	}
	all := slices.Concat(groups("recording.yml", false), groups("alerts.yml", false))
	if !slices.Equal(groups("prometheusrule.yml", true), all) {
		t.Error("prometheusrule.yml lacks rules, or has others")
	}
	for _, r := range groups("alerts-small.yml", false) {
		if !slices.Contains(all, r) {
			t.Errorf("alerts.yml lacks the rule %s", r)
		}
	}
}
