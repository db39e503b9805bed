package main

import (
	"fmt"
	"os"

	"gopkg.in/yaml.v3"
)

// settings is what the dashboards use of thresholds.yml.
type settings struct {
	Runbook    string
	PerHost    map[string]float64 `yaml:"per_host"`
	Thresholds map[string]float64
}

func readSettings() (settings, error) {
	var s settings
	text, err := os.ReadFile(thresholds)
	if err != nil {
		return s, err
	}
	if err := yaml.Unmarshal(text, &s); err != nil {
		return s, fmt.Errorf("%s: %w", thresholds, err)
	}
	for _, name := range []string{
		"growth", "storage_floor", "storage_share", "dns_floor", "dns_share", "policy_floor", "greylisted_floor", "greylisted_share",
		"recipients_floor", "recipients_share", "mailbox_full_floor", "mailbox_full_share",
	} {
		if s.Thresholds[name] == 0 {
			return s, fmt.Errorf("%s: no threshold %s", thresholds, name)
		}
	}
	for _, name := range []string{"own_fault_floor", "own_fault_share", "provider_floor", "provider_share"} {
		if s.PerHost[name] == 0 {
			return s, fmt.Errorf("%s: no threshold %s", thresholds, name)
		}
	}
	return s, nil
}

// A threshold is what an alert asks for: at least floor in the window, more than growth
// times what is usual at this hour, and more than share of everything.
type threshold struct {
	code, reason         string // reason is a matcher
	floor, share, growth float64
}

// sentQueries and receivedQueries have a query for each kind of threshold.
func (s settings) sentQueries() []query {
	t, host, growth := s.Thresholds, s.PerHost, s.Thresholds["growth"]
	var out []query
	for _, t := range []threshold{
		{"451", `reason="system_storage"`, t["storage_floor"], t["storage_share"], growth},
		{"451", `reason="system_error"`, host["own_fault_floor"], host["own_fault_share"], growth},
		{"451", `reason="dns"`, t["dns_floor"], t["dns_share"], growth},
		{"451", `reason!~"system_storage|system_error|dns|greylisted"`, t["policy_floor"], 0, growth},
		{"452", `reason!="system_storage"`, t["policy_floor"], 0, growth},
	} {
		out = append(out, t.sent())
	}
	return append(out, q("452 system_storage", `max(sum by (job, instance, source, host) (increase(%s[30m]))) > 0`,
		raw("smtp_replies_sent_by_reason_total", `code="452", reason="system_storage"`)))
}

func (s settings) receivedQueries() []query {
	t, host, growth := s.Thresholds, s.PerHost, s.Thresholds["growth"]
	var out []query
	for _, t := range []threshold{
		{"451", `reason="greylisted"`, t["greylisted_floor"], t["greylisted_share"], growth},
		{"451", `reason!~"greylisted|blocklist|sender_auth|mailbox_full"`, host["provider_floor"], host["provider_share"], growth},
		{"452", `reason="too_many_recipients"`, t["recipients_floor"], t["recipients_share"], growth},
		{"452", `reason!~"too_many_recipients|mailbox_full"`, host["provider_floor"], host["provider_share"], growth},
	} {
		out = append(out, t.received())
	}
	return append(out, fullMailboxes(t["mailbox_full_floor"], t["mailbox_full_share"], growth))
}

// sent returns the share of the threshold that the worst of the chosen hosts has reached,
// by code and reason.
func (t threshold) sent() query {
	const name = "source_peer_code_reason:smtp_replies_sent:"
	m := t.matchers()
	one := recorded(name+"increase1h", m)
	counted := "sum without (peer) (" + one + ")"
	expr := t.reached(counted,
		fmt.Sprintf("sum without (peer) (%g * %s or 0 * %s)", t.growth, recorded(name+"past_increase1h", m), one),
		fmt.Sprintf("%[1]s / (%[1]s + ignoring (code, reason) group_left () sum without (peer) (%[2]s))", counted,
			recorded("source_peer:smtp_replies_sent_detail:accepted1h", "")))
	return q("{{code}} {{reason}}", `max by (code, reason) (%s) %s`, expr, everCounted(one, "code, reason"))
}

// received is like sent, by code, provider and reason.
func (t threshold) received() query {
	const name = "source_provider_code_reason:smtp_deliveries:"
	m := t.matchers()
	counted := recorded(name+"increase2h", m)
	expr := t.reached(counted,
		fmt.Sprintf("(%g * %s or 0 * %s)", t.growth, recorded(name+"past_increase2h", m), counted),
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
	return fmt.Sprintf(`min without (of) (label_replace(%s, "of", "count", "", "") or label_replace((%s) / %g, "of", "share", "", ""))`, byCount, ratio, t.share)
}

// everCounted keeps the series that have counted something in the time shown.
func everCounted(counted, by string) string {
	return fmt.Sprintf("and on (%[1]s) (max by (%[1]s) (max_over_time(%[2]s[$__range:5m] @ end())) > 0)", by, counted)
}

// fullMailboxes is about an alert of its own, which compares days.
func fullMailboxes(floor, limit, growth float64) query {
	name := chosen("source_provider_code_reason:smtp_deliveries:increase1d", "")
	return q("{{code}} {{provider}} {{reason}}",
		`max by (code, provider, reason) (min without (of) (`+
			`label_replace(%[1]s / %[2]g, "of", "count", "", "")`+
			` or label_replace(%[1]s / (%[3]g * %[4]s offset 1d > 0), "of", "1d", "", "")`+
			` or label_replace(%[1]s / (%[3]g * %[4]s offset 1w > 0), "of", "1w", "", "")`+
			` or label_replace(%[1]s / ignoring (code, class, reason) group_left () (%[5]g * sum_over_time(%[6]s[1d:2h])), "of", "share", "", "")`+
			`)) > 0`, recorded("source_provider_code_reason:smtp_deliveries:increase1d", ""), floor, growth, name, limit,
		chosen("source_provider:smtp_deliveries:increase2h", ""))
}
