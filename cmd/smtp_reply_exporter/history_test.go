package main

import (
	"bytes"
	"cmp"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
)

const (
	rejected = " mx1 postfix/smtpd[698]: NOQUEUE: reject: RCPT from unknown[203.0.113.7]: 451 4.7.1 no; from=<a@src.example> to=<bob@dest.example> proto=ESMTP helo=<pc>\n"
	ownLabel = `{instance="mx1:10451",job="mail",`
)

// historyOf runs parse for a history and returns the samples of a series, such as
// "11-23 14:17:00 1". It returns the text, too, and what is said on stderr.
func historyOf(t *testing.T, series string, args ...string) (samples []string, stdout, stderr string) {
	t.Helper()
	cmd := command(t, append([]string{
		"parse", "--output=openmetrics", "--label=job=mail", "--label=instance=mx1:10451", "--timezone=UTC",
	}, args...)...)
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	_ = cmd.Run() // stderr says what failed
	for line := range strings.Lines(out.String()) {
		fields := strings.Fields(line)
		if len(fields) != 3 || fields[0] != series {
			continue
		}
		seconds, err := strconv.ParseFloat(fields[2], 64)
		if err != nil {
			t.Fatal(err)
		}
		at := time.UnixMilli(int64(seconds*1000 + 0.5)).UTC()
		samples = append(samples, at.Format("06-01-02 15:04:05.999")+" "+fields[1])
	}
	return samples, out.String(), strings.ReplaceAll(problems.String(), name+": ", "")
}

// repliesSeries are the lines with replies.
const repliesSeries = "smtp_reply_exporter_source_lines_total" + ownLabel + `result="reply",source="mail"}`

var histories = []struct {
	name, log string
	args      []string
	series    string // "" for repliesSeries
	want      []string
	stderr    string // what it must contain
}{
	{
		name: "a sample has what was logged before its second; the first count follows a 0",
		log:  "Nov 23 14:16:59" + rejected + "Nov 23 14:17:00" + rejected + "Nov 23 14:19:01" + rejected,
		want: []string{"26-11-23 14:16:00 0", "26-11-23 14:17:00 1", "26-11-23 14:18:00 2", "26-11-23 14:19:00 2", "26-11-23 14:20:00 3"},
	},
	{
		name: "step",
		log:  "Nov 23 14:16:10" + rejected + "Nov 23 14:16:40" + rejected,
		args: []string{"--step=30s"},
		want: []string{"26-11-23 14:16:00 0", "26-11-23 14:16:30 1", "26-11-23 14:17:00 2"},
	},
	{
		name:   "the end is before until, and the lines from then on are left out",
		log:    "Nov 23 14:16:10" + rejected + "Nov 23 14:16:40" + rejected + "Nov 23 14:16:50" + rejected,
		args:   []string{"--until=2026-11-23T14:16:45Z"},
		want:   []string{"26-11-23 14:15:44.999 0", "26-11-23 14:16:44.999 2"},
		stderr: "lines left out because they are not from before 2026-11-23T14:16:45Z (--until): 1",
	},
	{
		name: "until in seconds",
		log:  "Nov 23 14:16:10" + rejected,
		args: []string{"--until=1795443390.5"},
		want: []string{"26-11-23 14:15:30.499 0", "26-11-23 14:16:30.499 1"},
	},
	{
		name:   "a line that comes late counts at the time of the latest",
		log:    "Nov 23 14:16:10" + rejected + "Nov 23 14:18:10" + rejected + "Nov 23 14:16:40" + rejected + "Nov 23 14:18:05" + rejected,
		want:   []string{"26-11-23 14:16:00 0", "26-11-23 14:17:00 1", "26-11-23 14:18:00 1", "26-11-23 14:19:00 4"},
		stderr: "lines logged up to 1m30s before the lines above them: 1;",
	},
	{
		name:   "a line without a time counts at the time of the line above",
		log:    "Nov 23 14:16:10" + rejected + "postfix/smtpd[698]:" + strings.TrimPrefix(rejected, " mx1 postfix/smtpd[698]:"),
		want:   []string{"26-11-23 14:16:00 0", "26-11-23 14:17:00 2"},
		stderr: "lines without a time that can be read: 1;",
	},
	{
		name: "no samples in a day without a line",
		log:  "2026-11-20T10:00:01Z" + rejected + "2026-11-23T14:16:10Z" + rejected,
		want: []string{"26-11-20 10:00:00 0", "26-11-20 10:01:00 1", "26-11-23 14:16:00 1", "26-11-23 14:17:00 2"},
	},
	{
		name: "New Year",
		log:  "Dec 31 23:59:50" + rejected + "Jan  1 00:00:10" + rejected + "Dec 31 23:59:59" + rejected + "Jan  1 00:00:11" + rejected,
		args: []string{"--year=2024"},
		want: []string{"24-12-31 23:59:00 0", "25-01-01 00:00:00 1", "25-01-01 00:01:00 4"},
	},
	{
		name: "29 February",
		log:  "Feb 29 12:00:10" + rejected,
		want: []string{"24-02-29 12:00:00 0", "24-02-29 12:01:00 1"},
	},
	{
		name:   "another name of the source",
		log:    "Nov 23 14:16:10" + rejected,
		args:   []string{"--label=source=journal"},
		series: strings.ReplaceAll(repliesSeries, `source="mail"`, `source="journal"`),
		want:   []string{"26-11-23 14:16:00 0", "26-11-23 14:17:00 1"},
	},
}

