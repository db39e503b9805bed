package dashboards

import (
	"slices"
	"strings"
)

// exported are the families that the exporter exposes, with their labels.
var exported = map[string]string{
	"smtp_replies_sent_total":               "source mta peer code class meaning",
	"smtp_replies_received_total":           "source mta peer code class meaning",
	"smtp_replies_sent_by_reason_total":     "source mta peer code reason",
	"smtp_replies_received_by_reason_total": "source mta peer code reason",
	"smtp_replies_sent_detail_total":        "source mta peer program command code enhanced_code reason",
	"smtp_replies_received_detail_total":    "source mta peer program provider command code enhanced_code reason",
	"smtp_deliveries_total":                 "source mta peer provider code class reason",
	"smtp_dialogue_replies_sent_total":      "source mta command code class meaning",
	"smtp_dialogue_replies_received_total":  "source mta command code class meaning",
	"smtp_refusals_without_code_total":      "source mta peer command",
	"smtp_reply_code_info":                  "code class category class_name meaning",

	"smtp_reply_exporter_source_up":                                    "source",
	"smtp_reply_exporter_source_lines_total":                           "source result",
	"smtp_reply_exporter_source_read_bytes_total":                      "source",
	"smtp_reply_exporter_source_behind_bytes":                          "source",
	"smtp_reply_exporter_source_caught_up_timestamp_seconds":           "source",
	"smtp_reply_exporter_source_last_line_timestamp_seconds":           "source",
	"smtp_reply_exporter_source_rotations_total":                       "source",
	"smtp_reply_exporter_source_truncations_total":                     "source",
	"smtp_reply_exporter_source_lost_bytes_total":                      "source",
	"smtp_reply_exporter_upstream_lost_lines_total":                    "source by",
	"smtp_reply_exporter_not_understood_total":                         "source mta shape",
	"smtp_reply_exporter_folded_total":                                 "source family",
	"smtp_reply_exporter_state_commits_total":                          "",
	"smtp_reply_exporter_state_commit_failures_total":                  "",
	"smtp_reply_exporter_state_committed_timestamp_seconds":            "",
	"smtp_reply_exporter_state_durable":                                "",
	"smtp_reply_exporter_config_last_reload_successful":                "",
	"smtp_reply_exporter_config_last_reload_success_timestamp_seconds": "",
	"smtp_reply_exporter_build_info":                                   "branch goarch goos goversion revision tags version",

	"process_resident_memory_bytes": "",
	"process_cpu_seconds_total":     "",

	// What Prometheus itself adds.
	"up":     "",
	"ALERTS": "alertname alertstate source provider code reason",
}

// labelsOf returns the labels of a family or recorded series; ok is false for one that
// does not exist. A recorded series' name begins with its labels; class and meaning
// come with the code.
func labelsOf(metric string, recorded []string) (labels []string, ok bool) {
	level, _, isRecorded := strings.Cut(metric, ":")
	list, isExported := exported[metric]
	switch {
	case isExported:
		labels = strings.Fields(list)
	case isRecorded && slices.Contains(recorded, metric):
		labels = strings.Split(level, "_")
		if slices.Contains(labels, "code") {
			labels = append(labels, "class", "meaning")
		}
	default:
		return nil, false
	}
	return append(labels, "job", "instance"), true
}
