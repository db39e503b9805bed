package main

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestOutcomes appends lines and checks that only their outcomes are counted.
func TestOutcomes(t *testing.T) {
	const (
		deferred = "Nov 23 14:16:21 mx1 postfix/smtp[301]: AB04A9A5D23: to=<user%d@example.net>, relay=mx.example.net[203.0.113.25]:25, delay=1, delays=1/0/0/0, dsn=4.7.500, " +
			"status=deferred (host mx.example.net[203.0.113.25] said: 451 4.7.500 Server busy. Please try again later. (in reply to %s command))\n"
		probe = "Nov 23 14:16:2%[1]d mx1 postfix/smtpd[40%[1]d]: connect from probe.example.org[192.0.2.9]\n" +
			"Nov 23 14:16:2%[1]d mx1 postfix/smtpd[40%[1]d]: disconnect from probe.example.org[192.0.2.9] ehlo=1 quit=1 commands=2\n" +
			"Nov 23 14:16:2%[1]d mx1 postfix/smtpd[40%[1]d]: connect from probe.example.org[192.0.2.9]\n" +
			"Nov 23 14:16:2%[1]d mx1 postfix/smtpd[40%[1]d]: lost connection after CONNECT from probe.example.org[192.0.2.9]\n" +
			"Nov 23 14:16:2%[1]d mx1 postfix/smtpd[40%[1]d]: disconnect from probe.example.org[192.0.2.9] commands=0/0\n"
	)
	recipients := func(n int, command string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, deferred, i, command)
		}
		return b.String()
	}
	probes := ""
	for i := range 10 {
		probes += fmt.Sprintf(probe, i)
	}
	for _, tc := range []struct {
		name, lines string
		replies     map[string]string // in the narrower families
		deliveries  float64           // the sum over all labels
	}{
		{
			name: "200 recipients with a constant 451", lines: recipients(200, "RCPT TO"),
			replies: map[string]string{total("received", "451", "4xx", "local_error"): "200"}, deliveries: 200,
		},
		{
			name: "a message refused for 50 recipients", lines: recipients(50, "end of DATA"),
			replies: map[string]string{total("received", "451", "4xx", "local_error"): "1"}, deliveries: 50,
		},
		{name: "probes that connect and quit", lines: probes, replies: map[string]string{}},
		{name: "lines that imitate replies", lines: testdata(t, "hostile.log"), replies: map[string]string{}},
		{
			name: "replies that imitate others", lines: testdata(t, "forged.log"),
			replies: map[string]string{
				total("sent", "554", "5xx", "transaction_failed"):      "1",
				total("received", "250", "2xx", "ok"):                  "1",
				total("received", "550", "5xx", "mailbox_unavailable"): "1",
			}, deliveries: 2,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			d := newDaemon(t)
			d.run()
			d.append(tc.lines)
			replies, deliveries := map[string]string{}, 0.0
			outcomes := d.scrapeAll().outcomes()
			for series, value := range outcomes {
				switch {
				case strings.HasPrefix(series, "smtp_deliveries_"):
					deliveries += outcomes.number(series)
				case !strings.Contains(series, "_by_reason_") && !strings.Contains(series, "_detail_"):
					replies[series] = value
				}
			}
			if diff := cmp.Diff(tc.replies, replies); diff != "" {
				t.Errorf("replies and refusals (-want +got):\n%s", diff)
			}
			if deliveries != tc.deliveries {
				t.Errorf("%v deliveries, want %v", deliveries, tc.deliveries)
			}
		})
	}
}

// TestVerboseLogging compares a normal and a verbose log of the same sessions.
func TestVerboseLogging(t *testing.T) {
	t.Parallel()
	verbose := testdata(t, "verbose.log")
	usual := regexp.MustCompile(`(?m)^.*\]: [<>] .*\n`).ReplaceAllString(verbose, "")
	outcomes := func(log string) scrape {
		d := newDaemon(t)
		d.run()
		d.append(log)
		return d.scrapeAll().outcomes()
	}
	want := outcomes(usual)
	if len(want) < 10 {
		t.Errorf("%d series: has the log been found?", len(want))
	}
	if diff := cmp.Diff(want, outcomes(verbose)); diff != "" {
		t.Errorf("outcomes (-usual +verbose):\n%s", diff)
	}
}
