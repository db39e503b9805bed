package logparse_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"smtp_reply_exporter/logparse"
)

// A log that is read by a chain of parsers, each going on from the state of the
// one before it, tells the same as one that is read by a single parser.
func TestStateGoesOn(t *testing.T) {
	for _, name := range logNames(t) {
		t.Run(name, func(t *testing.T) {
			log := lines(readLog(t, name))
			whole, parts := logparse.NewParser(), logparse.NewParser()
			for i, line := range log {
				if i%997 == 0 || strings.HasSuffix(name, "/cases") {
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
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("line %d: %s\n%s", i+1, diff, line)
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
