package main

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

func exporter() *dashboard.DashboardBuilder {
	const prefix = "smtp_reply_exporter_"
	return board("smtp-exporter", "SMTP / Exporter",
		"Whether the numbers can be trusted: what smtp_reply_exporter reports about itself.", nil,
		row{"State", false, []cog.Builder[dashboard.Panel]{
			number("Sources down", "Logs, journals and sockets that cannot be read.", count, quarter, steps(from(1, "red")),
				`count(`+sourced(prefix+"source_up", "")+`) - sum(`+sourced(prefix+"source_up", "")+`)`),
			number("Unread", "Bytes of all logs that were written and not yet read.", bytesIEC, quarter, steps(from(1<<20, "yellow"), from(16<<20, "red")),
				`sum(`+sourced(prefix+"source_behind_bytes", "")+`)`),
			number("States not durable", "Exporters whose last write of the state failed.", count, quarter, steps(from(1, "red")),
				`count(`+process(prefix+"state_durable", "")+`) - sum(`+process(prefix+"state_durable", "")+`)`),
			number("Configurations not loaded", "Exporters whose last reload failed. The previous configuration stays in force.", count, quarter, steps(from(1, "red")),
				`count(`+process(prefix+"config_last_reload_successful", "")+`) - sum(`+process(prefix+"config_last_reload_successful", "")+`)`),
		}},
		row{"Logs", false, []cog.Builder[dashboard.Panel]{
			stacked("Lines by result", "reply: a reply, a refusal or a delivery; other: other lines of an MTA; foreign: lines of other programs; not_understood: looked like a reply, in an unknown form.", perMinute, half,
				q("{{result}}", `60 * sum by (result) (rate(%s[$__rate_interval]))`, sourced(prefix+"source_lines_total", ""))),
			graph("Read", "Bytes of log.", "Bps", half,
				q("{{instance}} {{source}}", `sum by (instance, source) (rate(%s[$__rate_interval]))`, sourced(prefix+"source_read_bytes_total", ""))),
			graph("Behind", "Bytes that were written and not yet read.", bytesIEC, half,
				q("{{instance}} {{source}}", `%s`, sourced(prefix+"source_behind_bytes", ""))),
			graph("Age of the last line", "Wall clock; grows while the log is silent.", seconds, half,
				q("{{instance}} {{source}}", `time() - %s`, sourced(prefix+"source_last_line_timestamp_seconds", ""))),
			graph("Since the last backlog", "An alert holds off until this is longer than its window. Empty for a source that never had a backlog.", seconds, half,
				q("{{instance}} {{source}}", `time() - (%s > 0)`, sourced(prefix+"source_caught_up_timestamp_seconds", ""))),
			graph("Rotations and truncations", "A truncation loses what was not yet read. A rotation loses nothing.", count, half,
				q("{{instance}} {{source}} rotated", `increase(%s[$__rate_interval])`, sourced(prefix+"source_rotations_total", "")),
				q("{{instance}} {{source}} truncated", `increase(%s[$__rate_interval])`, sourced(prefix+"source_truncations_total", ""))),
		}},
		row{"What is missing", false, []cog.Builder[dashboard.Panel]{
			graph("Lost before the log", "Lines that rsyslog or journald reported as dropped.", perMinute, third,
				q("{{instance}} {{by}}", `60 * sum by (instance, by) (rate(%s[$__rate_interval]))`, sourced(prefix+"upstream_lost_lines_total", ""))),
			graph("Lost from the log", "Bytes that were truncated or removed before they were read.", bytesIEC, third,
				q("{{instance}} {{source}}", `increase(%s[$__rate_interval])`, sourced(prefix+"source_lost_bytes_total", ""))),
			graph("Dropped by cause", "Syslog messages and journal entries that arrived and were dropped. not_allowed and older are intended.", perMinute, third,
				q("{{instance}} {{source}} {{cause}}", `60 * sum by (instance, source, cause) (rate(%s[$__rate_interval]))`, sourced(prefix+"source_dropped_total", ""))),
			graph("Not understood by MTA and shape", "Lines that look like replies in an unknown form. To see the forms, run smtp_reply_exporter parse.", perMinute, third,
				q("{{mta}} {{shape}}", `60 * sum by (mta, shape) (rate(%s[$__rate_interval]))`, sourced(prefix+"not_understood_total", ""))),
			graph("Overlong lines", "Lines of more than 1 MiB, of which only the beginning is read.", perMinute, third,
				q("{{instance}} {{source}}", `60 * sum by (instance, source) (rate(%s[$__rate_interval]))`, sourced(prefix+"source_overlong_lines_total", ""))),
			graph("Folded series", "Counts that went into series with the label other, because the metric reached its limit of series.", perMinute, third,
				q("{{family}}", `60 * sum by (family) (rate(%s[$__rate_interval]))`, sourced(prefix+"folded_total", ""))),
		}},
		row{"Process", false, []cog.Builder[dashboard.Panel]{
			graph("Age of the durable state", "Since the last write of the state that reached the disk.", seconds, third,
				q("{{instance}}", `time() - %s`, process(prefix+"state_committed_timestamp_seconds", ""))),
			graph("Commits", "Writes of the state, and those that failed.", perMinute, third,
				q("{{instance}} commits", `60 * rate(%s[$__rate_interval])`, process(prefix+"state_commits_total", "")),
				q("{{instance}} failed", `60 * rate(%s[$__rate_interval])`, process(prefix+"state_commit_failures_total", ""))),
			graph("Since the last reload", "Since the configuration in force was loaded.", seconds, third,
				q("{{instance}}", `time() - %s`, process(prefix+"config_last_reload_success_timestamp_seconds", ""))),
			graph("Memory", "Resident memory.", bytesIEC, third,
				q("{{instance}}", `%s`, process("process_resident_memory_bytes", ""))),
			graph("CPU", "Seconds of CPU per second.", ratio, third,
				q("{{instance}}", `rate(%s[$__rate_interval])`, process("process_cpu_seconds_total", ""))),
			counts("Versions", "Exporters by version.", third,
				`count by (version, goversion) (`+process(prefix+"build_info", "")+`)`, "version", "goversion"),
		}},
	)
}
