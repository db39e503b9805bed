package main

import (
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

func exporter() *dashboard.DashboardBuilder {
	const prefix = "smtp_reply_exporter_"
	var tiles []panel
	faults := []dashboard.Threshold{from(0, green), from(1, red)}
	for _, t := range []tile{
		exportersUp(),
		{"Sources down", "Logs, journals and sockets that cannot be read.", count,
			failing(sourced(prefix+"source_up", "")), "", faults, ""},
		{"Unread", "Bytes of all logs that were written and not yet read.", bytesIEC,
			`sum(` + sourced(prefix+"source_behind_bytes", "") + `)`, "", []dashboard.Threshold{from(0, green), from(1<<20, amber), from(16<<20, red)}, ""},
		{"Not understood", "Share of the lines of the last hour that looked like replies, and were not understood, in these and in the replies.", ratio,
			notUnderstood(), "no mail", []dashboard.Threshold{from(0, green), from(0.01, amber), from(0.1, red)}, ""},
		{"States not durable", "Exporters whose last write of the state failed.", count,
			failing(process(prefix+"state_durable", "")), "no state file", faults, ""},
		{"Configurations not loaded", "Exporters whose last reload failed. The previous configuration stays in force.", count,
			failing(process(prefix+"config_last_reload_successful", "")), "no file", faults, ""},
	} {
		tiles = append(tiles, t.panel(full/6))
	}
	// of has a line for each log.
	of := func(title, description, unit string, width uint32, expr string) *timeseries.PanelBuilder {
		return graph(title, description, unit, noScrape, width, q("{{instance}} {{source}}", "%s", expr))
	}
	return board("smtp-exporter", "SMTP / Exporter",
		"Whether the numbers can be trusted: what smtp_reply_exporter reports about itself.", nil,
		row{"State", false, tiles},
		row{"Logs", false, []panel{
			lineResults(prefix),
			of("Read", "Bytes of log.", "Bps", half, `sum by (instance, source) (rate(`+sourced(prefix+"source_read_bytes_total", "")+`[$__rate_interval]))`),
			of("Behind", "Bytes that were written and not yet read.", bytesIEC, half, sourced(prefix+"source_behind_bytes", "")),
			of("Age of the last line", "Wall clock; grows while the log is silent.", seconds, half, `time() - (`+sourced(prefix+"source_last_line_timestamp_seconds", "")+` > 0)`),
			of("Since the last backlog", "An alert holds off until this is longer than its window. Empty for a source that never had a backlog.", seconds, half,
				`time() - (`+sourced(prefix+"source_caught_up_timestamp_seconds", "")+` > 0)`).NoValue("no backlog yet, or no scrape"),
			graph("Rotations and truncations", "A truncation loses what was not yet read. A rotation loses nothing.", count, nothing, half,
				q("{{instance}} {{source}} rotated", `increase(%s[$__rate_interval]) > 0.5`, sourced(prefix+"source_rotations_total", "")),
				q("{{instance}} {{source}} truncated", `increase(%s[$__rate_interval]) > 0.5`, sourced(prefix+"source_truncations_total", ""))).
				Decimals(0).DrawStyle("bars"),
		}},
		missing(prefix),
		row{"Process", true, []panel{
			each("Age of the durable state", "Since the last write of the state that reached the disk.", seconds, `time() - `+process(prefix+"state_committed_timestamp_seconds", "")).NoValue("no state file, or no scrape"),
			graph("Commits", "Writes of the state, and those that failed.", perMin, "no state file, or no scrape", third,
				q("{{instance}} commits", `60 * rate(%s[$__rate_interval])`, process(prefix+"state_commits_total", "")),
				q("{{instance}} failed", `60 * rate(%s[$__rate_interval])`, process(prefix+"state_commit_failures_total", ""))),
			each("Since the last reload", "Since the configuration in force was loaded.", seconds, `time() - `+process(prefix+"config_last_reload_success_timestamp_seconds", "")),
			each("Memory", "Resident memory.", bytesIEC, process("process_resident_memory_bytes", "")),
			each("CPU", "Seconds of CPU per second.", ratio, `rate(`+process("process_cpu_seconds_total", "")+`[$__rate_interval])`),
			counts("Versions", "Exporters by version.", noScrape, "Exporters", third,
				`count by (version, goversion) (`+process(prefix+"build_info", "")+`)`, column{"version", "Version", 0}, column{"goversion", "Go", 0}),
		}},
	)
}

// missing is about what could not be counted.
func missing(prefix string) row {
	lost := func(title, description, metric string, labels ...string) panel {
		name := ""
		for _, l := range labels {
			name += "{{" + l + "}} "
		}
		return bad(graph(title, description, perMin, nothing, third, q(name, "%s", perMinute(sourced(prefix+metric, ""), labels...))))
	}
	return row{"What is missing", false, []panel{
		lost("Lost before the log", "Lines that rsyslog or journald reported as dropped.", "upstream_lost_lines_total", "instance", "by"),
		lost("Lost from the log", "Bytes a minute that were truncated or removed before they were read.", "source_lost_bytes_total", "instance", "source"),
		lost("Dropped by cause", "Syslog messages and journal entries that arrived and were dropped. not_allowed and older are intended.", "source_dropped_total", "instance", "source", "cause"),
		lost("Not understood by MTA and shape", "Lines that look like replies in an unknown form. To see the forms, run smtp_reply_exporter parse.", "not_understood_total", "mta", "shape"),
		lost("Overlong lines", "Lines of more than 1 MiB, of which only the beginning is read.", "source_overlong_lines_total", "instance", "source"),
		lost("Folded series", "Counts that went into series with the label other, because the metric reached its limit of series.", "folded_total", "family"),
	}}
}

// notUnderstood is the share of the lines of the last hour that are not understood.
func notUnderstood() string {
	lines := func(results string) string {
		return lastHour(sourced("smtp_reply_exporter_source_lines_total", `result=~"`+results+`"`))
	}
	return share(lines("not_understood"), lines("reply|not_understood"), "> 0")
}

// lineResults is a graph of what the lines of the logs were.
func lineResults(prefix string) panel {
	return painted(stack(graph("Lines by result", "reply: a reply, a refusal or a delivery; other: other lines of an MTA; foreign: lines of other programs; not_understood: looked like a reply, in an unknown form.", perMin, nothing, half,
		q("{{result}}", "%s", perMinute(sourced(prefix+"source_lines_total", ""), "result")))),
		[]paint{{"^reply$", green}, {"^other$", sky}, {"^foreign$", slate}, {"^not_understood$", orange}})
}

// each is a graph with a line for each exporter.
func each(title, description, unit, expr string) *timeseries.PanelBuilder {
	return graph(title, description, unit, noScrape, third, q("{{instance}}", "%s", expr))
}
