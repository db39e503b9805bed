package main

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/statushistory"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

// Units of Grafana.
const (
	perMin   = "suffix: /min"
	count    = "locale" // whole numbers with separators
	ratio    = "percentunit"
	seconds  = "s"
	bytesIEC = "bytes"
)

// The widths of panels; a row has 24.
const (
	full   = 24
	half   = 12
	third  = 8
	eighth = 3
)

// The height of a graph, which gives its legend room for ten names.
const tall = 9

// graph returns a panel of lines over time. absent is what it says where it has none.
func graph(title, description, unit, absent string, width uint32, queries ...query) *timeseries.PanelBuilder {
	return timeseries.NewPanelBuilder().
		Title(title).
		Description(description).
		Datasource(datasource).
		Unit(unit).
		NoValue(absent).
		Min(0).
		Span(width).
		Height(tall).
		Targets(targets(queries)).
		LineWidth(1).
		FillOpacity(10).
		ShowPoints(common.VisibilityModeNever).
		ColorScheme(shades(blue)).
		Legend(legend(width)).
		Tooltip(common.NewVizTooltipOptionsBuilder().
			Mode(common.TooltipDisplayModeMulti).
			Sort(common.SortOrderDescending).
			HideZeros(true).
			MaxHeight(400))
}

// legend returns a table with the highest series on top: beside a wide panel, below a
// narrow one.
func legend(width uint32) *common.VizLegendOptionsBuilder {
	b := common.NewVizLegendOptionsBuilder().
		ShowLegend(true).
		DisplayMode(common.LegendDisplayModeTable).
		Placement(common.LegendPlacementBottom).
		SortBy("Max").
		SortDesc(true)
	if width < half {
		return b.Calcs([]string{"max"})
	}
	return b.Calcs([]string{"lastNotNull", "max"}).Placement(common.LegendPlacementRight).Width(280)
}

// shades colours the series that have no colour of their own.
func shades(colour string) *dashboard.FieldColorBuilder {
	return dashboard.NewFieldColorBuilder().Mode(dashboard.FieldColorModeIdShades).FixedColor(colour)
}

// bad is for a graph in which everything is a fault.
func bad(p *timeseries.PanelBuilder) *timeseries.PanelBuilder { return p.ColorScheme(shades(orange)) }

// stack stacks the series of a graph.
func stack(p *timeseries.PanelBuilder) *timeseries.PanelBuilder {
	return p.FillOpacity(60).Stacking(common.NewStackingConfigBuilder().Mode(common.StackingModeNormal))
}

// paint gives series the colours of their names.
func painted(p *timeseries.PanelBuilder, paints []paint) *timeseries.PanelBuilder {
	for _, c := range paints {
		p.OverrideByRegexp(c.override())
	}
	return p
}

// linked links the series of a graph to the board about them. label is the label that
// the board's variable takes.
func linked(p *timeseries.PanelBuilder, title, board, label string) *timeseries.PanelBuilder {
	return p.OverrideByRegexp("/.*/", links(title, board, "&var-"+label+"=${__field.labels."+label+"}"))
}

// links returns a link to another board with this one's time and choices. more is added
// to its address.
func links(title, board, more string) []dashboard.DynamicConfigValue {
	address := "/d/" + board + "?${__url_time_range}&${datasource:queryparam}&${job:queryparam}&${instance:queryparam}&${source:queryparam}"
	if board != "smtp-exporter" {
		address += "&${host:queryparam}&${mta:queryparam}"
	}
	return []dashboard.DynamicConfigValue{{Id: "links", Value: []map[string]any{{"title": title, "url": address + more}}}}
}

// overThreshold returns a graph of shares of the thresholds of alerts, with everything
// from 100 % on in red.
func overThreshold(title, description, absent string, queries ...query) *timeseries.PanelBuilder {
	return painted(graph(title, description, ratio, absent, half, queries...), reasons).
		Decimals(0).
		AxisSoftMax(1.2).
		Thresholds(steps(from(1, red))).
		ThresholdsStyle(common.NewGraphThresholdsStyleConfigBuilder().Mode(common.GraphThresholdsStyleModeLineAndArea)).
		ColorScheme(shades(slate))
}

// againstPast returns a graph of a series and what it was before, which is dotted.
func againstPast(p *timeseries.PanelBuilder) *timeseries.PanelBuilder {
	return p.OverrideByRegexp("/ago/", []dashboard.DynamicConfigValue{
		{Id: "custom.lineStyle", Value: map[string]any{"fill": "dot", "dash": []float64{0, 10}}},
		{Id: "custom.fillOpacity", Value: 0},
		{Id: "color", Value: fixed(slate)},
	})
}

// heat returns a panel with a row for each series over time, which shows and colours
// shares of what is bad. Where there is no value, there is a gap.
func heat(title, description, absent string, width, height uint32, queries ...query) *statushistory.PanelBuilder {
	return statushistory.NewPanelBuilder().
		Title(title).
		Description(description).
		Datasource(datasource).
		Unit(ratio).
		Decimals(0).
		NoValue(absent).
		Min(0).
		Max(1).
		Span(width).
		Height(height).
		Interval("30m").
		MaxDataPoints(48).
		Targets(targets(queries)).
		ColorScheme(dashboard.NewFieldColorBuilder().Mode(dashboard.FieldColorModeIdThresholds)).
		Thresholds(steps(from(0, green), from(0.1, amber), from(0.3, orange), from(0.9, red))).
		ShowValue(common.VisibilityModeAuto).
		FillOpacity(80).
		RowHeight(0.9).
		Tooltip(common.NewVizTooltipOptionsBuilder().Mode(common.TooltipDisplayModeMulti).Sort(common.SortOrderDescending).MaxHeight(400)).
		Legend(common.NewVizLegendOptionsBuilder().ShowLegend(true).DisplayMode(common.LegendDisplayModeList).
			Placement(common.LegendPlacementBottom))
}

type panel = cog.Builder[dashboard.Panel]
