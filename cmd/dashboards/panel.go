package main

import (
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/statushistory"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

// Units of Grafana.
const (
	perMinute = "cpm"
	count     = "short"
	ratio     = "percentunit"
	seconds   = "s"
	bytesIEC  = "bytes"
)

// The widths of panels, of 24.
const (
	full    = 24
	half    = 12
	third   = 8
	quarter = 6
)

var datasource = common.DataSourceRef{Type: new("prometheus"), Uid: new("${datasource}")}

// A query is a PromQL expression and the legend of its series.
type query struct{ expr, legend string }

// q formats a query; every %s takes one of the arguments.
func q(legend, expr string, args ...any) query {
	return query{fmt.Sprintf(expr, args...), legend}
}

// raw selects the chosen hosts' series of an exported family; extra matchers may follow.
func raw(metric, matchers string) string {
	return fmt.Sprintf(`%s{job=~"$job", instance=~"$instance", source=~"$source", mta=~"$mta"%s}`, metric, comma(matchers))
}

// sourced is raw for families and recorded series without the label mta.
func sourced(metric, matchers string) string {
	return fmt.Sprintf(`%s{job=~"$job", instance=~"$instance", source=~"$source"%s}`, metric, comma(matchers))
}

// process is raw for families of the whole process.
func process(metric, matchers string) string {
	return fmt.Sprintf(`%s{job=~"$job", instance=~"$instance"%s}`, metric, comma(matchers))
}

func comma(matchers string) string {
	if matchers == "" {
		return ""
	}
	return ", " + matchers
}

// withMeaning adds the label meaning to an expression that has the label code; the
// code "none" has no meaning and falls out.
func withMeaning(expr string) string {
	return expr + ` * on (code) group_left (meaning) max by (code, meaning) (` + process("smtp_reply_code_info", "") + `)`
}

func targets(queries []query) []cog.Builder[prometheusQuery] {
	var out []cog.Builder[prometheusQuery]
	for i, q := range queries {
		out = append(out, prometheus.NewDataqueryBuilder().
			RefId(string(rune('A'+i))).
			Datasource(datasource).
			Expr(q.expr).
			LegendFormat(q.legend).
			Range())
	}
	return out
}

func instant(expr string) *prometheus.DataqueryBuilder {
	return prometheus.NewDataqueryBuilder().RefId("A").Datasource(datasource).
		Expr(expr).Format(prometheus.PromQueryFormatTable).Instant()
}

// graph is a time series of lines.
func graph(title, description, unit string, width uint32, queries ...query) *timeseries.PanelBuilder {
	return byClass(timeseries.NewPanelBuilder().
		Title(title).
		Description(description).
		Datasource(datasource).
		Unit(unit).
		Min(0).
		Span(width).
		Height(8).
		Targets(targets(queries)).
		LineWidth(1).
		FillOpacity(10).
		ShowPoints(common.VisibilityModeNever).
		Legend(common.NewVizLegendOptionsBuilder().
			ShowLegend(true).
			DisplayMode(common.LegendDisplayModeTable).
			Placement(common.LegendPlacementBottom).
			Calcs([]string{"lastNotNull", "max"})).
		Tooltip(common.NewVizTooltipOptionsBuilder().
			Mode(common.TooltipDisplayModeMulti).
			Sort(common.SortOrderDescending)))
}

// stacked is a graph whose series add up.
func stacked(title, description, unit string, width uint32, queries ...query) *timeseries.PanelBuilder {
	return graph(title, description, unit, width, queries...).
		FillOpacity(60).
		Stacking(common.NewStackingConfigBuilder().Mode(common.StackingModeNormal))
}

// The colours of the classes of replies. A series belongs to a class by the first
// character of its name, which is the code's or the class's.
var classColours = []struct{ pattern, colour string }{
	{"/^2/", "green"},
	{"/^3/", "blue"},
	{"/^4/", "orange"},
	{"/^5/", "red"},
	{"/^none/", "purple"},
}

func byClass(p *timeseries.PanelBuilder) *timeseries.PanelBuilder {
	for _, c := range classColours {
		p.OverrideByRegexp(c.pattern, []dashboard.DynamicConfigValue{
			{Id: "color", Value: map[string]string{"mode": "shades", "fixedColor": c.colour}},
		})
	}
	return p
}

// againstPast draws a graph of counts with their past dotted and the alert's threshold dashed.
func againstPast(title, description string, queries ...query) *timeseries.PanelBuilder {
	line := func(style, colour string, dash ...float64) []dashboard.DynamicConfigValue {
		return []dashboard.DynamicConfigValue{
			{Id: "custom.lineStyle", Value: map[string]any{"fill": style, "dash": dash}},
			{Id: "custom.fillOpacity", Value: 0},
			{Id: "color", Value: map[string]string{"mode": "fixed", "fixedColor": colour}},
		}
	}
	return graph(title, description, count, half, queries...).
		OverrideByRegexp("/^past /", line("dot", "text", 0, 10)).
		OverrideByRegexp("/^alert /", line("dash", "red", 10, 10))
}

// number is one value over the dashboard's range; steps colour it from the second on.
func number(title, description, unit string, width uint32, steps []dashboard.Threshold, expr string) *stat.PanelBuilder {
	return stat.NewPanelBuilder().
		Title(title).
		Description(description).
		Datasource(datasource).
		Unit(unit).
		Span(width).
		Height(4).
		WithTarget(prometheus.NewDataqueryBuilder().RefId("A").Datasource(datasource).Expr(expr).Instant()).
		Thresholds(dashboard.NewThresholdsConfigBuilder().Mode(dashboard.ThresholdsModeAbsolute).Steps(steps)).
		ColorScheme(dashboard.NewFieldColorBuilder().Mode(dashboard.FieldColorModeIdThresholds)).
		ColorMode(common.BigValueColorModeBackground).
		GraphMode(common.BigValueGraphModeNone).
		Orientation(common.VizOrientationAuto).
		ReduceOptions(common.NewReduceDataOptionsBuilder().Calcs([]string{"lastNotNull"}))
}

// steps are thresholds: green, then the colour from each value on.
func steps(more ...dashboard.Threshold) []dashboard.Threshold {
	return append([]dashboard.Threshold{{Color: "green"}}, more...)
}

func from(value float64, colour string) dashboard.Threshold {
	return dashboard.Threshold{Value: new(value), Color: colour}
}

// heat is a map of rows by time, coloured by a ratio.
func heat(title, description string, width, height uint32, queries ...query) *statushistory.PanelBuilder {
	return statushistory.NewPanelBuilder().
		Title(title).
		Description(description).
		Datasource(datasource).
		Unit(ratio).
		Min(0).
		Max(1).
		Span(width).
		Height(height).
		MaxDataPoints(96).
		Targets(targets(queries)).
		ColorScheme(dashboard.NewFieldColorBuilder().Mode(dashboard.FieldColorModeIdContinuousGrYlRd)).
		ShowValue(common.VisibilityModeNever).
		RowHeight(0.9).
		Legend(common.NewVizLegendOptionsBuilder().ShowLegend(true).DisplayMode(common.LegendDisplayModeList).
			Placement(common.LegendPlacementBottom))
}

// counts is a table of what an expression counted over the dashboard's range, the
// most first; columns are its labels in order.
func counts(title, description string, width uint32, expr string, columns ...string) *table.PanelBuilder {
	order := map[string]int{"Value": len(columns)}
	for i, c := range columns {
		order[c] = i
	}
	return table.NewPanelBuilder().
		Title(title).
		Description(description).
		Datasource(datasource).
		Unit(count).
		Decimals(0).
		Span(width).
		Height(10).
		WithTarget(instant(expr)).
		WithTransformation(dashboard.DataTransformerConfig{Id: "organize", Options: map[string]any{
			"excludeByName": map[string]bool{"Time": true},
			"indexByName":   order,
			"renameByName":  map[string]string{"Value": "count"},
		}}).
		Footer(common.NewTableFooterOptionsBuilder().Show(false).Reducer([]string{"sum"})).
		SortBy([]cog.Builder[common.TableSortByFieldState]{
			common.NewTableSortByFieldStateBuilder().DisplayName("count").Desc(true),
		})
}
