// Command picture draws the main panels of the Overview dashboard from real data: it
// plays logs of the corpus through the exporter into a Prometheus. It must run in its
// own directory. Its argument is the PNG file to write.
//
// It uses the queries of the dashboard. It does not imitate Grafana's appearance.
package main

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"smtp_reply_exporter/cmd/replay"
)

// The logs cover a little more than the day in the picture, since the recording rules
// have no values soon after the exporter's start.
const (
	parts      = 60
	partLength = 30 * time.Minute
	shown      = 24 * time.Hour
	step       = 5 * time.Minute
)

// logs are logs of the corpus, by source.
var logs = map[string]string{"mx1": "syslog-traditional", "mx2": "hard-cases"}

// titles are the titles of the panels to draw.
var titles = []string{
	"Deliveries by code",
	"Shares of the deliveries",
	"451 and 452 received: share of the alert's threshold",
	"451 and 452 sent: share of the alert's threshold",
	"Replies received by code",
	"Replies sent by code",
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: picture FILE.png")
		os.Exit(2)
	}
	if err := run(context.Background(), os.Args[1]); err != nil {
		fmt.Fprintf(os.Stderr, "picture: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, file string) (err error) {
	panels, err := readPanels("../../dashboards/grafana/overview.json", titles)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "smtp_reply_exporter-picture-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	exporter := filepath.Join(dir, "smtp_reply_exporter")
	build := exec.CommandContext(ctx, "go", "build", "-o", exporter, "./cmd/smtp_reply_exporter")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the exporter: %w\n%s", err, out)
	}
	content := map[string][]byte{}
	for source, name := range logs {
		if content[source], err = unpack("../../logparse/testdata/corpus/postfix/" + name + ".log.gz"); err != nil {
			return err
		}
	}
	scrapes, err := replay.Record(ctx, dir, exporter, content, parts)
	if err != nil {
		return err
	}
	end := time.Now().UTC().Truncate(time.Hour)
	prometheus, err := replay.Backfill(ctx, dir, scrapes, replay.Until(end, parts, partLength, partLength), "../../dashboards/recording.yml")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, prometheus.Close()) }()
	for i := range panels {
		if err := panels[i].query(ctx, prometheus, end.Add(-shown), end); err != nil {
			return fmt.Errorf("%s: %w", panels[i].title, err)
		}
	}
	return draw(file, panels, end.Add(-shown), end)
}

func unpack(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return b, nil
}
