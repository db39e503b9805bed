package pipeline_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"smtp_reply_exporter/exporter/classify"
	"smtp_reply_exporter/exporter/config"
	"smtp_reply_exporter/exporter/metrics"
	"smtp_reply_exporter/exporter/pipeline"
	"smtp_reply_exporter/exporter/source/follow"
	"smtp_reply_exporter/exporter/source/journal"
	"smtp_reply_exporter/exporter/state"
	"smtp_reply_exporter/exporter/web"
)

// unzip returns the content of a compressed file in testdata.
func unzip(t *testing.T, name string) []byte {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// restoreV1 returns a Pipeline that resumes from a state file of version 1. The exporter
// of commit 3ef6ec2 wrote the file, with state-v1.yaml, when it was terminated. It had
// five sources with logs of the corpus, a rotation, a truncation, lost lines, a folded
// family, and unfinished sessions and an unfinished line.
func restoreV1(t *testing.T, logged io.Writer) *pipeline.Pipeline {
	t.Helper()
	name := filepath.Join(t.TempDir(), "state")
	if err := os.WriteFile(name, unzip(t, "state-v1.gz"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load("testdata/state-v1.yaml")
	if err != nil {
		t.Fatal(err)
	}
	classifier, err := classify.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	file, payload, err := state.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	p, err := pipeline.New(cfg, classifier, slog.New(slog.NewTextHandler(logged, nil)), file, payload)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// scrape returns the samples of an answer to Prometheus.
func scrape(t *testing.T, p *pipeline.Pipeline) string {
	t.Helper()
	handler := web.NewHandler(web.Options{
		TelemetryPath: "/metrics", Registry: prometheus.NewRegistry(),
		Ready:  func() bool { return true },
		Counts: func(wait time.Duration) prometheus.Collector { return metrics.NewCollector(p.Commit(wait)) },
	})
	answer := httptest.NewRecorder()
	request := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	request.Header.Set("Accept", "application/openmetrics-text; version=1.0.0")
	handler.ServeHTTP(answer, request)
	return answer.Body.String()
}

// folded matches the samples of the only family that is not within the limits, which that
// exporter did not have.
var folded = regexp.MustCompile(`^smtp_replies_sent_detail_.*source="mail"|` +
	`^smtp_reply_exporter_(folded_total{family="smtp_replies_sent_detail_total",source="mail"|source_caught_up_timestamp_seconds{source="(mail|exim|relays)")`)

// refusal matches a refusal, of which that exporter had neither class nor reason.
var refusal = regexp.MustCompile(`^(smtp_refusals_without_code_(?:total|created)){(command="\w+",mta="\w+",peer="\w+"),(source="\w+"})`)

// labelled returns a sample as it is now. Refusals that did not happen are not there: ok
// is false.
func labelled(all, sample string) (now string, ok bool) {
	if m := refusal.FindStringSubmatch(sample); m != nil && strings.Contains(all, "smtp_refusals_without_code_total{"+m[2]+","+m[3]+" 0.0\n") {
		return "", false
	}
	return refusal.ReplaceAllString(sample, `$1{class="none",$2,reason="other",$3`), true
}

// TestStateV1Counts compares the counters and their created timestamps with that
// exporter's last answer. Series that it did not have are 0.
func TestStateV1Counts(t *testing.T) {
	was := map[string]bool{}
	all := string(unzip(t, "state-v1.metrics.gz"))
	for sample := range strings.Lines(all) {
		if sample, ok := labelled(all, sample); ok && saved(sample) && !folded.MatchString(sample) {
			was[sample] = true
		}
	}
	if len(was) < 2000 {
		t.Fatalf("only %d samples", len(was))
	}
	for sample := range strings.Lines(scrape(t, restoreV1(t, io.Discard))) {
		sample = strings.Replace(sample, `host="",`, "", 1) // it had none, which means the same
		switch {
		case !saved(sample) || folded.MatchString(sample):
		case was[sample]:
			delete(was, sample)
		case !strings.Contains(sample, "_created{") && !strings.HasSuffix(sample, " 0.0\n"):
			t.Errorf("new: %s", sample)
		}
	}
	for sample := range was {
		t.Errorf("lost: %s", sample)
	}
}

// TestStateV1Changed tests that the families which are not within the limits or lack labels
// are changed, that this is logged once, and that it is a catch-up.
func TestStateV1Changed(t *testing.T) {
	var logged bytes.Buffer
	now := time.Now()
	p := restoreV1(t, &logged)
	const said = `level=WARN msg="the state had more series than the limits allow, or lacked labels; counts were moved into the label value other" `
	want := []string{
		`source=mail families="[smtp_replies_sent_detail_total smtp_refusals_without_code_total]"`,
		`source=exim families=[smtp_refusals_without_code_total]`,
		`source=relays families=[smtp_refusals_without_code_total]`,
	}
	var got []string
	for line := range strings.Lines(logged.String()) {
		if _, what, ok := strings.Cut(line, said); ok {
			got = append(got, strings.TrimSpace(what))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, s := range p.Commit(pipeline.CommitTime).Sources {
		changed := s.Name == "mail" || s.Name == "exim" || s.Name == "relays"
		if got := s.CaughtUp.After(now); got != changed {
			t.Errorf("%s caught up: %v", s.Name, got)
		}
	}
}

// saved reports whether the state holds a sample. It does not hold samples of the
// process, of the state file, or of a source's current condition.
func saved(sample string) bool {
	const self = "smtp_reply_exporter_"
	for _, prefix := range []string{"#", self + "build_info", self + "config_", self + "state_", self + "source_up", self + "source_behind"} {
		if strings.HasPrefix(sample, prefix) {
			return false
		}
	}
	return strings.HasPrefix(sample, "smtp_")
}

// TestStateV1Positions tests that reading resumes where that exporter stopped.
func TestStateV1Positions(t *testing.T) {
	var positions struct {
		Files    []follow.Position
		Journals map[string]journal.Position
	}
	positions.Files, positions.Journals = restoreV1(t, io.Discard).Positions()
	got, err := json.MarshalIndent(positions, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/state-v1.positions.json")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)+"\n"); diff != "" {
		t.Errorf("positions (-want +got):\n%s", diff)
	}
}

// TestStateV1Parsers tests that a parser's state is restored, or that its loss is
// logged with the names of the source and the file.
func TestStateV1Parsers(t *testing.T) {
	var logged bytes.Buffer
	p := restoreV1(t, &logged)
	for path, source := range map[string]string{
		"/srv/postfix/mail.log": "mail", "/srv/exim/mainlog": "exim",
		"/srv/relays/haraka.log": "relays", "/srv/relays/opensmtpd.log": "relays", "/srv/relays/sendmail.log": "relays",
	} {
		lost := strings.Contains(logged.String(), `level=WARN msg="a parser lost its state" source=`+source+" file="+path+" ")
		if lost == p.Remembers(source, path) {
			t.Errorf("%s: lost %v; logged:\n%s", path, lost, &logged)
		}
	}
}
