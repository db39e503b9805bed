package main

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

func providers() *dashboard.DashboardBuilder {
	const chosen = `peer="external", provider=~"$provider"`
	deliveries := func(matchers string) string { return raw("smtp_deliveries_total", chosen+comma(matchers)) }
	return board("smtp-providers", "SMTP / Providers",
		"Which providers defer or refuse our mail, and why.",
		[]cog.Builder[dashboard.VariableModel]{
			variable("provider", "Provider", `label_values(smtp_deliveries_total{job=~"$job", instance=~"$instance", peer="external"}, provider)`),
		},
		row{"Who defers our mail", false, []cog.Builder[dashboard.Panel]{
			heat("Share of deliveries deferred, by provider",
				"4xx, timed out, refused or suspended, over two hours. Red means all. A provider that stays above 90 % for an hour alerts.", full, 10,
				q("{{provider}}", `max by (provider) (%s)`, recorded("source_provider:smtp_deliveries:deferred_ratio2h", `provider=~"$provider"`))),
			stacked("Deliveries by provider", "One per recipient and attempt, however it ended.", perMinute, half,
				q("{{provider}}", `60 * sum by (provider) (rate(%s[$__rate_interval]))`, deliveries(""))),
			stacked("Deferred by provider and reason", "4xx, and the deliveries that nobody answered.", perMinute, half,
				q("{{provider}} {{reason}}", `60 * sum by (provider, reason) (rate(%s[$__rate_interval]))`, deliveries(`class=~"4xx|none"`))),
		}},
		row{"What they say", false, []cog.Builder[dashboard.Panel]{
			counts("Refusals by provider, code and reason", "Deliveries in the time shown that ended with a 4xx or 5xx.", half,
				withMeaning(`sum by (provider, code, reason) (increase(`+deliveries(`class=~"4xx|5xx"`)+`[$__range]))`),
				"provider", "code", "meaning", "reason"),
			counts("Without an answer, by provider and reason", "Deliveries in the time shown that nobody answered.", half,
				`sum by (provider, reason) (increase(`+deliveries(`code="none"`)+`[$__range]))`,
				"provider", "reason"),
			counts("Replies in detail", "Replies on the wire with the command they answer and their enhanced code.", full,
				withMeaning(`sum by (provider, command, code, enhanced_code, reason) (increase(`+
					raw("smtp_replies_received_detail_total", chosen+`, code=~"[45].."`)+`[$__range]))`),
				"provider", "command", "code", "enhanced_code", "meaning", "reason"),
		}},
		row{"Reputation and limits", false, []cog.Builder[dashboard.Panel]{
			graph("Blocklisted", "Deliveries refused or deferred because an address of ours is listed or has a poor reputation.", perMinute, third,
				q("{{provider}} {{code}}", `60 * sum by (provider, code) (rate(%s[$__rate_interval]))`, deliveries(`reason="blocklist"`))),
			graph("Throttled", "Too much mail or too many connections at once; any code.", perMinute, third,
				q("{{provider}} {{code}}", `60 * sum by (provider, code) (rate(%s[$__rate_interval]))`, deliveries(`reason=~"rate_limited|connection_limit"`))),
			graph("SPF, DKIM, DMARC", "Deliveries that failed sender authentication.", perMinute, third,
				q("{{provider}} {{code}}", `60 * sum by (provider, code) (rate(%s[$__rate_interval]))`, deliveries(`reason="sender_auth"`))),
			graph("421 by provider", "The provider closes the connection.", perMinute, half,
				q("{{provider}} {{reason}}", `60 * sum by (provider, reason) (rate(%s[$__rate_interval]))`, deliveries(`code="421"`))),
			graph("Full mailboxes, in the last day", "Deliveries answered with 452 because of a full mailbox. One full mailbox is tried about 30 times a day.", count, half,
				q("{{provider}}", `sum by (provider) (%s)`, recorded("source_provider_code_reason:smtp_deliveries:increase1d", `provider=~"$provider"`))),
		}},
	)
}
