//go:build !race

package classify

import "testing"

// With -race, a sync.Pool drops its items now and then.
func TestLabelsDoNotAllocate(t *testing.T) {
	c := newClassifier(t, "")
	if n := testing.AllocsPerRun(100, func() {
		for i := range labelCases {
			c.Labels(nil, &labelCases[i].event)
		}
	}); n > 0 {
		t.Errorf("%v allocations for %d events", n, len(labelCases))
	}
}
