package main

import (
	"fmt"
	"strings"
	"testing"
)

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
			if (err != nil) != (tt.golden == "no_mta.txt") {
				t.Fatal(err)
			}
			golden(t, tt.golden, got)
		})
	}
}

// A log in which no line is an MTA's is an error that names the nearest form of a header;
// an empty log is none.
func TestParseUnread(t *testing.T) {
	for _, tt := range []struct{ log, want string }{
		{"", ""},
		{"\n\n", ""},
		{"Nov 23 14:16:23 mx1 postfix/smtpd[7]: connect from unknown[192.0.2.7]\n", ""},
		{"2026-11-23 14:16:23|mx1|postfix/smtpd[7]: x\n", `could not be read; the nearest form is ISO 8601 with a blank, such as "2026-11-23 14:16:23 mx1 postfix`},
		{"\nNov 23 14:16:23 mx1 nginx[7]: x\n", "is another program's; the nearest form is RFC 3164, such as"},
		{"mx1 nginx[7]: x\nNov 23 14.16.23 mx1 postfix/smtpd[7]: x\n", "the header of line 2 of "},
	} {
		for _, output := range []string{"summary", "json"} {
			_, err := run(t, "parse", "--output="+output, write(t, "mail.log", tt.log))
			if got := fmt.Sprint(err); tt.want == "" && err != nil || tt.want != "" && !strings.Contains(got, tt.want) {
				t.Errorf("%q: %s, want %q", tt.log, got, tt.want)
			}
		}
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
