package main

import "github.com/grafana/grafana-foundation-sdk/go/dashboard"

func server() *dashboard.DashboardBuilder {
	refusals := func(metric, peer string) string { return raw(metric, `peer="`+peer+`", code=~"[45].."`) }
	inDetail := func(title, peer string) panel {
		return counts(title, "Replies in the time shown.", nothing, "Replies", full,
			withMeaning(`sum by (program, command, code, enhanced_code, reason) (increase(`+refusals("smtp_replies_sent_detail_total", peer)+`[$__range]))`),
			programColumn, commandColumn, codeColumn, enhancedColumn, meaningColumn, reasonColumn)
	}
	answers := func(codes string) string {
		return raw("smtp_replies_sent_detail_total", `peer="external", command=~"rcpt|end_of_data", code=~"`+codes+`"`)
	}
	const hops = `peer="internal", reason!="local"`
	return board("smtp-server", "SMTP / Our server",
		"What our server refuses to its own users and to strangers, and what the hops behind it answer.", mail(),
		row{"Our users", false, []panel{
			painted(bad(stack(graph("Refused to authenticated users", "Replies to clients that have logged in. These are our own users, or an abused account.", perMin, nothing, half,
				q("{{code}} {{reason}}", "%s", perMinute(refusals("smtp_replies_sent_by_reason_total", "authenticated"), "code", "reason"))))), reasons),
			painted(bad(stack(graph("Refusals without a code", "Refusals whose code the log does not show, such as failed logins (535 or 454).", perMin, nothing, half,
				q("{{class}} {{reason}}", "%s", perMinute(raw("smtp_refusals_without_code_total", ""), "class", "reason"))))), reasons),
			inDetail("Refused to authenticated users, in detail", "authenticated"),
		}},
		row{"Strangers", false, []panel{
			painted(bad(stack(graph("Refused to strangers by reason", "Replies to other servers and clients that have not logged in.", perMin, nothing, half,
				q("{{reason}}", "%s", perMinute(refusals("smtp_replies_sent_by_reason_total", "external"), "reason"))))), reasons),
			painted(graph("Accepted and refused", "Answers to RCPT and to the end of the message. If refusals rise while acceptances fall, the fault is ours. If only refusals rise, it is a wave of spam.", perMin, nothing, half,
				q("2xx accepted", `60 * sum(rate(%s[$__rate_interval]))`, answers("2..")),
				q("4xx and 5xx refused", `60 * sum(rate(%s[$__rate_interval]))`, answers("[45].."))), codes),
			inDetail("Refused to strangers, in detail", "external"),
		}},
		row{"Internal hops", true, []panel{
			painted(stack(graph("Deliveries to internal hops", "Deliveries to content filters and mailbox stores. The MTA's own delivery agents are left out.", perMin, nothing, half,
				q("{{code}}", "%s", perMinute(raw("smtp_deliveries_total", hops), "code")))), codes),
			bad(graph("Deferred by internal hops", "Share of the deliveries of the last 30 minutes, without full mailboxes and greylisting. More than half alerts.", ratio, nothing, half,
				q("{{instance}} {{source}}", "%s", share(
					`sum by (instance, source) (increase(`+raw("smtp_deliveries_total", `peer="internal", class=~"4xx|none", reason!~"local|mailbox_full|greylisted"`)+`[30m]))`,
					`sum by (instance, source) (increase(`+raw("smtp_deliveries_total", hops)+`[30m]))`, "> 0"))).Max(1)),
			painted(bad(stack(graph("Refused to internal hops", "What our server answers to filters that return mail, and to local programs.", perMin, nothing, half,
				q("{{code}} {{reason}}", "%s", perMinute(refusals("smtp_replies_sent_by_reason_total", "internal"), "code", "reason"))))), reasons),
			stack(graph("Local deliveries", "Deliveries by the MTA's own delivery agents, which do not speak SMTP.", perMin, nothing, half,
				q("{{instance}}", "%s", perMinute(raw("smtp_deliveries_total", `peer="internal", reason="local"`), "instance")))),
		}},
	)
}
