package main

import (
	"fmt"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// The colours are distinguishable with any kind of colour vision, on dark and on light
// ground. Green means well, and nothing bad is green; red means ill, and nothing good is
// red.
const (
	green   = "#2FB58C"
	sky     = "#56B4E9"
	blue    = "#2F62C9"
	violet  = "#8E7CC3"
	ochre   = "#8C7A3F"
	amber   = "#F2C744"
	orange  = "#F08A24"
	rust    = "#A8400B"
	pink    = "#F5A8C8"
	fuchsia = "#C238B0"
	red     = "#B5174F"
	slate   = "#7D8694"
	neutral = "text" // Grafana's colour of text: neither well nor ill
)

// A paint is the colour of the series whose name a regular expression matches.
type paint struct{ pattern, colour string }

// classes and codes have the same colours everywhere. A name begins with its class or code.
var codes = []paint{
	{"^2", green},
	{"^3", violet},
	{"^4", orange},
	{"^5", red},
	{"^none", slate},
	{"^220", sky},
	{"^221", blue},
	{"^421", ochre},
	{"^450", amber},
	{"^452", rust},
	{"^552", pink},
	{"^554", fuchsia},
}

// reasons have the same colours everywhere. A name ends with its reason. All reasons are
// bad, but none as such is worse than another, so that they get neither green nor red.
var reasons = suffixes(
	[]string{sky, rust, amber, violet, orange, blue, pink, ochre, fuchsia, slate},
	"rate_limited", "mailbox_full", "greylisted", "dns", "system_error", "timeout", "sender_auth", "policy", "blocklist", "other",
	"connection_limit", "spam_content", "lost_connection", "tls", "suspended", "network", "unknown_user", "too_many_recipients", "system_storage", "protocol_error",
	"refused", "message_too_large", "unreachable", "mailbox_disabled", "auth_failed", "bad_domain", "sender_rejected", "relay_denied", "virus", "loop",
)

// providers are those that most hosts deliver to. A name is the provider.
var providers = suffixes(
	[]string{blue, sky, violet, amber, ochre, pink, orange, fuchsia, rust},
	"google", "microsoft", "yahoo", "outlook_consumer", "apple", "gmx", "mail_ru", "comcast", "orange",
)

func suffixes(colours []string, names ...string) []paint {
	var out []paint
	for i, n := range names {
		out = append(out, paint{"(^| )" + n + "$", colours[i%len(colours)]})
	}
	return out
}

func (p paint) override() (regexp string, properties []dashboard.DynamicConfigValue) {
	return "/" + p.pattern + "/", []dashboard.DynamicConfigValue{{Id: "color", Value: fixed(p.colour)}}
}

func fixed(colour string) map[string]string {
	return map[string]string{"mode": "fixed", "fixedColor": colour}
}

// steps are thresholds: grey where there is no value, and then each colour from its value on.
func steps(more ...dashboard.Threshold) *dashboard.ThresholdsConfigBuilder {
	return dashboard.NewThresholdsConfigBuilder().Mode(dashboard.ThresholdsModeAbsolute).
		Steps(append([]dashboard.Threshold{{Color: neutral}}, more...))
}

func from(value float64, colour string) dashboard.Threshold {
	return dashboard.Threshold{Value: new(value), Color: colour}
}

// codeMappings colour the cells of a column of codes.
func codeMappings() []any {
	var out []any
	for _, p := range codes {
		if strings.HasPrefix(p.pattern, "^n") {
			continue
		}
		out = append(out, map[string]any{"type": "regex", "options": map[string]any{
			"pattern": fmt.Sprintf("%s[0-9x]*$", p.pattern), "result": map[string]any{"color": p.colour},
		}})
	}
	return out
}
