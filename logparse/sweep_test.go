package logparse_test

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
)

// sweep returns a function that reports whether a test tries the next of many
// places: one in n, by chance, but the same ones in every run. SEED=7 chooses
// others. FULL=1, with which `make sweeps` runs these tests, tries all.
func sweep(t *testing.T, n int) (try func() bool) {
	full, seed := sweeps(t)
	random := rand.New(rand.NewPCG(seed, 0))
	tried, places := 0, 0
	t.Cleanup(func() { t.Logf("tried %d of %d places, SEED=%d", tried, places, seed) })
	return func() bool {
		places++
		if !full && random.IntN(n) > 0 {
			return false
		}
		tried++
		return true
	}
}

// sweeps returns whether tests sweep in full, and the seed of what they try by chance.
func sweeps(t *testing.T) (full bool, seed uint64) {
	t.Helper()
	full, seed = os.Getenv("FULL") != "", 1
	if s := os.Getenv("SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatalf("SEED: %v", err)
		}
	}
	return full, seed
}
