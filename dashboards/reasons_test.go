package dashboards

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"smtp_reply_exporter/exporter/classify/reason"
	"smtp_reply_exporter/logparse"
)

var update = flag.Bool("update", false, "write what the tests compare with files")

const reasonsHeading = "## What a reason means\n"

// TestRunbookReasons tests that the runbook says of each reason what explain says.
func TestRunbookReasons(t *testing.T) {
	data, err := os.ReadFile("RUNBOOK.md")
	if err != nil {
		t.Fatal(err)
	}
	before, got, _ := strings.Cut(string(data), reasonsHeading)
	want := reasons()
	if *update {
		if err := os.WriteFile("RUNBOOK.md", []byte(before+reasonsHeading+want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != want {
		t.Error("the last section of RUNBOOK.md is not that of reason.AdviceOn; write it with go test ./dashboards -run TestRunbookReasons -update")
	}
}

// TestAlertsNameReasons tests that alerts for each reason lead to what the runbook says
// of it.
func TestAlertsNameReasons(t *testing.T) {
	for _, a := range rules(t, "alerts.yml") {
		perReason := strings.Contains(a.Annotations["description"], "$labels.reason")
		if got := a.Annotations["reason_url"]; perReason != strings.HasSuffix(got, "/RUNBOOK.md#{{ $labels.reason }}") || !perReason && got != "" {
			t.Errorf("%s: annotation reason_url %q", a.Alert, got)
		}
	}
}

// reasons returns the runbook's section on all reasons.
func reasons() string {
	var b strings.Builder
	b.WriteString("\n`smtp_reply_exporter explain` prints this for a reply or a log line, with the rule and the words that gave the reason.\n")
	for _, name := range reason.Names() {
		if name == reason.OK {
			continue
		}
		fmt.Fprintf(&b, "\n### %s\n", name)
		for _, dir := range []logparse.Direction{logparse.Sent, logparse.Received} {
			a, _ := reason.AdviceOn(dir, name)
			who := map[logparse.Direction]string{logparse.Sent: "We say it", logparse.Received: "Another server says it"}[dir]
			fmt.Fprintf(&b, "\n**%s.** %s Another attempt %s.\n\n", who, a.Meaning, map[string]string{
				"yes": "helps", "later": "helps once the cause is gone", "no": "does not help",
			}[a.Retry])
			for _, step := range a.Steps {
				fmt.Fprintf(&b, "- %s\n", step)
			}
		}
	}
	return b.String()
}
