package main

import (
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/table"
)

// A column shows a label.
type column struct {
	label, title string
	width        int // 0: what is left
}

var (
	providerColumn = column{"provider", "Provider", 150}
	programColumn  = column{"program", "Program", 0}
	commandColumn  = column{"command", "Command", 120}
	codeColumn     = column{"code", "Code", 80}
	enhancedColumn = column{"enhanced_code", "Enhanced", 110}
	meaningColumn  = column{"meaning", "Meaning", 0}
	reasonColumn   = column{"reason", "Reason", 0}
)

// counts returns a table of the numbers that an expression has at the end of the time
// shown, the largest first, without those below 1. value is the title of their column.
func counts(title, description, absent, value string, width uint32, expr string, columns ...column) *table.PanelBuilder {
	p := grid(title, description, absent, width, expr+" > 0.5", append(columns, column{"Value", value, 0})).
		Unit(count).
		Decimals(0).
		Min(0).
		SortBy(descending(value)).
		OverrideByName(value, []dashboard.DynamicConfigValue{
			{Id: "custom.cellOptions", Value: map[string]any{"type": "gauge", "mode": "basic"}},
			{Id: "color", Value: fixed(blue)},
		})
	return p
}

// grid returns a table of an expression's labels, and of its value if a column is Value.
func grid(title, description, absent string, width uint32, expr string, columns []column) *table.PanelBuilder {
	order, names, hidden := map[string]int{}, map[string]string{}, map[string]bool{"Time": true, "Value": true}
	for i, c := range columns {
		order[c.label], names[c.label] = i, c.title
		delete(hidden, c.label)
	}
	p := table.NewPanelBuilder().
		Title(title).
		Description(description).
		Datasource(datasource).
		NoValue(absent).
		Filterable(true).
		Span(width).
		Height(10).
		WithTarget(instant(expr)).
		WithTransformation(dashboard.DataTransformerConfig{Id: "organize", Options: map[string]any{
			"excludeByName": hidden, "indexByName": order, "renameByName": names,
		}})
	for _, c := range columns {
		var properties []dashboard.DynamicConfigValue
		if c.width > 0 {
			properties = append(properties, dashboard.DynamicConfigValue{Id: "custom.width", Value: c.width})
		}
		switch c.label {
		case "code":
			properties = append(properties, dashboard.DynamicConfigValue{Id: "mappings", Value: codeMappings()}, coloured)
		case "provider":
			properties = append(properties, links("This provider", "smtp-providers", "&var-provider=${__value.raw}")...)
		}
		if len(properties) > 0 {
			p.OverrideByName(c.title, properties)
		}
	}
	return p
}

// coloured gives the text of cells the colour of its mapping.
var coloured = dashboard.DynamicConfigValue{Id: "custom.cellOptions", Value: map[string]any{"type": "color-text"}}

func descending(title string) []cog.Builder[common.TableSortByFieldState] {
	return []cog.Builder[common.TableSortByFieldState]{common.NewTableSortByFieldStateBuilder().DisplayName(title).Desc(true)}
}

// firing returns the table of the alerts that fire, each with a link to its section in
// the runbook. names are the names of all alerts.
func firing(names []string) *table.PanelBuilder {
	const age, alert, section, severity = "For", "Alert", "Runbook", "Severity"
	state := alerts("ALERTS_FOR_STATE", "") + ` and ignoring (alertstate) ` + alerts("ALERTS", `alertstate="firing"`)
	expr := `label_replace(time() - min by (severity, alertname, instance, source, host, provider, code, reason) (` + state + `), "section", "$1", "alertname", "(.*)")` +
		` or (label_replace(vector(NaN), "alertname", "no data: Prometheus evaluates no rules for these exporters", "", "") unless on () count(` + evaluated + `))`
	sections := map[string]any{}
	for _, n := range names {
		sections[n] = map[string]string{"text": strings.ToLower(n)} // as in the anchor of a heading
	}
	return grid("Alerts that fire", "A click on an alert opens its section of the runbook. The address of the runbook is the variable runbook in this board's settings.",
		"no alert fires", full, expr, []column{
			{"severity", severity, 100}, {"alertname", alert, 320}, {"Value", age, 120}, {"instance", "Exporter", 0}, {"source", "Log", 0},
			{"host", "Host", 0}, {"provider", "Provider", 150}, {"code", "Code", 80}, {"reason", "Reason", 0}, {"section", section, 0},
		}).
		Height(7).
		Unit(seconds).
		Decimals(0).
		SortBy([]cog.Builder[common.TableSortByFieldState]{common.NewTableSortByFieldStateBuilder().DisplayName(severity)}).
		OverrideByName(severity, []dashboard.DynamicConfigValue{coloured, {Id: "mappings", Value: []any{map[string]any{"type": "value", "options": map[string]any{
			"critical": map[string]string{"color": red}, "warning": map[string]string{"color": orange}, "info": map[string]string{"color": sky},
		}}}}}).
		OverrideByName(age, []dashboard.DynamicConfigValue{{Id: "mappings", Value: noData()}}).
		OverrideByName(section, []dashboard.DynamicConfigValue{
			{Id: "mappings", Value: []any{map[string]any{"type": "value", "options": sections}}},
			{Id: "links", Value: runbook("${__value.text}")},
		}).
		OverrideByName(alert, []dashboard.DynamicConfigValue{{Id: "links", Value: runbook("${__data.fields." + section + "}")}})
}

func runbook(section string) []map[string]any {
	return []map[string]any{{"title": "Runbook", "url": "${runbook}#" + section, "targetBlank": true}}
}
