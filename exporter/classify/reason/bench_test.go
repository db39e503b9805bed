package reason

import (
	"testing"
)

// BenchmarkReason classifies the labelled replies. "naive" tries the same rules in
// order without the automaton.
func BenchmarkReason(b *testing.B) {
	replies := labelled(b)
	size := 0
	for _, r := range replies {
		size += len(r.text)
	}
	b.Run("automaton", func(b *testing.B) {
		c, err := New(nil)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		b.SetBytes(int64(size / len(replies)))
		for i := 0; b.Loop(); i++ {
			r := &replies[i%len(replies)]
			c.Reason(r.dir, r.code, r.enhanced, r.provider, r.text)
		}
	})
	b.Run("naive", func(b *testing.B) {
		rules := builtin().rules
		patterns := compileAlone(rules)
		var buf [2 * maxText]byte
		b.ReportAllocs()
		b.SetBytes(int64(size / len(replies)))
		for i := 0; b.Loop(); i++ {
			r := &replies[i%len(replies)]
			text := fold(buf[:0], r.text[:min(len(r.text), maxText)], r.code)
			for j := range rules {
				if rules[j].applies(r.reply) && (patterns[j] == nil || patterns[j].Match(text)) {
					break
				}
			}
		}
	})
}
