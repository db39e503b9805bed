// Package metrics exposes the counts to Prometheus. A Collector takes a snapshot of
// the pipeline and sends it as metrics. Reloads exposes the result of the last load
// of the configuration.
package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"smtp_reply_exporter/exporter/counter"
	"smtp_reply_exporter/exporter/pipeline"
	"smtp_reply_exporter/logparse"
)

// A Collector exposes all families of the counts from one snapshot, so that their
// sums agree. It implements prometheus.Collector and is safe for concurrent use.
// Collectors of the same snapshot are equal.
type Collector struct {
	snapshot *pipeline.Snapshot
}

// NewCollector returns a Collector of a snapshot, which must not change.
func NewCollector(snapshot *pipeline.Snapshot) Collector { return Collector{snapshot} }

// described holds what prometheus.Desc does not tell: the name of each family, and the
// labels that families have.
var described = struct {
	names  map[*prometheus.Desc]string
	labels map[string]bool
}{map[*prometheus.Desc]string{}, map[string]bool{}}

func desc(name, help string, labels ...string) *prometheus.Desc {
	d := prometheus.NewDesc(name, help, labels, nil)
	described.names[d] = name
	for _, l := range labels {
		described.labels[l] = true
	}
	return d
}

func selfDesc(name, help string, labels ...string) *prometheus.Desc {
	return desc("smtp_reply_exporter_"+name, help, append([]string{"source"}, labels...)...)
}

const notDialogue = "; without the positive replies in the dialogue (220, 354, ...), which are in smtp_dialogue_replies_"

var (
	sent = desc("smtp_replies_sent_total",
		"Replies of this server to its clients: refusals, and the acceptance of messages"+notDialogue+"sent_total.",
		"source", "host", "mta", "peer", "code", "class", "meaning")
	received = desc("smtp_replies_received_total",
		"Replies of other servers to this one: refusals, and the acceptance of messages and recipients"+notDialogue+"received_total.",
		"source", "host", "mta", "peer", "code", "class", "meaning")
	sentByReason = desc("smtp_replies_sent_by_reason_total",
		"Replies in smtp_replies_sent_total by reason.",
		"source", "host", "mta", "peer", "code", "reason")
	receivedByReason = desc("smtp_replies_received_by_reason_total",
		"Replies in smtp_replies_received_total by reason.",
		"source", "host", "mta", "peer", "code", "reason")
	sentDetail = desc("smtp_replies_sent_detail_total",
		"Replies in smtp_replies_sent_total by program, command, enhanced code and reason.",
		"source", "host", "mta", "peer", "program", "command", "code", "enhanced_code", "reason")
	receivedDetail = desc("smtp_replies_received_detail_total",
		"Replies in smtp_replies_received_total by program, provider, command, enhanced code and reason.",
		"source", "host", "mta", "peer", "program", "provider", "command", "code", "enhanced_code", "reason")
	deliveries = desc("smtp_deliveries_total",
		"Ended delivery attempts, one per recipient, by the reply or reason that ended them; code is none if no server answered.",
		"source", "host", "mta", "peer", "provider", "code", "class", "reason")
	dialogueSent = desc("smtp_dialogue_replies_sent_total",
		"Positive replies in the dialogue with clients, from session summaries and logged dialogues.",
		"source", "host", "mta", "command", "code", "class", "meaning")
	dialogueReceived = desc("smtp_dialogue_replies_received_total",
		"Positive replies in the dialogue with servers, from logged dialogues.",
		"source", "host", "mta", "command", "code", "class", "meaning")
	refusals = desc("smtp_refusals_without_code_total",
		"Refusals to clients without a code in the log; class is none if the log does not tell it.",
		"source", "host", "mta", "peer", "command", "class", "reason")
	codeInfo = desc("smtp_reply_code_info",
		"Meaning of each reply code in the catalogue; the value is always 1.",
		"code", "class", "category", "class_name", "meaning")
)

var (
	up             = selfDesc("source_up", "Whether the source can be read.")
	lines          = selfDesc("source_lines_total", "Lines read, by result: reply (a reply, refusal or delivery), other (another line of an MTA), foreign (another program), not_understood (looks like a reply in an unknown form).", "result")
	readBytes      = selfDesc("source_read_bytes_total", "Bytes read.")
	behind         = selfDesc("source_behind_bytes", "Bytes written but not read yet.")
	caughtUp       = selfDesc("source_caught_up_timestamp_seconds", "Last time at which a backlog was counted, lines that had been waiting to be read for long, in seconds since 1970; 0 before the first time.")
	lastLine       = selfDesc("source_last_line_timestamp_seconds", "Time at which the last line was read, in seconds since 1970.")
	rotations      = selfDesc("source_rotations_total", "Files that took over the name of another file.")
	truncations    = selfDesc("source_truncations_total", "Truncations of files.")
	lostBytes      = selfDesc("source_lost_bytes_total", "Bytes seen in a file but gone before they could be read.")
	lostFiles      = selfDesc("source_lost_files_total", "Rotated files with lines that cannot be read: gone, damaged or in an unknown format.")
	dropped        = selfDesc("source_dropped_total", "Messages received but dropped, by cause.", "cause")
	overlong       = selfDesc("source_overlong_lines_total", "Lines longer than 1 MiB, which are truncated.")
	upstreamLost   = selfDesc("upstream_lost_lines_total", "Lines that the host's logger reports as dropped or repeated. All counts lack the replies in them.", "by")
	notUnderstood  = selfDesc("not_understood_total", "Lines that look like replies in an unknown form, by shape.", "mta", "shape")
	foldedReplies  = selfDesc("folded_total", "Counts whose labels were folded into other because the family was full.", "family")
	descsOfCounts  = []*prometheus.Desc{sent, received, sentByReason, receivedByReason, sentDetail, receivedDetail, deliveries, dialogueSent, dialogueReceived, refusals, codeInfo}
	descsOfSources = []*prometheus.Desc{up, lines, readBytes, behind, caughtUp, lastLine, rotations, truncations, lostBytes, lostFiles, overlong, dropped, upstreamLost, notUnderstood, foldedReplies}
)

// Describe implements prometheus.Collector.
func (c Collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range descsOfCounts {
		ch <- d
	}
	for _, d := range descsOfSources {
		ch <- d
	}
	for _, d := range descsOfState {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c Collector) Collect(ch chan<- prometheus.Metric) {
	for _, info := range logparse.Codes() {
		code := info.Code
		ch <- prometheus.MustNewConstMetric(codeInfo, prometheus.GaugeValue, 1,
			code.String(), code.ClassLabel(), code.Category(), code.ClassName(), info.Meaning)
	}
	if c.snapshot.State != nil {
		collectState(ch, c.snapshot.State)
	}
	for i := range c.snapshot.Sources {
		s := &c.snapshot.Sources[i]
		o := out{ch, s.Name}
		o.replies(s)
		o.health(s)
	}
}

// out sends the metrics of one source.
type out struct {
	ch     chan<- prometheus.Metric
	source string
}

func (o out) counter(d *prometheus.Desc, c counter.Count, labels ...string) {
	o.ch <- prometheus.MustNewConstMetricWithCreatedTimestamp(d, prometheus.CounterValue, float64(c.Value), c.Created,
		append([]string{o.source}, labels...)...)
}

func (o out) gauge(d *prometheus.Desc, value float64) {
	o.ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, o.source)
}

func (o out) time(d *prometheus.Desc, at time.Time) {
	if !at.IsZero() {
		o.gauge(d, seconds(at))
	}
}

func seconds(at time.Time) float64 { return float64(at.UnixMilli()) / 1000 }