func TestHistory(t *testing.T) {
	for _, tt := range histories {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			log := write(t, "mail.log", tt.log)
			written := time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)
			if err := os.Chtimes(log, written, written); err != nil {
				t.Fatal(err)
			}
			got, text, stderr := historyOf(t, cmp.Or(tt.series, repliesSeries), append(tt.args, log)...)
			if diff := gocmp.Diff(tt.want, got); diff != "" {
				t.Errorf("samples (-want +got):\n%s", diff)
			}
			if !strings.Contains(stderr, tt.stderr) || !strings.HasSuffix(text, "\n# EOF\n") {
				t.Errorf("stderr %q lacks %q, or the text has no end:\n%s", stderr, tt.stderr, text)
			}
		})
	}
}

// The parts of a log are read in the order of their times.
func TestHistoryOfParts(t *testing.T) {
	dir := t.TempDir()
	for file, log := range map[string]string{
		"mail.log":   "Jan  2 00:00:10" + rejected,
		"mail.log.1": "Dec 31 23:59:10" + rejected + "Jan  1 00:00:10" + rejected,
		"mail.log.2": "Dec 30 23:58:10" + rejected,
		"mail.log.3": "",
	} {
		path := filepath.Join(dir, file)
		if err := os.WriteFile(path, []byte(log), 0o600); err != nil {
			t.Fatal(err)
		}
		written := time.Date(2026, 1, 2, 0, 1, 0, 0, time.UTC)
		if err := os.Chtimes(path, written, written); err != nil {
			t.Fatal(err)
		}
	}
	paths := func(names ...string) (all []string) {
		for _, name := range names {
			all = append(all, filepath.Join(dir, name))
		}
		return all
	}
	got, _, stderr := historyOf(t, repliesSeries, paths("mail.log", "mail.log.3", "mail.log.1", "mail.log.2")...)
	if len(got) == 0 || got[0] != "25-12-30 23:58:00 0" || got[len(got)-1] != "26-01-02 00:01:00 4" || strings.Contains(stderr, "before the lines above") {
		t.Errorf("%v, stderr %s", got, stderr)
	}
	_, text, stderr := historyOf(t, repliesSeries, paths("mail.log", "mail.log.4")...)
	if !strings.HasSuffix(text, "\n# EOF\n") || !strings.HasSuffix(stderr, "mail.log.4: no such file or directory\n") {
		t.Errorf("with a part missing: stderr %s, text\n%s", stderr, text)
	}
}

