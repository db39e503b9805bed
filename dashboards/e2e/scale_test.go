//go:build e2e

package e2e

import (
	"testing"

	"smtp_reply_exporter/cmd/replay"
)

// scale is how much faster time passes here than in the rules: an hour takes a minute.
const scale = 60

// scaled returns the text of a rule file or of Alertmanager's configuration, with every
// time divided by scale.
func scaled(t *testing.T, text string) string {
	t.Helper()
	text, err := replay.Scale(text, scale)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
