package dashboards

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

func TestMain(m *testing.M) {
	// Prometheus' programs spend a third of their time in the garbage collector.
	os.Setenv("GOGC", "400")
	os.Exit(m.Run())
}

// need skips the test if a program of Prometheus' packages is not installed. In CI it fails
// the test instead.
func need(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("%v; install it: apt-get install prometheus prometheus-alertmanager", err)
		}
		t.Skipf("%v; to run this test: apt-get install prometheus prometheus-alertmanager", err)
	}
}

// run runs such a program and returns its standard output.
func run(t *testing.T, program string, args ...string) string {
	t.Helper()
	need(t, program)
	var out, problems strings.Builder
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		t.Errorf("%s %s: %v\n%s%s", program, strings.Join(args, " "), err, &out, &problems)
	}
	return out.String()
}

func TestRulesAreValid(t *testing.T) {
	run(t, "promtool", "check", "rules", "recording.yml", "alerts.yml", "watchdog.yml")
	run(t, "promtool", "check", "rules", "alerts-small.yml")
}

// timelines are the rule tests of many days.
var timelines = []string{"days.yml", "week.yml"}

func TestRules(t *testing.T) {
	for _, file := range ruleTests(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			if slices.Contains(timelines, filepath.Base(file)) && os.Getenv("FULL") == "" {
				t.Skip("takes minutes; make timelines runs it")
			}
			t.Parallel()
			run(t, "promtool", "test", "rules", file)
		})
	}
}

// TestRulesOfFleets runs the rule tests again with the labels host and cluster, as a source
// with hosts and a Prometheus of several clusters have them. The tests that name all labels
// of an alert are left out.
func TestRulesOfFleets(t *testing.T) {
	for _, name := range []string{"own_faults", "nothing_accepted", "deliveries"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile("tests/" + name + ".yml")
			if err != nil {
				t.Fatal(err)
			}
			directory, err := filepath.Abs(".")
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "fleet.yml")
			if err := os.WriteFile(file, []byte(inFleet(string(text), directory)), 0o600); err != nil {
				t.Fatal(err)
			}
			run(t, "promtool", "test", "rules", file)
		})
	}
}

var (
	anySeries  = regexp.MustCompile(`series: '(\w+)\{job=`)
	ofHost     = regexp.MustCompile(`series: 'smtp_(replies|refusals|deliveries|dialogue)`)
	alertNames = regexp.MustCompile(`group by \(`)
)

// inFleet adds cluster to all series and to what the expressions keep, and host to the
// series of mail.
func inFleet(text, directory string) string {
	text = strings.ReplaceAll(text, "[../recording.yml, ../alerts.yml]", "["+directory+"/recording.yml, "+directory+"/alerts.yml]")
	var out strings.Builder
	for line := range strings.Lines(text) {
		if ofHost.MatchString(line) {
			line = strings.Replace(line, "{job=", `{host="relay1", job=`, 1)
		}
		if anySeries.MatchString(line) || strings.Contains(line, "{host=") {
			line = strings.Replace(line, "job=", `cluster="east", job=`, 1)
		}
		line = alertNames.ReplaceAllString(line, "group by (cluster, ")
		line = strings.Replace(line, "{labels: '{alertname", `{labels: '{cluster="east", alertname`, 1)
		out.WriteString(line)
	}
	return out.String()
}

// TestQueriesAreValid checks the dashboards' queries as recording rules, because promtool
// can check those.
func TestQueriesAreValid(t *testing.T) {
	type record struct {
		Record string            `yaml:"record"`
		Expr   string            `yaml:"expr"`
		Labels map[string]string `yaml:"labels"`
	}
	var records []record
	for file, b := range boards(t) {
		for where, expr := range b.expressions() {
			records = append(records, record{"query", expr, map[string]string{"board": file, "where": where}})
		}
	}
	content, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "queries", "rules": records}}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "queries.yml")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, "promtool", "check", "rules", file)
}

func TestExamplesAreValid(t *testing.T) {
	run(t, "promtool", "check", "config", "prometheus.example.yml")
	run(t, "promtool", "check", "config", "--syntax-only", "stack/prometheus.yml")
	run(t, "amtool", "check-config", "alertmanager.example.yml")
	run(t, "amtool", "check-config", "stack/alertmanager.yml")
}
