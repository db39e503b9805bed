package main

import (
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

func providerBoard() *dashboard.DashboardBuilder {
	const external = `peer="external", provider=~"$provider"`
	deliveries := func(matchers string) string { return raw("smtp_deliveries_total", external+comma(matchers)) }
	refusals := func(title, description, matchers string, width uint32, label string) panel {
		p := bad(graph(title, description, perMin, nothing, width,
			q("{{provider}} {{"+label+"}}", "%s", perMinute(deliveries(matchers), "provider", label))))
		if label == "reason" {
			p = painted(p, reasons)
		}
		return byProvider(p)
	}
	return board("smtp-providers", "SMTP / Providers",
		"Which providers defer or refuse our mail, and why.",
		mail(variable("provider", "Provider", `label_values(smtp_deliveries_total{job=~"$job", instance=~"$instance", peer="external"}, provider)`)),
		row{"Who defers our mail", false, []panel{
			heat("Share of deliveries deferred, by provider",
				"4xx, timed out, refused or suspended, of at least ten deliveries; with fewer there is a gap. A provider that defers more than 90 % for an hour alerts.",
				"no provider got ten deliveries", full, 10, q("{{provider}}", "%s", deferred(deliveries))).
				OverrideByRegexp("/.*/", links("This provider", "smtp-providers", "&var-provider=${__field.labels.provider}")),
			byProvider(painted(stack(graph("Deliveries by provider", "One per recipient and attempt, however it ended.", perMin, nothing, half,
				q("{{provider}}", "%s", perMinute(deliveries(""), "provider")))), providers)),
			byProvider(painted(bad(stack(graph("Deferred by provider and reason", "4xx, and the deliveries that nobody answered.", perMin, nothing, half,
				q("{{provider}} {{reason}}", "%s", perMinute(deliveries(`class=~"4xx|none"`), "provider", "reason"))))), reasons)),
		}},
		row{"What they say", false, []panel{
			counts("Refusals by provider, code and reason", "Deliveries in the time shown that ended with a 4xx or 5xx.", nothing, "Deliveries", half,
				withMeaning(`sum by (provider, code, reason) (increase(`+deliveries(`class=~"4xx|5xx"`)+`[$__range]))`),
				providerColumn, codeColumn, meaningColumn, reasonColumn),
			counts("Without an answer, by provider and reason", "Deliveries in the time shown that nobody answered.", nothing, "Deliveries", half,
				`sum by (provider, reason) (increase(`+deliveries(`code="none"`)+`[$__range]))`,
				providerColumn, reasonColumn),
			counts("Replies in detail", "Replies on the wire with the command they answer and their enhanced code.", nothing, "Replies", full,
				withMeaning(`sum by (provider, command, code, enhanced_code, reason) (increase(`+
					raw("smtp_replies_received_detail_total", external+`, code=~"[45].."`)+`[$__range]))`),
				providerColumn, commandColumn, codeColumn, enhancedColumn, meaningColumn, reasonColumn),
		}},
		row{"Reputation and limits", false, []panel{
			refusals("Blocklisted", "Deliveries refused or deferred because an address of ours is listed or has a poor reputation.", `reason="blocklist"`, third, "code"),
			refusals("Throttled", "Too much mail or too many connections at once; any code.", `reason=~"rate_limited|connection_limit"`, third, "code"),
			refusals("SPF, DKIM, DMARC", "Deliveries that failed sender authentication.", `reason="sender_auth"`, third, "code"),
			refusals("421 by provider", "The provider closes the connection.", `code="421"`, half, "reason"),
			refusals("Full mailboxes", "Deliveries answered with 452 because of a full mailbox. One full mailbox is tried about 30 times a day.", `code="452", reason="mailbox_full"`, half, "code"),
		}},
	)
}

// deferred returns the share of the deliveries to each provider that it defers, where
// there are at least ten.
func deferred(deliveries func(matchers string) string) string {
	increase := func(matchers string) string { return "increase(" + deliveries(matchers) + "[$__interval])" }
	return share(
		fmt.Sprintf("sum by (provider) (%s or %s)", increase(`class="4xx"`), increase(`class="none", reason=~"timeout|refused|unreachable|lost_connection|tls|suspended"`)),
		"sum by (provider) ("+increase("")+")", ">= 10")
}

// byProvider links a graph's series to their provider.
func byProvider(p *timeseries.PanelBuilder) *timeseries.PanelBuilder {
	return linked(p, "This provider", "smtp-providers", "provider")
}
