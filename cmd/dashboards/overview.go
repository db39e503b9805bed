package main

import "github.com/grafana/grafana-foundation-sdk/go/dashboard"

// The texts of panels that need rules which wait after the exporter's start.
const (
	afterOneHour  = "from one hour after the start, where there is a 451 or 452"
	afterTwoHours = "from two hours after the start, where there is a 451 or 452"
	nothing       = "nothing counted in this time"
	noScrape      = "no scrape in this time"
)

func overview(alertNames []string, s settings) *dashboard.DashboardBuilder {
	deliveries := raw("smtp_deliveries_total", `peer="external"`)
	hidden := dashboard.VariableHideHideVariable
	return board("smtp-overview", "SMTP / Overview",
		"What our mail server answers its clients, and what other servers answer it.",
		mail(hiddenVariable{dashboard.NewConstantVariableBuilder("runbook").Value(dashboard.StringOrMap{String: &s.Runbook}), hidden}),
		row{"Now", false, append(glance(),
			firing(alertNames),
			sixCodes("Sent in the last hour, by code", "The replies of our server. 220, 221, 250 and 354 include the dialogue as far as the log shows it.", "sent"),
			sixCodes("Received in the last hour, by code", "The replies of other servers. 220, 221 and 354 are in the log only where it holds a transcript of the session.", "received"),
		)},
		row{"451 and 452", false, []panel{
			overThreshold("451 and 452 sent: share of the alert's threshold", "In the last hour, of the worst host. 100 %: the alert begins. It asks for a number, for twice as many as at this hour one day, two days and one week ago, and for a share of what is accepted; this is the smallest of the three. A single 452 for lack of storage is 100 %.",
				afterOneHour, s.sentQueries()...),
			overThreshold("451 and 452 received: share of the alert's threshold", "Deliveries of the last two hours, of the worst host. 100 %: the alert begins. It asks for a number, for twice as many as at this hour one day, two days and one week ago, and for a share of all deliveries to the provider; this is the smallest of the three. For full mailboxes, those of the last day count.",
				afterTwoHours, s.receivedQueries()...),
		}},
		row{"Deliveries to other servers", false, []panel{
			painted(stack(graph("Deliveries by code", "One per recipient and attempt. none: nobody answered.", perMin, nothing, half,
				q("{{code}}", "%s", perMinute(deliveries, "code")))), codes),
			againstPast(graph("Deliveries against a week ago", "One per recipient and attempt. Dotted: a week ago, from a week after the start.", perMin, nothing, half,
				q("now", `60 * sum(rate(%s[$__rate_interval]))`, deliveries),
				q("a week ago", `60 * sum(rate(%s[$__rate_interval] offset 1w))`, deliveries))),
		}},
		row{"Deliveries in detail", true, []panel{
			painted(stack(graph("Shares of the deliveries", "By class, in steps of at least half an hour.", ratio, nothing, half,
				q("{{class}}", `sum by (class) (increase(%[1]s[$__interval])) / on () group_left () (sum(increase(%[1]s[$__interval])) > 0)`, deliveries))), codes).Max(1).Interval("30m"),
			painted(bad(stack(graph("Deliveries without a reply", "Nobody answered: failed connections, DNS and TLS errors, providers suspended after a failure, expired mail.", perMin, nothing, half,
				q("{{reason}}", "%s", perMinute(raw("smtp_deliveries_total", `peer="external", code="none"`), "reason"))))), reasons),
			painted(stack(graph("Replies received by code", "Replies on the wire. One refusal of a message to fifty recipients is one reply and fifty deliveries.", perMin, nothing, full,
				q("{{code}} {{meaning}}", "%s", perMinute(raw("smtp_replies_received_total", `peer="external"`), "code", "meaning")))), codes),
		}},
		row{"Answers to our clients", true, []panel{
			painted(stack(graph("Replies sent by code", "Refusals of any command, and final answers to messages and recipients, to other servers and to our users.", perMin, nothing, half,
				q("{{code}} {{meaning}}", "%s", perMinute(raw("smtp_replies_sent_total", `peer=~"external|authenticated"`), "code", "meaning")))), codes),
			painted(stack(graph("Shares of the answers to recipients and messages", "Answers to RCPT and to the end of the message, in steps of at least half an hour.", ratio, nothing, half,
				q("{{code}}", `sum by (code) (increase(%[1]s[$__interval])) / on () group_left () (sum(increase(%[1]s[$__interval])) > 0) > 0`,
					raw("smtp_replies_sent_detail_total", `peer=~"external|authenticated", command=~"rcpt|end_of_data"`)))), codes).Max(1).Interval("30m"),
		}},
		row{"451 and 452 in numbers", true, []panel{
			surgeSent("451"), surgeSent("452"), surgeReceived("451"), surgeReceived("452"),
		}},
		row{"Dialogue", true, []panel{
			painted(graph("Dialogue replies sent", "Positive replies within a session: greetings, HELO, AUTH, DATA, QUIT. They are kept apart because verbose logging shows more of them.", perMin, nothing, half,
				q("{{code}} {{command}}", "%s", perMinute(raw("smtp_dialogue_replies_sent_total", ""), "code", "command"))), codes),
			painted(graph("Dialogue replies received", "The same from other servers, where a transcript shows them.", perMin, nothing, half,
				q("{{code}} {{command}}", "%s", perMinute(raw("smtp_dialogue_replies_received_total", ""), "code", "command"))), codes),
		}},
	)
}

