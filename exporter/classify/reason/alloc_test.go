//go:build !race

package reason

import (
	"testing"
)

// With -race, a sync.Pool drops items, and regexp uses one too.
func TestReasonDoesNotAllocate(t *testing.T) {
	c, err := New(nil)
	if err != nil {
		t.Fatal(err)
	}
	text := []byte("550-5.1.1 <user@example.com>: Recipient address rejected: User unknown in virtual mailbox table")
	r := Reply{Code: 550, Text: text}
	n := testing.AllocsPerRun(1000, func() { c.Reason(&r) })
	if n != 0 {
		t.Errorf("Reason allocates %v times", n)
	}
}
