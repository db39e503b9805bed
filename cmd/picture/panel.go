package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"smtp_reply_exporter/cmd/replay"
)

// A panel shows the highest curves, at most most of them, and none below the fraction
// least of the highest.
const (
	most  = 6
	least = 0.1
)

// A panel is a dashboard's panel with its data.
type panel struct {
	title, unit string
	targets     []target
	curves      []curve
}

type target struct{ Expr, LegendFormat string }

// A curve is a series. A threshold has the name of its curve.
type curve struct {
	name      string
	threshold bool
	points    []replay.Point
}

// readPanels returns the panels of a Grafana dashboard with these titles, in order.
func readPanels(file string, titles []string) ([]panel, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var board struct {
		Panels []struct {
			Title       string
			Targets     []target
			FieldConfig struct{ Defaults struct{ Unit string } }
		}
	}
	if err := json.Unmarshal(b, &board); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	var out []panel
	for _, title := range titles {
		for _, p := range board.Panels {
			if p.Title == title {
				out = append(out, panel{title: title, unit: p.FieldConfig.Defaults.Unit, targets: p.Targets})
			}
		}
	}
	if len(out) != len(titles) {
		return nil, fmt.Errorf("%s: %d of the panels %q", file, len(out), titles)
	}
	return out, nil
}

var (
	variables = strings.NewReplacer("$__rate_interval", "1h", "$job", ".+", "$instance", ".+", "$source", ".+", "$mta", ".+")
	legend    = regexp.MustCompile(`{{(\w+)}}`)
)

// query fills the panel's curves. It omits the past, since a day of data has almost
// none.
func (p *panel) query(ctx context.Context, prometheus *replay.Prometheus, from time.Time) error {
	var thresholds []curve
	for _, t := range p.targets {
		format, threshold := strings.CutPrefix(t.LegendFormat, "alert ")
		if strings.HasPrefix(format, "past ") {
			continue
		}
		series, err := prometheus.Query(ctx, variables.Replace(t.Expr), from)
		if err != nil {
			return err
		}
		for _, s := range series {
			name := legend.ReplaceAllStringFunc(format, func(label string) string { return s.Labels[strings.Trim(label, "{}")] })
			c := curve{name, threshold, s.Points}
			switch {
			case threshold:
				thresholds = append(thresholds, c)
			case c.highest() > 0:
				p.curves = append(p.curves, c)
			}
		}
	}
	slices.SortStableFunc(p.curves, func(a, b curve) int {
		return cmp.Or(cmp.Compare(b.highest(), a.highest()), cmp.Compare(a.name, b.name))
	})
	if len(p.curves) == 0 {
		return errors.New("no data")
	}
	floor := least * p.curves[0].highest()
	p.curves = slices.DeleteFunc(p.curves[:min(most, len(p.curves))], func(c curve) bool { return c.highest() < floor })
	for _, t := range thresholds {
		if slices.ContainsFunc(p.curves, func(c curve) bool { return c.name == t.name }) {
			p.curves = append(p.curves, t)
		}
	}
	return nil
}

func (c curve) highest() float64 {
	var highest float64
	for _, p := range c.points {
		highest = max(highest, p.Value)
	}
	return highest
}
