//go:build e2e

package e2e

import (
	"fmt"
	"maps"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Numbers of recipients and commands, above the floors of the rules.
const (
	accepted      = 10 // deliveries to each provider before it refuses
	fullMailboxes = 210
	throttled     = 30
	noSpace       = 30
	putOff        = 120 // recipients that the policy defers
	storageFull   = 5   // messages for which there is no space
)

// An expectation is an alert that the webhook must receive.
type expectation struct {
	name, receiver string
	labels         map[string]string // in addition to those of all alerts
	numbers        [2]float64        // the range of the number in the text: from the floor to the true number
	text           string            // a part of the description
}

var expectations = []expectation{
	{
		"SMTP452SentSystemStorage", "pager",
		map[string]string{"severity": "critical", "area": "sent", "code": "452", "reason": "system_storage"},
		[2]float64{1, storageFull + 1}, // increase() extrapolates
		"The queue file system is short of space",
	},
	{
		"SMTP451SentPolicy", "chat",
		map[string]string{"severity": "info", "area": "sent", "code": "451", "reason": "policy"},
		[2]float64{100, putOff * 1.1},
		"for the reason policy",
	},
	{
		"SMTP451ReceivedRateLimited", "chat",
		map[string]string{"severity": "warning", "area": "received", "provider": "throttling", "code": "451", "class": "4xx", "reason": "rate_limited"},
		[2]float64{20, throttled},
		"throttling throttles " + exporterAddress + " (mail) with 451 for the reason rate_limited",
	},
	{
		"SMTP452ReceivedSystemStorage", "chat",
		map[string]string{"severity": "warning", "area": "received", "provider": "outofspace", "code": "452", "class": "4xx", "reason": "system_storage"},
		[2]float64{20, noSpace},
		"outofspace answered 452 to ",
	},
	{
		"SMTP452ReceivedMailboxFull", "chat",
		map[string]string{"severity": "warning", "area": "received", "provider": "crowded", "code": "452", "class": "4xx", "reason": "mailbox_full"},
		[2]float64{200, fullMailboxes * 1.1},
		"crowded answered 452 for full mailboxes to ",
	},
	{
		"SMTPDeliveries4xxShare", "chat",
		map[string]string{"severity": "warning", "area": "received", "class": "4xx"},
		[2]float64{30, 100},
		"of the deliveries of " + exporterAddress + " (mail)",
	},
}

func TestAlertsEndToEnd(t *testing.T) {
	sinks := map[provider]*sink{}
	for _, p := range providers {
		sinks[p] = newSink(t, p)
	}
	log := startPostfix(t, workDir)
	startExporter(t, workDir, log)
	hook := newWebhook(t)
	startAlertmanager(t, workDir, hook.url)
	startPrometheus(t, workDir)

	// After its start the exporter may have read a backlog, so no alert may fire for a
	// whole window.
	wait(t, 3*time.Minute, "the rules over deliveries hold off no longer", func() error {
		r, err := query("time() - smtp_reply_exporter_source_caught_up_timestamp_seconds")
		if err != nil || len(r) != 1 || r[0].value < 7200/scale {
			return fmt.Errorf("since the catch-up: %v, %w", r, err)
		}
		return nil
	})

	c := &client{}
	deliver := func(p provider, n int) {
		t.Helper()
		const most = 50 // recipients of a message, Postfix' own limit for a transaction
		for ; n > 0; n -= most {
			c.send(t, portRelay, p.name+".example", min(n, most))
		}
	}
	for _, p := range providers {
		deliver(p, accepted)
	}
	deliver(crowded, 3*accepted) // so that it defers less than nine tenths
	taken := (len(providers) + 3) * accepted
	wait(t, time.Minute, "the providers have taken the first messages", func() error {
		return logged(t, log, "status=sent", taken)
	})

	sinks[throttling].answerRcpt("451 4.7.1 You are sending too fast, rate limit exceeded, slow down")
	sinks[crowded].answerRcpt("452 4.2.2 The mailbox is full, user is over quota")
	sinks[outOfSpace].answerRcpt("452 4.3.1 Insufficient system storage")
	deliver(crowded, fullMailboxes)
	deliver(throttling, throttled)
	deliver(outOfSpace, noSpace)
	for range storageFull {
		c.send(t, portFull, "crowded.example", 1)
	}
	c.send(t, portPolicy, "crowded.example", putOff)
	refused := fullMailboxes + throttled + noSpace
	wait(t, time.Minute, "the providers have refused the others", func() error {
		return logged(t, log, "status=deferred", refused)
	})

	wait(t, time.Minute, "the full disk inhibits the policy's alert", func() error {
		return inhibited("SMTP451SentPolicy")
	})
	want := map[string]bool{}
	for _, e := range expectations {
		want[e.name] = true
		wait(t, 4*time.Minute, e.name+" notified", func() error {
			if len(hook.notified(e.name)) == 0 {
				return fmt.Errorf("only %v", hook.names())
			}
			return nil
		})
		e.check(t, hook.notified(e.name))
	}
	if diff := cmp.Diff(want, hook.names()); diff != "" {
		t.Errorf("alerts notified: -want +got:\n%s", diff)
	}

	wait(t, time.Minute, "all sessions logged", func() error {
		return logged(t, log, " quit=1 ", c.sessions)
	})
	checkCounters(t, log, c, sinks, taken, refused)
}

// logged returns an error unless want lines of the log contain text.
func logged(t *testing.T, log, text string, want int) error {
	t.Helper()
	if got := strings.Count(read(t, log), text); got != want {
		return fmt.Errorf("%d lines with %q, want %d", got, text, want)
	}
	return nil
}

var count = regexp.MustCompile(`([0-9.]+)(%| refusals| such replies| deliveries)`)

// check compares the alerts at the webhook with the expectation.
func (e expectation) check(t *testing.T, got []alert) {
	t.Helper()
	want := maps.Clone(e.labels)
	maps.Copy(want, map[string]string{
		"alertname": e.name, "service": "mail", "job": "smtp_reply_exporter", "instance": exporterAddress, "source": "mail",
	})
	if len(got) != 1 {
		t.Fatalf("%s: %d alerts, want 1: %v", e.name, len(got), got)
	}
	a := got[0]
	if diff := cmp.Diff(want, a.Labels); diff != "" {
		t.Errorf("%s: labels: -want +got:\n%s", e.name, diff)
	}
	if a.receiver != e.receiver {
		t.Errorf("%s went to %s, want %s", e.name, a.receiver, e.receiver)
	}
	description := a.Annotations["description"]
	if !strings.Contains(description, e.text) {
		t.Errorf("%s: description %q, want %q in it", e.name, description, e.text)
	}
	found := count.FindStringSubmatch(description)
	if found == nil {
		t.Fatalf("%s: description %q, want a number", e.name, description)
	}
	number, err := strconv.ParseFloat(found[1], 64)
	if err != nil || number < e.numbers[0] || number > e.numbers[1] {
		t.Errorf("%s: description %q, want a number of %v", e.name, description, e.numbers)
	}
	if got, want := a.Annotations["runbook_url"], "/RUNBOOK.md#"+strings.ToLower(e.name); !strings.HasSuffix(got, want) {
		t.Errorf("%s: runbook_url %q, want %q at its end", e.name, got, want)
	}
}

// checkCounters compares the counters in Prometheus with the records of the other MTAs and
// the client.
func checkCounters(t *testing.T, log string, c *client, sinks map[provider]*sink, taken, refused int) {
	t.Helper()
	size := float64(len(read(t, log)))
	wait(t, time.Minute, "the log read and scraped", func() error {
		r, err := query("smtp_reply_exporter_source_read_bytes_total")
		if err != nil || len(r) != 1 || r[0].value < size {
			return fmt.Errorf("read %v of %.0f bytes, %w", r, size, err)
		}
		return nil
	})
	for _, tc := range []struct {
		promql string
		want   map[reply]int
	}{
		{`sum by (command, code) (smtp_replies_received_detail_total{peer="external"}) > 0`, outcomes(sinks[throttling].copy(), sinks[crowded].copy(), sinks[outOfSpace].copy())},
		{`sum by (code) (smtp_replies_received_total) > 0`, byCode(outcomes(sinks[throttling].copy(), sinks[crowded].copy(), sinks[outOfSpace].copy()))},
		{`sum by (command, code) (smtp_replies_sent_detail_total{peer="external"}) > 0`, outcomes(c.copy())},
		{`sum by (code) (smtp_replies_sent_total) > 0`, byCode(outcomes(c.copy()))},
		{`sum by (command, code) (smtp_dialogue_replies_sent_total) > 0`, dialogue(c.copy())},
		{`sum by (code) (smtp_deliveries_total) > 0`, map[reply]int{{code: "250"}: taken, {code: "451"}: throttled, {code: "452"}: refused - throttled}},
	} {
		samples, err := query(tc.promql)
		if err != nil {
			t.Fatal(err)
		}
		got := map[reply]int{}
		for _, s := range samples {
			got[reply{s.labels["command"], s.labels["code"]}] = int(s.value)
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s: -written down +counted:\n%s", tc.promql, diff)
		}
	}
}

// outcomes returns the sums of the refusals, and of the replies at the end of messages.
func outcomes(ledgers ...map[reply]int) map[reply]int {
	out := map[reply]int{}
	for _, l := range ledgers {
		for r, n := range l {
			if r.command == "end_of_data" || r.code >= "4" {
				out[r] += n
			}
		}
	}
	return out
}

// dialogue removes the outcomes from l and returns l.
func dialogue(l map[reply]int) map[reply]int {
	maps.DeleteFunc(l, func(r reply, _ int) bool { return r.command == "end_of_data" || r.code >= "4" })
	return l
}

func byCode(l map[reply]int) map[reply]int {
	out := map[reply]int{}
	for r, n := range l {
		out[reply{code: r.code}] += n
	}
	return out
}
