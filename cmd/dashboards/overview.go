package main

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

func overview() *dashboard.DashboardBuilder {
	deliveries := raw("smtp_deliveries_total", `peer="external"`)
	return board("smtp-overview", "SMTP / Overview",
		"What our mail server answers its clients, and what other servers answer it.", nil,
		row{"At a glance", false, []cog.Builder[dashboard.Panel]{
			number("Log lines lost before they could be counted",
				"Lines that rsyslog or journald reported as dropped. If this is more than 0, every number here is too low.",
				count, full, steps(from(0.5, "red")),
				`sum(increase(`+sourced("smtp_reply_exporter_upstream_lost_lines_total", "")+`[$__range])) or vector(0)`).Height(3),
			number("Deliveries deferred",
				"Share of the deliveries to other servers that were answered with 4xx. One delivery is one recipient and one attempt.",
				ratio, third, steps(from(0.1, "yellow"), from(0.3, "red")),
				`sum(increase(`+raw("smtp_deliveries_total", `peer="external", class="4xx"`)+`[$__range])) / sum(increase(`+deliveries+`[$__range]))`),
			number("Deliveries refused",
				"Share of the deliveries to other servers that were answered with 5xx.",
				ratio, third, steps(from(0.05, "yellow"), from(0.2, "red")),
				`sum(increase(`+raw("smtp_deliveries_total", `peer="external", class="5xx"`)+`[$__range])) / sum(increase(`+deliveries+`[$__range]))`),
			number("Refused for lack of storage",
				"452 to our clients because the queue file system is short of space. More than 0 pages.",
				count, third, steps(from(0.5, "red")),
				`sum(increase(`+raw("smtp_replies_sent_by_reason_total", `code="452", reason="system_storage"`)+`[$__range]))`),
		}},
		row{"Deliveries to other servers", false, []cog.Builder[dashboard.Panel]{
			stacked("Deliveries by class and code", "One per recipient and attempt. none: nobody answered.", perMinute, half,
				q("{{code}}", `60 * sum by (class, code) (rate(%s[$__rate_interval]))`, deliveries)),
			stacked("Shares of the deliveries", "Over two hours, longer than a message waits between two attempts. Absent for two hours after a start or a backlog.", ratio, half,
				q("{{class}}", `sum by (class) (%s) / on () group_left () sum(%s)`,
					recorded("source_provider_code_reason:smtp_deliveries:increase2h", ""),
					recorded("source_provider_code_reason:smtp_deliveries:increase2h", ""))).Max(1),
			stacked("Deliveries without a reply", "Nobody answered: failed connections, DNS and TLS errors, providers suspended after a failure, expired mail.", perMinute, half,
				q("{{reason}}", `60 * sum by (reason) (rate(%s[$__rate_interval]))`, raw("smtp_deliveries_total", `peer="external", code="none"`))),
			stacked("Replies received by code", "Replies on the wire. One refusal of a message to fifty recipients is one reply and fifty deliveries.", perMinute, half,
				q("{{code}} {{meaning}}", `60 * sum by (code, meaning) (rate(%s[$__rate_interval]))`, raw("smtp_replies_received_total", `peer="external"`))),
		}},
		row{"Answers to our clients", false, []cog.Builder[dashboard.Panel]{
			stacked("Replies sent by code", "Refusals of any command, and final answers to messages and recipients, to other servers and to our users.", perMinute, half,
				q("{{code}} {{meaning}}", `60 * sum by (code, meaning) (rate(%s[$__rate_interval]))`, raw("smtp_replies_sent_total", `peer=~"external|authenticated"`))),
			stacked("Shares of the answers to recipients and messages", "Answers to RCPT and to the end of the message, in the last hour.", ratio, half,
				q("{{code}}", `sum by (code) (%s) / on () group_left () sum(%s)`,
					recorded("source_peer_code_reason:smtp_replies_sent_detail:increase1h", ""),
					recorded("source_peer_code_reason:smtp_replies_sent_detail:increase1h", ""))).Max(1),
		}},
		row{"451 and 452 against their past", false, []cog.Builder[dashboard.Panel]{
			spikeSent("451", "system_error", "10", "dns", "20", "policy", "100"),
			spikeSent("452", "too_many_recipients", "100"),
			spikeReceived("451"),
			spikeReceived("452"),
		}},
		row{"Dialogue", true, []cog.Builder[dashboard.Panel]{
			graph("Dialogue replies sent", "Positive replies within a session: greetings, HELO, AUTH, DATA, QUIT. They are kept apart because verbose logging shows more of them.", perMinute, half,
				q("{{code}} {{command}}", `60 * sum by (code, command) (rate(%s[$__rate_interval]))`, raw("smtp_dialogue_replies_sent_total", ""))),
			graph("Dialogue replies received", "The same from other servers, where a transcript shows them.", perMinute, half,
				q("{{code}} {{command}}", `60 * sum by (code, command) (rate(%s[$__rate_interval]))`, raw("smtp_dialogue_replies_received_total", ""))),
		}},
	)
}

// spikeSent returns a graph of a code that we send, by reason. floors are pairs of a
// reason and its floor. For each pair the graph adds the past and the alert's
// threshold, summed over the chosen hosts.
func spikeSent(code string, floors ...string) cog.Builder[dashboard.Panel] {
	const name = "source_peer_code_reason:smtp_replies_sent:"
	queries := []query{q("{{reason}}", `sum by (reason) (%s)`, recorded(name+"increase1h", `code="`+code+`"`))}
	for i := 0; i < len(floors); i += 2 {
		matchers := `code="` + code + `", reason="` + floors[i] + `"`
		queries = append(queries,
			q("past {{reason}}", `sum by (reason) (%s)`, recorded(name+"past_increase1h", matchers)),
			q("alert {{reason}}", `clamp_min(sum by (reason) (2 * %s or 0 * %s), %s)`,
				recorded(name+"past_increase1h", matchers), recorded(name+"increase1h", matchers), floors[i+1]))
	}
	return againstPast(code+" sent by reason, in the last hour",
		"Dotted: the highest value of the same hour one day, two days and one week ago. Dashed: where the alert begins, at twice that and a floor; a single 452 for lack of storage alerts. Absent for an hour after a start or a backlog.",
		queries...)
}

// spikeReceived returns a graph of a code that providers send, by provider and reason.
func spikeReceived(code string) cog.Builder[dashboard.Panel] {
	const name = "source_provider_code_reason:smtp_deliveries:"
	matchers := `code="` + code + `"`
	return againstPast(code+" received by provider and reason, in the last two hours",
		"Deliveries. Dotted: the highest value of the same hour one day, two days and one week ago. Dashed: where the alert begins, at twice that and at least 20, if it is also a fifth of all deliveries to the provider.",
		q("{{provider}} {{reason}}", `sum by (provider, reason) (%s)`, recorded(name+"increase2h", matchers)),
		q("past {{provider}} {{reason}}", `sum by (provider, reason) (%s)`, recorded(name+"past_increase2h", matchers)),
		q("alert {{provider}} {{reason}}", `clamp_min(sum by (provider, reason) (2 * %s or 0 * %s), 20)`,
			recorded(name+"past_increase2h", matchers), recorded(name+"increase2h", matchers)))
}
