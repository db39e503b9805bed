package replay

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// The labels of the target from which the scrapes seem to come.
const target = `job="smtp_reply_exporter",instance="mx1.example:10451"`

const (
	interval = 2 * time.Minute // between samples: a rate over 5m needs two
	ruleStep = 5 * time.Minute
	// promtool's default of 2h would make about twenty blocks, which is as slow as the
	// disk.
	blocks = "--max-block-duration=54h"
)

// A Past is the time that the scrapes seem to cover. The first two last for one sample each,
// as after the start of an exporter; then each lasts for Part, and the last one until End.
// Import needs no Part.
type Past struct {
	Start, End time.Time
	Part       time.Duration
}

// part returns the index of the scrape that lasts at a time.
func (p Past) part(at time.Time) int {
	if since := at.Sub(p.begin(2)); since >= 0 {
		return 2 + int(since/p.Part)
	}
	return int(at.Sub(p.Start) / interval)
}

// begin returns when a scrape begins to last.
func (p Past) begin(part int) time.Time {
	return p.Start.Add(time.Duration(min(part, 2))*interval + time.Duration(max(part-2, 0))*p.Part)
}

// Until returns the past of a number of parts whose last one has lasted for a time at its
// end.
func Until(end time.Time, parts int, part, last time.Duration) Past {
	start := end.Add(-last - 2*interval - time.Duration(parts-2)*part)
	return Past{Start: start, End: end, Part: part}
}

// A Prometheus is a running Prometheus server that holds a past.
type Prometheus struct {
	past    Past
	address string
	stop    func() error
}

// Backfill starts the host's Prometheus with the scrapes, spread over past, and the
// results of the recording rules in the file rules. It creates files in dir, which the
// caller removes after Close.
func Backfill(ctx context.Context, dir string, scrapes []Scrape, past Past, rules string) (*Prometheus, error) {
	samples := filepath.Join(dir, "samples")
	if err := write(samples, scrapes, past); err != nil {
		return nil, err
	}
	return Import(ctx, dir, []string{samples}, past, rules)
}

// Import is Backfill of samples that are in files of OpenMetrics text.
func Import(ctx context.Context, dir string, samples []string, past Past, rules string) (*Prometheus, error) {
	tsdb := filepath.Join(dir, "tsdb")
	for _, file := range samples {
		if err := promtool(ctx, dir, "tsdb", "create-blocks-from", blocks, "openmetrics", file, tsdb); err != nil {
			return nil, err
		}
	}
	text, err := os.ReadFile(rules)
	if err != nil {
		return nil, err
	}
	levels, err := byLevel(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", rules, err)
	}
	// A rule sees the results of other rules only after the next start.
	for i, level := range levels {
		// The name decides when within a step promtool evaluates, so it is the same each time.
		file := fmt.Sprintf("rules%d.yml", i)
		if err := os.WriteFile(filepath.Join(dir, file), level, 0o600); err != nil {
			return nil, err
		}
		p, err := serve(ctx, dir, past)
		if err != nil {
			return nil, err
		}
		err = promtool(ctx, dir, "tsdb", "create-blocks-from", blocks, "rules", "--url=http://"+p.address, "--output-dir="+tsdb,
			fmt.Sprintf("--start=%d", past.Start.Unix()), fmt.Sprintf("--end=%d", past.End.Unix()), file)
		if err = errors.Join(err, p.Close()); err != nil {
			return nil, err
		}
	}
	return serve(ctx, dir, past)
}

// Close stops the Prometheus.
func (p *Prometheus) Close() error { return p.stop() }

func serve(ctx context.Context, dir string, past Past) (*Prometheus, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(config, nil, 0o600); err != nil {
		return nil, err
	}
	stop, err := start(ctx, address+"/-/ready", "prometheus", "--config.file="+config,
		"--storage.tsdb.path="+filepath.Join(dir, "tsdb"), "--web.listen-address="+address)
	if err != nil {
		return nil, err
	}
	return &Prometheus{past: past, address: address, stop: stop}, nil
}

