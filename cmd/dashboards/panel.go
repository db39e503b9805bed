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

// The widths of panels; a row has 24.
const (
	full    = 24
	half    = 12
	third   = 8
	quarter = 6
)

var datasource = common.DataSourceRef{Type: new("prometheus"), Uid: new("${datasource}")}

// A query is a PromQL expression and the legend of its series.
type query struct{ expr, legend string }

// q formats a query. Each %s takes one of the arguments.
func q(legend, expr string, args ...any) query {
	return query{fmt.Sprintf(expr, args...), legend}
}

// raw selects the chosen series of an exported family. matchers may be "".
func raw(metric, matchers string) string {
	return fmt.Sprintf(`%s{job=~"$job", instance=~"$instance", source=~"$source", host=~"$host", mta=~"$mta"%s}`, metric, comma(matchers))
}

// recorded is like raw, for recorded series, which lack the label mta.
func recorded(metric, matchers string) string {
	return fmt.Sprintf(`%s{job=~"$job", instance=~"$instance", source=~"$source", host=~"$host"%s}`, metric, comma(matchers))
}

// sourced is like raw, for families about a source itself.
func sourced(metric, matchers string) string {
	return fmt.Sprintf(`%s{job=~"$job", instance=~"$instance", source=~"$source"%s}`, metric, comma(matchers))
}

// process is like raw, for families of the whole process.
func process(metric, matchers string) string {
	return fmt.Sprintf(`%s{job=~"$job", instance=~"$instance"%s}`, metric, comma(matchers))
}

func comma(matchers string) string {
	if matchers == "" {
		return ""
	}
	return ", " + matchers
}

// withMeaning adds the label meaning to an expression with the label code. It drops the
// code "none", which has no meaning.
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

// graph returns a panel of lines over time.
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

// stacked returns a graph with stacked series.
func stacked(title, description, unit string, width uint32, queries ...query) *timeseries.PanelBuilder {
	return graph(title, description, unit, width, queries...).
		FillOpacity(60).
		Stacking(common.NewStackingConfigBuilder().Mode(common.StackingModeNormal))
}

// The colours of the classes of replies. The first character of a series' name, a code
// or a class, determines its class.
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

// againstPast returns a graph of counts, with the past dotted and the alert's threshold
// dashed.
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

// number returns a panel with one value over the dashboard's range. steps are its
// colours.
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

// steps returns thresholds: green, and then each given colour from its value on.
func steps(more ...dashboard.Threshold) []dashboard.Threshold {
	return append([]dashboard.Threshold{{Color: "green"}}, more...)
}

func from(value float64, colour string) dashboard.Threshold {
	return dashboard.Threshold{Value: new(value), Color: colour}
}

// heat returns a panel with a row for each series over time, coloured by a ratio.
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

// counts returns a table of an expression's values over the dashboard's range, the
// largest first. columns are the expression's labels in order.
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
