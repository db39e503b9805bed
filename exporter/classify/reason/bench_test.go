package reason

import (
	"testing"
)

// BenchmarkReason classifies the labelled replies.
func BenchmarkReason(b *testing.B) {
	replies := labelled(b)
	size := 0
	for _, r := range replies {
		size += len(r.Text)
	}
	c, err := New(nil)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(int64(size / len(replies)))
	for i := 0; b.Loop(); i++ {
		c.Reason(&replies[i%len(replies)].Reply)
	}
}
