package main

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

const tag = "smtp_reply_exporter"

// A row is a titled group of panels. A closed row shows only its title.
type row struct {
	title  string
	closed bool
	panels []panel
}

// board returns a dashboard with variables, links to the other dashboards, critical alerts
// as annotations, and the rows.
func board(uid, title, description string, extra []cog.Builder[dashboard.VariableModel], rows ...row) *dashboard.DashboardBuilder {
	b := dashboard.NewDashboardBuilder(title).
		Uid(uid).
		Description(description).
		Tags([]string{tag}).
		Editable().
		Tooltip(dashboard.DashboardCursorSyncCrosshair).
		Time("now-24h", "now").
		Timezone("browser").
		Refresh("1m").
		Link(dashboard.NewDashboardLinkBuilder("SMTP dashboards").
			Type(dashboard.DashboardLinkTypeDashboards).
			Tags([]string{tag}).
			IncludeVars(true).
			KeepTime(true)).
		// Each alert tints all panels for as long as it fires, so only the critical ones do.
		Annotation(dashboard.NewAnnotationQueryBuilder().
			Name("Critical alerts").
			Datasource(datasource).
			Enable(true).
			IconColor("red").
			Expr(alerts("ALERTS", `alertstate="firing", severity="critical"`)).
			TitleFormat("{{alertname}}").
			TextFormat("{{instance}} {{source}} {{provider}} {{code}} {{reason}}")).
		WithVariable(dashboard.NewDatasourceVariableBuilder("datasource").Label("Data source").Type("prometheus"))
	for _, v := range append([]cog.Builder[dashboard.VariableModel]{
		variable("job", "Job", `label_values(smtp_reply_exporter_build_info, job)`),
		variable("instance", "Exporter", `label_values(smtp_reply_exporter_build_info{job=~"$job"}, instance)`),
		variable("source", "Log", `label_values(smtp_reply_exporter_source_up{job=~"$job", instance=~"$instance"}, source)`),
	}, extra...) {
		b.WithVariable(v)
	}
	id := uint32(0)
	for _, r := range rows {
		id++
		header := dashboard.NewRowBuilder(r.title).Id(id).Collapsed(r.closed)
		if !r.closed {
			b.WithRow(header)
		}
		for _, p := range r.panels {
			id++
			if r.closed {
				header.WithPanel(numbered{p, id})
			} else {
				b.WithPanel(numbered{p, id})
			}
		}
		if r.closed {
			b.WithRow(header)
		}
	}
	return b
}

// mail are the variables of the boards about mail.
func mail(extra ...cog.Builder[dashboard.VariableModel]) []cog.Builder[dashboard.VariableModel] {
	return append([]cog.Builder[dashboard.VariableModel]{
		// Series without the label must match, too.
		variable("host", "Host in the log", `label_values(smtp_replies_sent_by_reason_total{job=~"$job", instance=~"$instance", source=~"$source", host!=""}, host)`).AllValue(".*"),
		variable("mta", "MTA", `label_values(smtp_replies_sent_total{job=~"$job", instance=~"$instance"}, mta)`),
	}, extra...)
}

// variable returns a selection of label values. It allows several values; the default is
// all.
func variable(name, label, query string) *dashboard.QueryVariableBuilder {
	return dashboard.NewQueryVariableBuilder(name).
		Label(label).
		Datasource(datasource).
		Query(dashboard.StringOrMap{Map: map[string]any{"query": query, "refId": name}}).
		Definition(query).
		Refresh(dashboard.VariableRefreshOnTimeRangeChanged).
		Sort(dashboard.VariableSortAlphabeticalAsc).
		Multi(true).
		IncludeAll(true).
		AllValue(".+").
		Current(dashboard.VariableOption{
			Selected: new(true),
			Text:     dashboard.StringOrArrayOfString{ArrayOfString: []string{"All"}},
			Value:    dashboard.StringOrArrayOfString{ArrayOfString: []string{"$__all"}},
		})
}

// numbered is a panel with an id that is unique in its dashboard.
type numbered struct {
	panel
	id uint32
}

func (n numbered) Build() (dashboard.Panel, error) {
	p, err := n.panel.Build()
	p.Id = new(n.id)
	return p, err
}
