// Package dashboards holds Grafana dashboards, Prometheus rules and examples of the
// configuration around them. The only Go code here is their tests.
package dashboards

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// boards returns the dashboards by file name.
func boards(t *testing.T) map[string]board {
	t.Helper()
	files, err := filepath.Glob("grafana/*.json")
	if err != nil || len(files) != 4 {
		t.Fatalf("dashboards %v, %v; want 4", files, err)
	}
	out := map[string]board{}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var d board
		if err := json.Unmarshal(b, &d); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		out[filepath.Base(file)] = d
	}
	return out
}

// all returns the panels, including those of closed rows.
func (b board) all() []panel {
	var out []panel
	for _, p := range b.Panels {
		out = append(append(out, p), p.Panels...)
	}
	return out
}

// concrete puts values in the place of Grafana's variables.
var concrete = strings.NewReplacer("$__rate_interval", "1h", "$__interval", "1h", "$__range", "1d",
	"$job", ".+", "$instance", ".+", "$source", ".+", "$host", ".*", "$mta", ".+", "$provider", ".+")

// expressions returns the PromQL of a dashboard by its place, with values instead of
// Grafana's variables.
func (b board) expressions() map[string]string {
	out := map[string]string{}
	for _, p := range b.all() {
		for _, target := range p.Targets {
			out["panel "+p.Title+" "+target.RefID] = concrete.Replace(target.Expr)
		}
	}
	for _, a := range b.Annotations.List {
		out["annotation "+a.Expr] = concrete.Replace(a.Expr)
	}
	for _, v := range b.Templating.List {
		if inner, ok := strings.CutPrefix(v.Definition, "label_values("); ok {
			metric, label, _ := strings.Cut(strings.TrimSuffix(inner, ")"), "}, ")
			if label == "" {
				metric, label, _ = strings.Cut(strings.TrimSuffix(inner, ")"), ", ")
			} else {
				metric += "}"
			}
			out["variable "+v.Name] = concrete.Replace(fmt.Sprintf("count by (%s) (%s)", label, metric))
		}
	}
	return out
}

type rule struct {
	Record, Alert, Expr string
	Labels, Annotations map[string]string
}

// rules returns the rules in a file.
func rules(t *testing.T, file string) []rule {
	t.Helper()
	var content struct{ Groups []struct{ Rules []rule } }
	decodeYAML(t, file, &content)
	var out []rule
	for _, g := range content.Groups {
		out = append(out, g.Rules...)
	}
	return out
}

func decodeYAML(t *testing.T, file string, into any) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(b, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

func TestBoards(t *testing.T) {
	uids := map[string]string{}
	for file, b := range boards(t) {
		t.Run(file, func(t *testing.T) {
			if other, ok := uids[b.UID]; ok || b.UID == "" {
				t.Errorf("uid %q is empty or that of %s", b.UID, other)
			}
			uids[b.UID] = file
			if b.Title == "" || b.Description == "" || b.SchemaVersion < 42 {
				t.Errorf("title %q, description %q, schema version %d", b.Title, b.Description, b.SchemaVersion)
			}
			if !slices.ContainsFunc(b.Links, func(l struct{ Type string }) bool { return l.Type == "dashboards" }) {
				t.Error("no links to the other dashboards")
			}
			if !slices.ContainsFunc(b.Annotations.List, func(a struct{ Expr string }) bool { return strings.HasPrefix(a.Expr, "ALERTS{") }) {
				t.Error("alerts are not shown")
			}
			var variables []string
			for _, v := range b.Templating.List {
				variables = append(variables, v.Name)
			}
			for _, v := range []string{"datasource", "job", "instance", "source"} {
				if !slices.Contains(variables, v) {
					t.Errorf("no variable %s", v)
				}
			}
			ids := map[int]bool{}
			for _, p := range b.all() {
				if p.ID == 0 || ids[p.ID] {
					t.Errorf("panel %q: id %d is not its own", p.Title, p.ID)
				}
				ids[p.ID] = true
				if p.GridPos.W == 0 || p.GridPos.X+p.GridPos.W > 24 {
					t.Errorf("panel %q stands outside of the grid: %+v", p.Title, p.GridPos)
				}
				if p.Type == "row" {
					continue
				}
				if p.Title == "" || p.Description == "" || p.FieldConfig.Defaults.Unit == "" || len(p.Targets) == 0 {
					t.Errorf("panel %d lacks one of title %q, description %q, unit %q, queries", p.ID, p.Title, p.Description, p.FieldConfig.Defaults.Unit)
				}
				if p.Datasource.UID != "${datasource}" {
					t.Errorf("panel %q: data source %q", p.Title, p.Datasource.UID)
				}
			}
		})
	}
}

// TestAlerts tests that every alert says what happens, how often and what to do, and that it
// fires in a rule test.
func TestAlerts(t *testing.T) {
	runbook, err := os.ReadFile("RUNBOOK.md")
	if err != nil {
		t.Fatal(err)
	}
	fires := map[string]bool{}
	for _, file := range ruleTests(t) {
		var content struct {
			Tests []struct {
				Alerts []struct {
					Name     string `yaml:"alertname"`
					Expected []any  `yaml:"exp_alerts"`
				} `yaml:"alert_rule_test"`
			}
		}
		decodeYAML(t, file, &content)
		for _, test := range content.Tests {
			for _, a := range test.Alerts {
				fires[a.Name] = fires[a.Name] || len(a.Expected) > 0
			}
		}
	}
	for _, a := range rules(t, "alerts.yml") {
		t.Run(a.Alert, func(t *testing.T) {
			if !slices.Contains([]string{"critical", "warning", "info"}, a.Labels["severity"]) || a.Labels["service"] != "mail" ||
				!slices.Contains([]string{"sent", "received", "exporter"}, a.Labels["area"]) {
				t.Errorf("labels %v", a.Labels)
			}
			// Alertmanager shows one summary for all alerts that it groups.
			if summary := a.Annotations["summary"]; !strings.HasSuffix(summary, ".") || strings.Contains(summary, "{{") {
				t.Errorf("summary %q is no constant sentence", summary)
			}
			if !strings.Contains(a.Annotations["description"], "$value") {
				t.Errorf("the text lacks the number: %v", a.Annotations)
			}
			if got := a.Annotations["runbook_url"]; !strings.HasSuffix(got, "/RUNBOOK.md#"+strings.ToLower(a.Alert)) {
				t.Errorf("runbook_url %q", got)
			}
			if !strings.Contains(string(runbook), "\n### "+a.Alert+"\n") {
				t.Error("RUNBOOK.md has no section for it")
			}
			if !fires[a.Alert] {
				t.Error("no test expects it to fire")
			}
		})
	}
}

func ruleTests(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("tests/*.yml")
	if err != nil || len(files) == 0 {
		t.Fatalf("rule tests %v, %v", files, err)
	}
	return files
}

// TestStackMounts tests that all files which the compose file mounts exist.
func TestStackMounts(t *testing.T) {
	var compose struct {
		Services map[string]struct{ Volumes []string }
		Volumes  map[string]any
	}
	decodeYAML(t, "stack/compose.yml", &compose)
	if len(compose.Services) != 4 {
		t.Fatalf("%d services, want 4", len(compose.Services))
	}
	for name, service := range compose.Services {
		for _, volume := range service.Volumes {
			source, _, _ := strings.Cut(volume, ":")
			if _, named := compose.Volumes[source]; named {
				continue
			}
			if _, err := os.Stat(filepath.Join("stack", source)); err != nil {
				t.Errorf("%s mounts what does not exist: %v", name, err)
			}
		}
	}
}