// glance are the tiles on top.
func glance() []panel {
	const noMail = "no mail"
	deliveries := func(matchers string) string {
		return lastHour(raw("smtp_deliveries_total", `peer="external"`+comma(matchers)))
	}
	all := deliveries("")
	part := func(title, description, matchers string, steps ...dashboard.Threshold) tile {
		return tile{title, description, ratio, share(deliveries(matchers), all, "> 0"), noMail,
			append([]dashboard.Threshold{from(0, green)}, steps...), "smtp-providers"}
	}
	var out []panel
	for _, t := range []tile{
		exportersUp(),
		{"Alerts firing", "Those of all severities. The table below has them.", count,
			`count(` + alerts("ALERTS", `alertstate="firing"`) + `) or 0 * count(` + evaluated + `)`, "", []dashboard.Threshold{from(0, green), from(1, red)}, ""},
		{"Deliveries", "To other servers, in the last hour. One delivery is one recipient and one attempt.", count,
			all, noMail, []dashboard.Threshold{from(0, neutral)}, "smtp-providers"},
		part("Deferred", "Share of the deliveries of the last hour that were answered with 4xx.", `class="4xx"`, from(0.1, amber), from(0.3, red)),
		part("Refused", "Share of the deliveries of the last hour that were answered with 5xx.", `class="5xx"`, from(0.05, amber), from(0.2, red)),
		part("No answer", "Share of the deliveries of the last hour that nobody answered: no connection, no DNS, no TLS, suspended.", `code="none"`, from(0.05, amber), from(0.2, red)),
		{"452, our disk", "Times in the last hour that we refused mail for lack of storage. More than 0 pages.", count,
			lastHour(raw("smtp_replies_sent_by_reason_total", `code="452", reason="system_storage"`)), noMail, []dashboard.Threshold{from(0, green), from(0.5, red)}, "smtp-server"},
		{"Lines lost", "Lines of the last hour that rsyslog or journald reported as dropped. If this is more than 0, every number here is too low.", count,
			lastHour(sourced("smtp_reply_exporter_upstream_lost_lines_total", "")), "", []dashboard.Threshold{from(0, green), from(0.5, red)}, "smtp-exporter"},
	} {
		out = append(out, t.panel(eighth))
	}
	return out
}

// sixCodes returns a panel with the number and the curve of six codes. A code that the
// log does not show is there, without a number.
func sixCodes(title, description, direction string) panel {
	const chosen = `code=~"220|221|250|354|451|452"`
	expr := `sum by (code) (increase(` + raw("smtp_replies_"+direction+"_total", chosen) + `[1h]) or increase(` + raw("smtp_dialogue_replies_"+direction+"_total", chosen) + `[1h]))`
	for _, code := range []string{"220", "221", "250", "354", "451", "452"} {
		expr += ` or label_replace(` + counted + ` or vector(NaN), "code", "` + code + `", "", "")`
	}
	p := numbers(title, description, count, half, q("{{code}}", "%s", expr)).
		ColorScheme(shades(slate)).
		Mappings(append(noData(), without("none")))
	for _, c := range codes {
		p.OverrideByRegexp(c.override())
	}
	return p
}

// surgeSent returns a graph of a code that we send, by reason, with what is usual.
func surgeSent(code string) panel {
	const name = "source_peer_code_reason:smtp_replies_sent:"
	m := `code="` + code + `"`
	return againstPast(painted(graph(code+" sent by reason, in the last hour", "Dotted: the highest value of the same hour one day, two days and one week ago.", count, afterOneHour, half,
		q("{{reason}}", `sum by (reason) (%s) > 0`, recorded(name+"increase1h", m)),
		q("{{reason}} ago", `sum by (reason) (%s) > 0`, recorded(name+"past_increase1h", m))), reasons).Decimals(0))
}

// surgeReceived returns a graph of a code that providers send, by provider and reason.
func surgeReceived(code string) panel {
	const name = "source_provider_code_reason:smtp_deliveries:"
	m := `code="` + code + `"`
	return linked(againstPast(painted(graph(code+" received by provider and reason, in the last two hours", "Deliveries. Dotted: the highest value of the same hour one day, two days and one week ago.", count, afterTwoHours, half,
		q("{{provider}} {{reason}}", `sum by (provider, reason) (%s) > 0`, recorded(name+"increase2h", m)),
		q("{{provider}} {{reason}} ago", `sum by (provider, reason) (%s) > 0`, recorded(name+"past_increase2h", m))), reasons).Decimals(0)),
		"This provider", "smtp-providers", "provider")
}

// hiddenVariable is a variable that only the dashboard's settings show.
type hiddenVariable struct {
	*dashboard.ConstantVariableBuilder
	hide dashboard.VariableHide
}

func (h hiddenVariable) Build() (dashboard.VariableModel, error) {
	v, err := h.ConstantVariableBuilder.Build()
	v.Hide = &h.hide
	return v, err
}
