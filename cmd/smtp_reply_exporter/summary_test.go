package main

import "testing"

func TestSummary(t *testing.T) {
	for _, tt := range []struct {
		golden, log string
	}{
		{"mail.txt", "testdata/mail.log"},
		{"no_reply.txt", "testdata/no_reply.log"},
		{"no_mta.txt", "testdata/no_mta.log"},
	} {
		t.Run(tt.golden, func(t *testing.T) {
			got, err := run(t, "parse", tt.log)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, tt.golden, got)
		})
	}
}

// The second part of a log adds to the counts of the first.
func TestSummaryOfFiles(t *testing.T) {
	got, err := run(t, "parse", "testdata/no_reply.log", "testdata/mail.log", "testdata/no_mta.log")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "files.txt", got)
}
