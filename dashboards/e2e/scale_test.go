//go:build e2e

package e2e

import (
	"fmt"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/common/model"
)

// scale is how much faster time passes here than in the rules: an hour takes a minute.
const scale = 60

var (
	// Windows, offsets, subquery steps, for:, interval: and Alertmanager's waits. A
	// recorded name such as a:b:increase1h has no word boundary before its digits.
	durations = regexp.MustCompile(`\b([0-9]+(ms|[smhdwy]))+\b`)
	// The rules' form of "longer ago than this many seconds".
	ages = regexp.MustCompile(`time\(\) - ([0-9]+)`)
)

// scaled returns the text of a rule file or of Alertmanager's configuration, with every
// time divided by scale. It keeps floors and shares, which count events.
func scaled(t *testing.T, text string) string {
	t.Helper()
	text = durations.ReplaceAllStringFunc(text, func(s string) string {
		d, err := model.ParseDuration(s)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%dms", (time.Duration(d) / scale).Milliseconds())
	})
	return ages.ReplaceAllStringFunc(text, func(s string) string {
		seconds, err := strconv.Atoi(ages.FindStringSubmatch(s)[1])
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("time() - %d", seconds/scale)
	})
}

func TestScaled(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{"window", `increase(a_total[30m]) > 20`, `increase(a_total[30000ms]) > 20`},
		{"subquery and offset", `a:b:increase1h[1d:2h] offset 1d23h`, `a:b:increase1h[1440000ms:120000ms] offset 2820000ms`},
		{"age", `a_seconds < time() - 3600`, `a_seconds < time() - 60`},
		{"rule", "interval: 1m\n for: 5m", "interval: 1000ms\n for: 5000ms"},
		{"route", `group_wait: 30s`, `group_wait: 500ms`},
		{"names and shares", `sum:x:past_ratio2h{code="451"} > 0.2`, `sum:x:past_ratio2h{code="451"} > 0.2`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := scaled(t, tc.in); got != tc.want {
				t.Errorf("scaled(%q) = %q, want %q", tc.in, got, tc.want)
			}
		})
	}
}
