package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image/color"
	"math"
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
	most  = 9
	least = 0.02
)

// A panel is a dashboard's panel with its data.
type panel struct {
	title, unit string
	stacked     bool
	limit       bool // from 1 on is an alert
	targets     []target
	paints      []paint
	curves      []curve // the highest first
}

type target struct{ Expr, LegendFormat string }

// A paint is the colour of the curves whose names match.
type paint struct {
	pattern *regexp.Regexp
	colour  color.RGBA
}

type curve struct {
	name   string
	points []replay.Point
}

// A boardPanel is what the picture uses of a panel in a dashboard's file.
type boardPanel struct {
	Title       string
	Targets     []target
	Panels      []boardPanel // of a closed row
	FieldConfig struct {
		Defaults struct {
			Unit   string
			Custom struct {
				Stacking        struct{ Mode string }
				ThresholdsStyle struct{ Mode string }
			}
		}
		Overrides []struct {
			Matcher    struct{ Options string }
			Properties []struct {
				ID    string
				Value any
			}
		}
	}
}

// readPanels returns the panels of a Grafana dashboard with these titles, in order.
func readPanels(file string, titles []string) ([]panel, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var board boardPanel
	if err := json.Unmarshal(b, &board); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	all := board.Panels
	for _, p := range board.Panels {
		all = append(all, p.Panels...)
	}
	var out []panel
	for _, title := range titles {
		for _, p := range all {
			if p.Title == title {
				d := p.FieldConfig.Defaults
				out = append(out, panel{
					title: title, unit: d.Unit, targets: p.Targets, paints: p.paints(),
					stacked: d.Custom.Stacking.Mode == "normal", limit: d.Custom.ThresholdsStyle.Mode != "",
				})
			}
		}
	}
	if len(out) != len(titles) {
		return nil, fmt.Errorf("%s: %d of the panels %q", file, len(out), titles)
	}
	return out, nil
}

// paints returns the fixed colours of a panel's series.
func (p boardPanel) paints() []paint {
	var out []paint
	for _, o := range p.FieldConfig.Overrides {
		for _, property := range o.Properties {
			value, _ := property.Value.(map[string]any)
			var c color.RGBA
			if _, err := fmt.Sscanf(fmt.Sprint(value["fixedColor"]), "#%02x%02x%02x", &c.R, &c.G, &c.B); err != nil {
				continue // another property
			}
			c.A = 0xff
			out = append(out, paint{regexp.MustCompile(strings.Trim(o.Matcher.Options, "/")), c})
		}
	}
	return out
}

// colour returns the colour of a curve. As in Grafana, the last one that matches counts.
func (p panel) colour(name string) color.RGBA {
	out := color.RGBA{0x7d, 0x86, 0x94, 0xff}
	for _, paint := range p.paints {
		if paint.pattern.MatchString(name) {
			out = paint.colour
		}
	}
	return out
}

var (
	variables = strings.NewReplacer("$__rate_interval", "1h", "$__interval", "30m", "$__range", "1d",
		"$job", ".+", "$instance", ".+", "$source", ".+", "$host", ".*", "$mta", ".+")
	legend = regexp.MustCompile(`{{(\w+)}}`)
)

// query fills the panel's curves.
func (p *panel) query(ctx context.Context, prometheus *replay.Prometheus, from, to time.Time) error {
	for _, t := range p.targets {
		series, err := prometheus.Query(ctx, variables.Replace(t.Expr), from, to, step)
		if err != nil {
			return err
		}
		for _, s := range series {
			name := legend.ReplaceAllStringFunc(t.LegendFormat, func(label string) string { return s.Labels[strings.Trim(label, "{}")] })
			if c := (curve{name, s.Points}); c.highest() > 0 {
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
	return nil
}

func (c curve) highest() float64 {
	var highest float64
	for _, p := range c.points {
		if !math.IsNaN(p.Value) {
			highest = max(highest, p.Value)
		}
	}
	return highest
}
