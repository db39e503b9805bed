package logparse_test

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
)

// sweep returns a function that reports whether a test tries the next of many
// places: about one in n, the same ones in every run. With FULL=1, as `make full`
// sets it, the test tries them all; SEED=7 makes it try others.
func sweep(t *testing.T, n int) (try func() bool) {
	t.Helper()
	if os.Getenv("FULL") != "" {
		return func() bool { return true }
	}
	seed := uint64(1)
	if s := os.Getenv("SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatalf("SEED: %v", err)
		}
	}
	t.Logf("tries one place in %d: SEED=%d", n, seed)
	random := rand.New(rand.NewPCG(seed, 0))
	return func() bool { return random.IntN(n) == 0 }
}
