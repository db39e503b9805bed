package logparse

import (
	"encoding/json"
	"math/rand/v2"
	"testing"
)

// TestJSONStrings compares strings of all lengths and escapes with encoding/json.
func TestJSONStrings(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	parts := []string{"a", "bc", "defghijklmnop", `\"`, `\\`, `\n`, `\t`, `\/`, `\b`, `\f`, `\r`, `\u00e4`, `\ud83d\ude00`, `\ud83dx`, "ä", " ", "{", "}", `,`, ":"}
	o := newJSONObject("key", "last")
	for range 20000 {
		var text string
		for range random.IntN(20) {
			text += parts[random.IntN(len(parts))]
		}
		object := []byte(`{"other":"` + text + `","key":"` + text + `","n":{"last":1},"last":"` + text + `"}`)
		var want struct{ Key, Last string }
		if err := json.Unmarshal(object, &want); err != nil {
			t.Fatalf("%s: %v", object, err)
		}
		if !o.parse(object) || string(o.values[0]) != want.Key || string(o.values[1]) != want.Last {
			t.Fatalf("%s: %q and %q, want %q", object, o.values[0], o.values[1], want.Key)
		}
	}
}
