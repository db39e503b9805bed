package main

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

func server() *dashboard.DashboardBuilder {
	refusals := func(peer string) string {
		return raw("smtp_replies_sent_detail_total", `peer="`+peer+`", code=~"[45].."`)
	}
	return board("smtp-server", "SMTP / Our server",
		"What our server refuses to its own users and to strangers, and what the hops behind it answer.", nil,
		row{"Our users", false, []cog.Builder[dashboard.Panel]{
			stacked("Refused to authenticated users", "Replies to clients that have logged in. These are our own users, or an abused account.", perMinute, half,
				q("{{code}} {{reason}}", `60 * sum by (code, reason) (rate(%s[$__rate_interval]))`, raw("smtp_replies_sent_by_reason_total", `peer="authenticated", code=~"[45].."`))),
			stacked("Refusals without a code", "Refusals whose code the log does not show, such as failed logins (535 or 454).", perMinute, half,
				q("{{class}} {{reason}}", `60 * sum by (class, reason) (rate(%s[$__rate_interval]))`, raw("smtp_refusals_without_code_total", ""))),
			counts("Refused to authenticated users, in detail", "Replies in the time shown.", full,
				withMeaning(`sum by (program, command, code, enhanced_code, reason) (increase(`+refusals("authenticated")+`[$__range]))`),
				"program", "command", "code", "enhanced_code", "meaning", "reason"),
		}},
		row{"Strangers", false, []cog.Builder[dashboard.Panel]{
			stacked("Refused to strangers by reason", "Replies to other servers and clients that have not logged in.", perMinute, half,
				q("{{reason}}", `60 * sum by (reason) (rate(%s[$__rate_interval]))`, raw("smtp_replies_sent_by_reason_total", `peer="external", code=~"[45].."`))),
			graph("Accepted and refused, in the last hour", "Answers to RCPT and to the end of the message. If refusals rise while acceptances fall, the fault is ours. If only refusals rise, it is a wave of spam.", count, half,
				q("2xx accepted", `sum(%s)`, recorded("source_peer:smtp_replies_sent_detail:accepted1h", `peer="external"`)),
				q("5xx and 4xx refused", `sum(%s)`, recorded("source_peer:smtp_replies_sent_detail:refused1h", `peer="external"`))),
			counts("Refused to strangers, in detail", "Replies in the time shown.", full,
				withMeaning(`sum by (program, command, code, enhanced_code, reason) (increase(`+refusals("external")+`[$__range]))`),
				"program", "command", "code", "enhanced_code", "meaning", "reason"),
		}},
		row{"Internal hops", false, []cog.Builder[dashboard.Panel]{
			stacked("Deliveries to internal hops", "Deliveries to content filters and mailbox stores. The MTA's own delivery agents are left out.", perMinute, half,
				q("{{code}} {{reason}}", `60 * sum by (code, reason) (rate(%s[$__rate_interval]))`, raw("smtp_deliveries_total", `peer="internal", reason!="local"`))),
			graph("Deferred by internal hops", "Share of the deliveries of the last 30 minutes. More than half alerts.", ratio, half,
				q("{{instance}} {{source}}", `%s / sum without (class, reason) (%s)`,
					recorded("source:smtp_deliveries_internal:deferred30m", ""),
					recorded("source_class_reason:smtp_deliveries_internal:increase30m", ""))).Max(1),
			stacked("Refused to internal hops", "What our server answers to filters that return mail, and to local programs.", perMinute, half,
				q("{{code}} {{reason}}", `60 * sum by (code, reason) (rate(%s[$__rate_interval]))`, raw("smtp_replies_sent_by_reason_total", `peer="internal", code=~"[45].."`))),
			stacked("Local deliveries", "Deliveries by the MTA's own delivery agents, which do not speak SMTP.", perMinute, half,
				q("{{instance}}", `60 * sum by (instance) (rate(%s[$__rate_interval]))`, raw("smtp_deliveries_total", `peer="internal", reason="local"`))),
		}},
	)
}