func TestHistoryErrors(t *testing.T) {
	good := write(t, "mail.log", "Nov 23 14:16:10"+rejected)
	config := write(t, "config.yaml", "sources: [{name: a, file: /var/log/a.log}, {name: b, file: '"+filepath.Dir(good)+"/*.log'}]\n")
	labelled := func(flags ...string) []string { return append(flags, "--label=job=mail", "--label=instance=mx1") }
	for _, tt := range []struct {
		name  string
		flags []string
		files []string // besides the good one; nil for that one alone
		want  string
	}{
		{"no instance", []string{"--label=job=mail"}, nil, "--label instance=... is missing; give the labels that Prometheus gives the exporter, so that its series go on from the history"},
		{"no value", labelled("--label=site"), nil, `--label: "site" has no value; use one such as job=smtp_reply_exporter`},
		{"a label twice", labelled("--label=job=other"), nil, "--label: job is given twice"},
		{"no name", labelled("--label=my-job=a"), nil, `--label: "my-job" is not the name of a label; use letters, digits and _, such as job`},
		{"Prometheus' own", labelled("--label=__name__=a"), nil, `--label: "__name__" is not the name of a label; use letters, digits and _, such as job`},
		{"the exporter's own", labelled("--label=code=a"), nil, `--label: "code" is a label of the exporter's own; name it in another way`},
		{"step", labelled("--step=5m"), nil, "--step: 5m0s is not from 1s to 2m0s, the longest at which a rate over 5 minutes has the two samples it needs"},
		{"until", labelled("--until=yesterday"), nil, `--until: "yesterday" is not a time; use one such as 2026-11-23T14:16:23Z, or seconds since 1970`},
		{"all after", labelled("--until=2026-01-01T00:00:00Z"), nil, "no line is from before 2026-01-01T00:00:00Z; check --until, --year and --timezone"},
		{"unknown source", labelled("--config.file="+config, "--label=source=c"), nil, `--label: the source "c" is not one of a, b`},
		{"no source", labelled("--config.file=" + config), []string{write(t, "mail", "")}, "mail belongs to no source of the configuration; name one: --label source=a"},
		{"two sources", labelled("--config.file=" + config), []string{"/var/log/a.log.1"}, "mail.log belongs to the source b, and files before it to a; write a history of each"},
		{"a file twice", labelled(), []string{good}, "mail.log is given twice"},
		{
			"not one log", labelled(),
			[]string{write(t, "other.log", "Nov 23 12:16:10"+rejected+"Nov 23 18:16:10"+rejected)},
			"mail.log begins at 2026-11-23T14:16:10Z, while other.log goes on to 2026-11-23T18:16:10Z: they are not parts of one log; write a history of each, or merge them by time first",
		},
		{"no time", labelled(), []string{write(t, "none.log", "postfix/smtpd[698]: connect\n")}, "none.log: no line has a time that can be read; without times there is no history"},
		{"standard input", labelled(), []string{"-"}, "standard input cannot be put in the order of time with files; give - alone"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			args := append([]string{"parse", "--output=openmetrics", "--timezone=UTC", "--year=2026"}, tt.flags...)
			_, err := run(t, append(append(args, tt.files...), good)...)
			if err == nil {
				t.Fatal("no error")
			}
			got := err.Error()
			for _, word := range strings.Fields(got) {
				if filepath.IsAbs(word) {
					got = strings.ReplaceAll(got, filepath.Dir(word)+"/", "")
				}
			}
			if got != tt.want {
				t.Errorf("error %q, want %q", got, tt.want)
			}
		})
	}
	want := "no line has a time that can be read; without times there is no history"
	if _, err := run(t, append([]string{"parse", "--output=openmetrics", write(t, "empty.log", "")}, labelled()...)...); err == nil || err.Error() != want {
		t.Errorf("an empty file: error %v, want %s", err, want)
	}
	want = "--label, --step and --until are for --output=openmetrics only"
	if _, err := run(t, "parse", "--output=json", "--step=30s", good); err == nil || err.Error() != want {
		t.Errorf("another output: error %v, want %s", err, want)
	}
}
