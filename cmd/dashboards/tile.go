package main

import (
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
)

// A tile is a panel with one value and its curve. Its value is the last one of the time
// shown, and is "no data" if there is none then, whatever there was before.
type tile struct {
	title, description, unit, expr string
	none                           string // what it says where an exporter is scraped and has no value; "" is "no data"
	steps                          []dashboard.Threshold
	board                          string // where a click leads; "" is nowhere
}

func (t tile) panel(width uint32) *stat.PanelBuilder {
	expr := t.expr
	if t.none != "" {
		expr += " or " + counted
	}
	p := numbers(t.title, t.description, t.unit, width, q("", "%s or vector(NaN)", expr)).
		Thresholds(steps(t.steps...)).
		ColorScheme(dashboard.NewFieldColorBuilder().Mode(dashboard.FieldColorModeIdThresholds))
	mappings := noData()
	if t.none != "" {
		mappings = append(mappings, without(t.none))
	}
	if t.board != "" {
		p.OverrideByRegexp("/.*/", links("Details", t.board, ""))
	}
	return p.Mappings(mappings)
}

// numbers returns a panel with the last value and the curve of each series.
func numbers(title, description, unit string, width uint32, queries ...query) *stat.PanelBuilder {
	return stat.NewPanelBuilder().
		Title(title).
		Description(description).
		Datasource(datasource).
		Unit(unit).
		Decimals(0).
		Min(0).
		NoValue("no data").
		Mappings(noData()).
		Span(width).
		Height(4).
		Targets(targets(queries)).
		ColorMode(common.BigValueColorModeValue).
		GraphMode(common.BigValueGraphModeArea).
		Orientation(common.VizOrientationAuto).
		// Not the last one that is a number: that can be hours old.
		ReduceOptions(common.NewReduceDataOptionsBuilder().Calcs([]string{"last"}))
}

// counted is -1 where an exporter is scraped.
var counted = "0 * count(" + process("smtp_reply_exporter_build_info", "") + ") - 1"

// without says what -1 means.
func without(text string) dashboard.ValueMapping {
	return dashboard.ValueMapping{ValueMap: &dashboard.ValueMap{
		Type: dashboard.MappingTypeValueToText, Options: map[string]dashboard.ValueMappingResult{"-1": {Text: new(text), Color: new(neutral)}},
	}}
}

// noData says and shows that a value is absent.
func noData() []dashboard.ValueMapping {
	return []dashboard.ValueMapping{{SpecialValueMap: &dashboard.SpecialValueMap{
		Type: dashboard.MappingTypeSpecialValue,
		Options: dashboard.DashboardSpecialValueMapOptions{
			Match:  dashboard.SpecialValueMatchNullAndNan,
			Result: dashboard.ValueMappingResult{Text: new("no data"), Color: new("orange")},
		},
	}}}
}

// exportersUp is the share of the exporters that Prometheus can scrape. A target is an
// exporter if it has been one in the last day.
func exportersUp() tile {
	return tile{
		title:       "Exporters up",
		description: "The exporters that Prometheus can scrape, of those that it could scrape in the last day. Below 100 % numbers are missing on all of these boards.",
		unit:        ratio,
		expr:        `avg(` + process("up", "") + ` and on (job, instance) last_over_time(` + process("smtp_reply_exporter_build_info", "") + `[1d]))`,
		steps:       []dashboard.Threshold{from(0, red), from(1, green)},
		board:       "smtp-exporter",
	}
}

// failing counts the sources or exporters whose state is 0.
func failing(state string) string {
	return "count(" + state + ") - sum(" + state + ")"
}
