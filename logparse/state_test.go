package logparse_test

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"smtp_reply_exporter/logparse"
)

// TestStateGoesOn reads a log with a chain of parsers, each of which goes on from
// the state of the one before it. The events must be those of a single parser.
// The lines of cases are few: there every line begins with a new parser.
func TestStateGoesOn(t *testing.T) {
	for _, name := range logNames(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			try := sweep(t, 100)
			log := lines(readLog(t, name))
			whole, parts := logparse.NewParser(), logparse.NewParser()
			for i, line := range log {
				if strings.HasSuffix(name, "/cases") || try() {
					state, err := parts.MarshalBinary()
					if err != nil {
						t.Fatal(err)
					}
					parts = logparse.NewParser()
					if err := parts.UnmarshalBinary(state); err != nil {
						t.Fatal(err)
					}
				}
				want, got := whole.Parse(line).Events, parts.Parse(line).Events
				if !reflect.DeepEqual(want, got) { // a diff of equals is slow
					t.Fatalf("line %d: %s\n%s", i+1, cmp.Diff(want, got), line)
				}
			}
		})
	}
}

func TestStateOfAnotherVersion(t *testing.T) {
	good, err := logparse.NewParser().MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	for name, state := range map[string][]byte{
		"empty": nil, "cut": good[:len(good)-1], "longer": append(bytes.Clone(good), 0), "part too long": bytes.Repeat([]byte{0xff}, 64),
	} {
		t.Run(name, func(t *testing.T) {
			if err := logparse.NewParser().UnmarshalBinary(state); err == nil {
				t.Error("no error")
			}
		})
	}
}
