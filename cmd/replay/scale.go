package replay

import (
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/prometheus/common/model"
)

var (
	// Windows, offsets, subquery steps, for:, interval: and Alertmanager's waits. A
	// recorded name such as a:b:increase1h has no word boundary before its digits.
	durations = regexp.MustCompile(`\b([0-9]+(ms|[smhdwy]))+\b`)
	// The rules' form of "longer ago than this many seconds".
	ages = regexp.MustCompile(`time\(\) - ([0-9]+)`)
)

// Scale returns the text of a rule file or of Alertmanager's configuration, with every
// time divided by scale, so that a test need not wait for hours. It keeps floors and
// shares, which count events.
func Scale(text string, scale int) (string, error) {
	var failed error
	text = durations.ReplaceAllStringFunc(text, func(s string) string {
		d, err := model.ParseDuration(s)
		if err != nil {
			failed = err
		}
		return fmt.Sprintf("%dms", (time.Duration(d) / time.Duration(scale)).Milliseconds())
	})
	text = ages.ReplaceAllStringFunc(text, func(s string) string {
		seconds, err := strconv.Atoi(ages.FindStringSubmatch(s)[1])
		if err != nil {
			failed = err
		}
		return fmt.Sprintf("time() - %d", seconds/scale)
	})
	return text, failed
}
