package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"smtp_reply_exporter/exporter/config"
	"smtp_reply_exporter/exporter/counter"
	"smtp_reply_exporter/exporter/metrics"
	"smtp_reply_exporter/logparse"
)

// historyFlags are the flags of parse for --output=openmetrics.
type historyFlags struct {
	labels *[]string
	step   *time.Duration
	until  *string
}

const defaultStep = time.Minute // the interval of the recording rules

func addHistoryFlags(cmd *kingpin.CmdClause) historyFlags {
	return historyFlags{
		labels: cmd.Flag("label", "For openmetrics: a label of all series, such as job=smtp_reply_exporter and instance=mx1.example:10451, which Prometheus gives the exporter; source=NAME if it is not mail or the configuration's. Repeat it for more labels.").
			PlaceHolder("NAME=VALUE").Strings(),
		step:  cmd.Flag("step", "For openmetrics: time between samples, at most 2m.").Default(defaultStep.String()).Duration(),
		until: cmd.Flag("until", "For openmetrics: end of the history, as RFC 3339 or in seconds since 1970: when the exporter began to count. By default, now.").String(),
	}
}

// check returns an error if there are flags for openmetrics although the output is another.
func (f *historyFlags) check(output string) error {
	if output != "openmetrics" && (len(*f.labels) > 0 || *f.step != defaultStep || *f.until != "") {
		return errors.New("--label, --step and --until are for --output=openmetrics only")
	}
	return nil
}

// newHistory returns a history of a source, which it writes to out. The source is nil if
// there is no configuration.
func (f *historyFlags) newHistory(s *config.Source, out io.Writer) (*history, error) {
	until, err := parseUntil(*f.until)
	if err != nil {
		return nil, err
	}
	if *f.step < time.Second || *f.step > longestStep {
		return nil, fmt.Errorf("--step: %s is not from 1s to %s, the longest at which a rate over 5 minutes has the two samples it needs", *f.step, longestStep)
	}
	labels, err := parseLabels(*f.labels)
	if err != nil {
		return nil, err
	}
	h := &history{name: "mail", step: *f.step, until: until, notUnderstood: shapes{}} // mail as in serve without a configuration
	var hosts counter.Hosts
	if s != nil {
		h.name, hosts = s.Name, counter.Hosts{Any: s.AllHosts, Names: s.HostNames}
	} else if name := labels[sourceLabel]; name != "" {
		h.name = name
	}
	delete(labels, sourceLabel)
	h.counts = counter.NewSource(nil, hosts, time.Time{})
	h.out = metrics.NewHistory(out, labels)
	return h, nil
}

// sourceLabel is the label of all series of a source.
const sourceLabel = "source"

// parseUntil parses the flag --until. The default is now.
func parseUntil(flag string) (time.Time, error) {
	if flag == "" {
		return time.Now(), nil
	}
	if at, err := time.Parse(time.RFC3339, flag); err == nil {
		return at, nil
	}
	seconds, err := strconv.ParseFloat(flag, 64)
	if err != nil || !(seconds > 0 && seconds < 1e11) {
		return time.Time{}, fmt.Errorf("--until: %q is not a time; use one such as 2026-11-23T14:16:23Z, or seconds since 1970", flag)
	}
	return time.UnixMilli(int64(seconds * 1000)), nil
}

// parseLabels parses the flags --label.
func parseLabels(flags []string) (map[string]string, error) {
	labels := map[string]string{}
	for _, flag := range flags {
		name, value, ok := strings.Cut(flag, "=")
		if !ok || value == "" {
			return nil, fmt.Errorf("--label: %q has no value; use one such as job=smtp_reply_exporter", flag)
		}
		if _, given := labels[name]; given {
			return nil, fmt.Errorf("--label: %s is given twice", name)
		}
		if name != sourceLabel {
			if err := metrics.CheckLabel(name, value); err != nil {
				return nil, fmt.Errorf("--label: %w", err)
			}
		}
		labels[name] = value
	}
	for _, name := range []string{"job", "instance"} {
		if labels[name] == "" {
			return nil, fmt.Errorf("--label %s=... is missing; give the labels that Prometheus gives the exporter, so that its series go on from the history", name)
		}
	}
	return labels, nil
}

// source returns the source that --label names or that all files belong to; nil if there
// is none in the configuration.
func (f *historyFlags) source(cfg *config.Config, files []string) (*config.Source, error) {
	for _, flag := range *f.labels {
		if name, ok := strings.CutPrefix(flag, sourceLabel+"="); ok {
			return sourceNamed(cfg, name)
		}
	}
	if len(cfg.Sources) == 0 {
		return nil, nil
	}
	var all *config.Source
	for _, file := range files {
		s := ownerOf(cfg.Sources, file)
		switch {
		case s == nil:
			return nil, fmt.Errorf("%s belongs to no source of the configuration; name one: --label %s=%s", file, sourceLabel, cfg.Sources[0].Name)
		case all != nil && s != all:
			return nil, fmt.Errorf("%s belongs to the source %s, and files before it to %s; write a history of each", file, s.Name, all.Name)
		}
		all = s
	}
	return all, nil
}

// sourceNamed returns the source with a name; nil if there is no configuration, which
// knows the names.
func sourceNamed(cfg *config.Config, name string) (*config.Source, error) {
	var names []string
	for i := range cfg.Sources {
		if cfg.Sources[i].Name == name {
			return &cfg.Sources[i], nil
		}
		names = append(names, cfg.Sources[i].Name)
	}
	if len(names) == 0 {
		return nil, nil
	}
	return nil, fmt.Errorf("--label: the source %q is not one of %s", name, strings.Join(names, ", "))
}

// readHistory reads files in the order in which they were written, and writes their history
// to out.
func (p *parseCommand) readHistory(in *logReader, cfg *config.Config, files []string, out io.Writer, year int, zone *time.Location) (*history, error) {
	s, err := p.history.source(cfg, files)
	if err != nil {
		return nil, err
	}
	h, err := p.history.newHistory(s, out)
	if err != nil {
		return nil, err
	}
	newParser := func() *logparse.Parser { return p.newParser(cfg, s) }
	if files, h.parts, err = inOrder(files, year, zone, newParser); err != nil {
		return nil, err
	}
	parser := newParser()
	in.parserOf = func(string) *logparse.Parser { return parser }
	in.report = h
	if err := in.readAll(files); err != nil {
		return nil, err
	}
	return h, h.end()
}
