package main

import (
	"fmt"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
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

// chosen is like raw, for recorded series, which lack the label mta.
func chosen(metric, matchers string) string {
	return fmt.Sprintf(`%s{job=~"$job", instance=~"$instance", source=~"$source", host=~"$host"%s}`, metric, comma(matchers))
}

// recorded is like chosen, but only of the logs in which the chosen MTAs write.
func recorded(metric, matchers string) string {
	return fmt.Sprintf(`(%s and on (job, instance, source) %s)`, chosen(metric, matchers), raw("smtp_replies_sent_total", `code="250"`))
}

// sourced is like raw, for families about a source itself.
func sourced(metric, matchers string) string {
	return fmt.Sprintf(`%s{job=~"$job", instance=~"$instance", source=~"$source"%s}`, metric, comma(matchers))
}

// process is like raw, for families of the whole process.
func process(metric, matchers string) string {
	return fmt.Sprintf(`%s{job=~"$job", instance=~"$instance"%s}`, metric, comma(matchers))
}

// alerts selects the firing alerts as state, ALERTS or ALERTS_FOR_STATE. An alert about
// several exporters has no instance.
func alerts(state, matchers string) string {
	return fmt.Sprintf(`%s{alertname=~"SMTP.*", job=~"$job|", instance=~"$instance|"%s}`, state, comma(matchers))
}

// evaluated has a value where Prometheus evaluates the rules for an exporter.
var evaluated = process("source:smtp_reply_exporter_source_lines:increase1h", "")

func comma(matchers string) string {
	if matchers == "" {
		return ""
	}
	return ", " + matchers
}

// perMinute returns the rate of a counter, summed by labels, without the series that
// stay 0 in the time shown.
func perMinute(selector string, labels ...string) string {
	by := strings.Join(labels, ", ")
	return fmt.Sprintf(`60 * sum by (%[1]s) (rate(%[2]s[$__rate_interval])) and on (%[1]s) (sum by (%[1]s) (increase(%[2]s[$__range] @ end())) > 0)`, by, selector)
}

// lastHour returns what was counted in the last hour.
func lastHour(selector string) string {
	return fmt.Sprintf(`sum(increase(%s[1h]))`, selector)
}

// share returns part / whole, and nothing where whole is below least. A part without series is 0.
func share(part, whole, least string) string {
	return fmt.Sprintf(`(%[1]s or 0 * %[2]s) / (%[2]s %[3]s)`, part, whole, least)
}

// withMeaning adds the label meaning to an expression with the label code. It drops the
// code "none", which has no meaning.
func withMeaning(expr string) string {
	return expr + ` * on (code) group_left (meaning) max by (code, meaning) (last_over_time(` + process("smtp_reply_code_info", "") + `[$__range]))`
}

func targets(queries []query) []cog.Builder[variants.Dataquery] {
	var out []cog.Builder[variants.Dataquery]
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