func promtool(ctx context.Context, dir string, args ...string) error {
	cmd := exec.CommandContext(ctx, "promtool", args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("promtool %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

// write writes the past as OpenMetrics, with each part's scrape once per interval. It
// shifts the values of timestamp metrics together with their scrape.
func write(file string, scrapes []Scrape, past Past) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriter(f)
	for at := past.Start; !at.After(past.End); at = at.Add(interval) {
		i := min(past.part(at), len(scrapes)-1)
		fmt.Fprintf(w, "up{%s} 1 %d\n", target, at.Unix())
		for line := range strings.Lines(string(scrapes[i].Text)) {
			// No rule or dashboard uses the histograms, which are most of the series.
			if line[0] == '#' || strings.Contains(line, "_bucket{") {
				continue
			}
			space := strings.LastIndexByte(line, ' ')
			series, value := line[:space], strings.TrimSpace(line[space:])
			name, labels, labelled := strings.Cut(series, "{")
			if !labelled {
				labels = "}"
			} else {
				labels = "," + labels
			}
			if strings.HasSuffix(name, "_timestamp_seconds") {
				seconds, err := strconv.ParseFloat(value, 64)
				if err != nil {
					return fmt.Errorf("%s: %w", series, err)
				}
				then := time.UnixMilli(int64(seconds * 1000))
				value = strconv.FormatInt(past.begin(index(scrapes, then)).Unix(), 10)
			}
			fmt.Fprintf(w, "%s{%s%s %s %d\n", name, target, labels, value, at.Unix())
		}
	}
	fmt.Fprint(w, "# EOF\n")
	return errors.Join(w.Flush(), f.Close())
}

// A Series is one series in the result of a query.
type Series struct {
	Labels map[string]string
	Points []Point
}

// A Point is a value at a time.
type Point struct {
	At    time.Time
	Value float64
}

// Query evaluates PromQL at every step of the time from from to to, which may be after the
// past.
func (p *Prometheus) Query(ctx context.Context, promql string, from, to time.Time, step time.Duration) ([]Series, error) {
	body, err := get(ctx, fmt.Sprintf("http://%s/api/v1/query_range?query=%s&start=%d&end=%d&step=%d", p.address,
		url.QueryEscape(promql), from.Unix(), to.Unix(), int(step.Seconds())))
	if err != nil {
		return nil, err
	}
	var answer struct {
		Data struct {
			Result []struct {
				Metric map[string]string
				Values [][2]any
			}
		}
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, err
	}
	var out []Series
	for _, r := range answer.Data.Result {
		s := Series{Labels: r.Metric}
		for _, v := range r.Values {
			seconds, ok := v[0].(float64)
			value, err := strconv.ParseFloat(fmt.Sprint(v[1]), 64)
			if err != nil || !ok {
				return nil, fmt.Errorf("sample %v", v)
			}
			s.Points = append(s.Points, Point{time.UnixMilli(int64(seconds * 1000)), value})
		}
		out = append(out, s)
	}
	return out, nil
}

// Labels returns the label names of every metric, by metric name. Names may occur more
// than once.
func (p *Prometheus) Labels(ctx context.Context) (map[string][]string, error) {
	body, err := get(ctx, fmt.Sprintf("http://%s/api/v1/series?match[]=%s&start=%d&end=%d", p.address,
		url.QueryEscape(`{__name__!=""}`), p.past.Start.Unix(), p.past.End.Unix()))
	if err != nil {
		return nil, err
	}
	var answer struct{ Data []map[string]string }
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, err
	}
	out := map[string][]string{}
	for _, series := range answer.Data {
		name := series["__name__"]
		for label := range series {
			out[name] = append(out[name], label)
		}
	}
	return out, nil
}
