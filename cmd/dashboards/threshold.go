package main

import "fmt"

// A threshold is what an alert asks for: at least floor in the window, more than growth
// times what is usual at this hour, and more than share of everything.
type threshold struct {
	code, reason string // reason is a matcher
	floor, share float64
}

// growth is how many times the past is a surge.
const growth = 2

// sentThresholds and receivedThresholds are those of ../../dashboards/alerts.yml.
var (
	sentThresholds = []threshold{
		{"451", `reason="system_storage"`, 3, 0.02},
		{"451", `reason="system_error"`, 10, 0.05},
		{"451", `reason="dns"`, 20, 0.2},
		{"451", `reason!~"system_storage|system_error|dns|greylisted"`, 100, 0},
		{"452", `reason!="system_storage"`, 100, 0},
	}
	receivedThresholds = []threshold{
		{"451", `reason="greylisted"`, 50, 0.6},
		{"451", `reason!~"greylisted|blocklist|sender_auth|mailbox_full"`, 20, 0.2},
		{"452", `reason="too_many_recipients"`, 50, 0.05},
		{"452", `reason!~"too_many_recipients|mailbox_full"`, 20, 0.2},
	}
)

// sent returns the share of the threshold that the worst of the chosen hosts has reached,
// by code and reason.
func (t threshold) sent() query {
	const name = "source_peer_code_reason:smtp_replies_sent:"
	m := t.matchers()
	counted := recorded(name+"increase1h", m)
	expr := t.reached("sum without (peer) ("+counted+")",
		fmt.Sprintf("sum without (peer) (%d * %s or 0 * %s)", growth, recorded(name+"past_increase1h", m), counted),
		"max without (peer) ("+recorded("source_peer_code_reason:smtp_replies_sent_detail:refused_ratio1h", m)+")")
	return q("{{code}} {{reason}}", `max by (code, reason) (%s) %s`, expr, everCounted(counted, "code, reason"))
}

// received is like sent, by code, provider and reason.
func (t threshold) received() query {
	const name = "source_provider_code_reason:smtp_deliveries:"
	m := t.matchers()
	counted := recorded(name+"increase2h", m)
	expr := t.reached(counted,
		fmt.Sprintf("(%d * %s or 0 * %s)", growth, recorded(name+"past_increase2h", m), counted),
		recorded(name+"ratio2h", m))
	return q("{{code}} {{provider}} {{reason}}", `max by (code, provider, reason) (%s) %s`, expr, everCounted(counted, "code, provider, reason"))
}

func (t threshold) matchers() string { return fmt.Sprintf(`code="%s", %s`, t.code, t.reason) }

// reached returns the smaller one of two shares: of the count in the floor or the past,
// and of the share in its limit.
func (t threshold) reached(counted, past, ratio string) string {
	byCount := fmt.Sprintf("%s / clamp_min(%s, %g)", counted, past, t.floor)
	if t.share == 0 {
		return byCount
	}
	return fmt.Sprintf(`min without (of) (label_replace(%s, "of", "count", "", "") or label_replace(%s / %g, "of", "share", "", ""))`, byCount, ratio, t.share)
}

// everCounted keeps the series that have counted something in the time shown.
func everCounted(counted, by string) string {
	return fmt.Sprintf("and on (%[1]s) (max by (%[1]s) (max_over_time(%[2]s[$__range:5m] @ end())) > 0)", by, counted)
}

// fullMailboxes is about an alert of its own, which compares days.
func fullMailboxes() query {
	const floor, limit = 200, 0.05
	name := chosen("source_provider_code_reason:smtp_deliveries:increase1d", "")
	return q("{{code}} {{provider}} {{reason}}",
		`max by (code, provider, reason) (min without (of) (`+
			`label_replace(%[1]s / %[2]d, "of", "count", "", "")`+
			` or label_replace(%[1]s / (%[3]d * %[4]s offset 1d > 0), "of", "1d", "", "")`+
			` or label_replace(%[1]s / (%[3]d * %[4]s offset 1w > 0), "of", "1w", "", "")`+
			` or label_replace(%[1]s / ignoring (code, class, reason) group_left () (%[5]g * sum_over_time(%[6]s[1d:2h])), "of", "share", "", "")`+
			`)) > 0`, recorded("source_provider_code_reason:smtp_deliveries:increase1d", ""), floor, growth, name, limit,
		chosen("source_provider:smtp_deliveries:increase2h", ""))
}
