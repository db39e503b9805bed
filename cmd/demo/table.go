package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// shownCodes are the reply codes in the table, in order.
var shownCodes = []string{"220", "221", "250", "354", "451", "452"}

// tableLines is the height of the table in lines.
var tableLines = len(shownCodes) + 1

// replies counts the replies of one code.
type replies struct {
	meaning        string
	sent, received float64
}

// readReplies returns the sums of the replies by code in a scrape, which has the
// Prometheus text format.
func readReplies(scrape io.Reader) (map[string]replies, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(scrape)
	if err != nil {
		return nil, fmt.Errorf("parse the metrics: %w", err)
	}
	byCode := map[string]replies{}
	for name, family := range families {
		for _, metric := range family.GetMetric() {
			labels := map[string]string{}
			for _, label := range metric.GetLabel() {
				labels[label.GetName()] = label.GetValue()
			}
			count := byCode[labels["code"]]
			switch name {
			case "smtp_replies_sent_total", "smtp_dialogue_replies_sent_total":
				count.sent += metric.GetCounter().GetValue()
			case "smtp_replies_received_total", "smtp_dialogue_replies_received_total":
				count.received += metric.GetCounter().GetValue()
			default:
				continue
			}
			count.meaning = labels["meaning"]
			byCode[labels["code"]] = count
		}
	}
	return byCode, nil
}

// formatTable returns the table of shownCodes.
func formatTable(byCode map[string]replies) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-4s  %-20s  %8s  %8s\n", "code", "meaning", "sent", "received")
	for _, code := range shownCodes {
		r := byCode[code]
		fmt.Fprintf(&b, "%-4s  %-20s  %8.0f  %8.0f\n", code, r.meaning, r.sent, r.received)
	}
	return b.String()
}
