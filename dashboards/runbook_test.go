package dashboards

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// between returns the part of the runbook from one text to another.
func between(t *testing.T, from, to string) string {
	t.Helper()
	data, err := os.ReadFile("RUNBOOK.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(data), from)
	part, _, ended := strings.Cut(rest, to)
	if !found || !ended {
		t.Fatalf("RUNBOOK.md has no part from %q to %q", from, to)
	}
	return part
}

// TestRunbookAlerts tests that the runbook has one section for each alert, and no others.
func TestRunbookAlerts(t *testing.T) {
	var want, got []string
	for _, a := range append(rules(t, "alerts.yml"), rules(t, "watchdog.yml")...) {
		want = append(want, a.Alert)
	}
	for _, heading := range regexp.MustCompile(`(?m)^### (.*)$`).FindAllStringSubmatch(between(t, "\n## What our server answers\n", reasonsHeading), -1) {
		got = append(got, heading[1])
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(slices.Compact(want), got); diff != "" {
		t.Errorf("-alerts +sections of RUNBOOK.md:\n%s", diff)
	}
}

// TestRunbookTasks tests that the tasks which the sections name are in the table, for each
// MTA.
func TestRunbookTasks(t *testing.T) {
	bold := regexp.MustCompile(`\*\*([^*]*)\*\*`)
	var tasks []string
	for line := range strings.Lines(between(t, "|---|---|---|---|---|\n", "\n\n")) {
		line = strings.ReplaceAll(line, `\|`, "")
		if n := strings.Count(line, "|"); n != 6 {
			t.Errorf("%d columns: %s", n-1, line)
		}
		if slices.Contains(strings.Split(strings.TrimSpace(line), "|")[1:6], " ") {
			t.Errorf("an empty cell: %s", line)
		}
		for _, task := range bold.FindAllStringSubmatch(line, -1) {
			tasks = append(tasks, task[1])
		}
	}
	link := regexp.MustCompile(`\[([^]]*)\]\(#the-same-task-on-each-mta\)`)
	for _, named := range link.FindAllStringSubmatch(between(t, "\n## What our server answers\n", reasonsHeading), -1) {
		if task := strings.ToLower(named[1]); !slices.Contains(tasks, task) {
			t.Errorf("no task %q in the table", task)
		}
	}
}

// TestRunbookReplies runs the runbook's function on a log.
func TestRunbookReplies(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "smtp_reply_exporter"), "../cmd/smtp_reply_exporter")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	function := between(t, "```sh\n# replies ", "```")
	for _, tc := range []struct{ log, arguments, last string }{
		{"postfix/hard-cases", "text sent 452", `6 "text":"452 4.3.2 <>: Recipient address rejected: policy store full (IP)"`},
		{"postfix/hard-cases", "text received '4..' rate_limited", `400 "text":"451 4.7.500 Server busy. Please try again later from [IP]. (S77714)"`},
		{"exim/default-selector", "text received '[45]..'", `18 "text":"452 space shortage, please try later"`},
		{"sendmail/coverage-loglevel9-traditional", "text sent '5..'", `48 "text":"User unknown"`},
		{"opensmtpd/coverage-traditional", "remote received '4..'", `120 "remote":"gmail-smtp-in.l.google.com"`},
	} {
		script := "maillog() { zcat ../logparse/testdata/corpus/" + tc.log + ".log.gz; }\n# " + function + "\nreplies " + tc.arguments
		cmd := exec.Command("sh", "-c", script)
		cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
		out, err := cmd.CombinedOutput()
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		if last := strings.TrimSpace(lines[len(lines)-1]); err != nil || last != tc.last || len(lines) > 10 {
			t.Errorf("%s: replies %s: %v, want %s last:\n%s", tc.log, tc.arguments, err, tc.last, out)
		}
	}
}
