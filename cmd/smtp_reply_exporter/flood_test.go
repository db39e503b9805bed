package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// floodReasons are the reasons that one text each gives in a flood.
var floodReasons = []string{
	"greylisted", "rate_limited", "connection_limit", "mailbox_full", "system_storage", "message_too_large",
	"too_many_recipients", "unknown_user", "mailbox_disabled", "bad_domain", "sender_rejected", "relay_denied", "blocklist",
	"spam_content", "virus", "sender_auth", "tls", "dns", "auth_failed", "policy", "protocol_error", "network", "system_error",
}

// limitOf is the number of series that a family may have.
var limitOf = map[string]int{
	"smtp_replies_sent_total": 500, "smtp_replies_sent_by_reason_total": 2000, "smtp_replies_sent_detail_total": 1000,
	"smtp_replies_received_total": 500, "smtp_replies_received_by_reason_total": 2000, "smtp_replies_received_detail_total": 2000,
	"smtp_deliveries_total": 1000, "smtp_refusals_without_code_total": 300,
	"smtp_dialogue_replies_sent_total": 500, "smtp_dialogue_replies_received_total": 500,
}

// A floodLine is what a line of a flood shows. Nothing in it is other.
type floodLine struct {
	received        bool
	program, host   string
	code            int
	enhanced, where string
	reason          string
}

func (l floodLine) String() string {
	reply := fmt.Sprintf("%d %s why=%s", l.code, l.enhanced, l.reason)
	if !l.received {
		return fmt.Sprintf("Nov 23 14:16:23 mx1 %s[698]: NOQUEUE: reject: %s from unknown[203.0.113.7]: %s; "+
			"from=<a@src.example> to=<bob@dest.example> proto=ESMTP helo=<pc>\n", l.program, l.where, reply)
	}
	status := "deferred"
	if l.code >= 500 {
		status = "bounced"
	}
	return fmt.Sprintf("Nov 23 14:16:23 mx1 %s[699]: 4BD8F1A2C3: to=<bob@dest.example>, relay=%s[198.51.100.9]:25, delay=1, delays=0/0/0.5/0.5, "+
		"dsn=4.0.0, status=%s (host %s[198.51.100.9] said: %s (in reply to %s TO command))\n", l.program, l.host, status, l.host, reply, l.where)
}

// remoteServer answers 200 codes for 23 reasons each, once.
func remoteServer() (lines []floodLine) {
	for code := 400; code < 600; code++ {
		for _, reason := range floodReasons {
			lines = append(lines, floodLine{true, "postfix/smtp", "mx00.gmx.net", code, fmt.Sprintf("%d.7.1", code/100), "RCPT", reason})
		}
	}
	return lines
}

// localUser writes with logger -t whatever comes to mind.
func localUser(rnd *rand.Rand) (lines []floodLine) {
	hosts := []string{"mx00.gmx.net", "aspmx.l.google.com", "dest-example.mail.protection.outlook.com", "mx00.t-online.de"}
	for range 40_000 {
		l := floodLine{received: rnd.IntN(2) == 0, code: 400 + rnd.IntN(200), where: "RCPT", reason: floodReasons[rnd.IntN(len(floodReasons))]}
		l.program, l.host = fmt.Sprintf("postfix/x%d/smtp", rnd.IntN(1000)), hosts[rnd.IntN(len(hosts))]
		if !l.received {
			l.program += "d"
			l.where = []string{"RCPT", "MAIL", "VRFY", "ETRN"}[rnd.IntN(4)]
		}
		l.enhanced = fmt.Sprintf("%d.%d.%d", l.code/100, []int{1, 7}[rnd.IntN(2)], 1+rnd.IntN(6))
		lines = append(lines, l)
	}
	return lines
}

// TestFlood floods the daemon, and checks each scrape meanwhile. The flood has no 451 and
// no 452. When they come at last, they have series of their own.
func TestFlood(t *testing.T) {
	for name, lines := range map[string][]floodLine{
		"a remote server": remoteServer(),
		"a local user":    localUser(rand.New(rand.NewPCG(1, 2))),
	} {
		t.Run(name, func(t *testing.T) {
			d := newDaemon(t)
			cfg := "state: DIR/state\nsources:\n  - {name: mail, file: DIR/mail.log}\nreasons:\n"
			for _, reason := range floodReasons {
				cfg += fmt.Sprintf("  - {reason: %s, pattern: 'why=%s\\b'}\n", reason, reason)
			}
			d.configure(cfg)
			d.run()
			rand.New(rand.NewPCG(3, 4)).Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
			lines = slices.DeleteFunc(lines, func(l floodLine) bool { return l.code == 451 || l.code == 452 })
			counted := 0
			for chunk := range slices.Chunk(lines, len(lines)/4) {
				d.appendAll(chunk)
				counted += len(chunk)
				d.checkFlood(counted)
			}
			genuine := []floodLine{
				{true, "postfix/smtp", "mx.dest.example", 451, "4.3.0", "RCPT", "dns"},
				{true, "postfix/smtp", "mx.dest.example", 452, "4.2.2", "RCPT", "mailbox_full"},
				{false, "postfix/smtpd", "", 451, "4.3.0", "RCPT", "system_error"},
				{false, "postfix/smtpd", "", 452, "4.3.1", "MAIL", "system_storage"},
			}
			d.appendAll(genuine)
			d.checkGenuine(genuine)
			d.measure()
		})
	}
}

func (d *daemon) appendAll(lines []floodLine) {
	d.Helper()
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(l.String())
	}
	d.append(b.String())
}

// A sample is a series of a scrape.
type sample struct {
	name   string
	labels map[string]string
	value  uint64
}

var labelPair = regexp.MustCompile(`(\w+)="([^"]*)"`)

// samples returns the series that count outcomes, by family.
func (s scrape) samples() map[string][]sample {
	all := map[string][]sample{}
	for series := range s {
		name, text, _ := strings.Cut(series, "{")
		if limitOf[name] == 0 {
			continue
		}
		labels := map[string]string{}
		for _, m := range labelPair.FindAllStringSubmatch(text, -1) {
			labels[m[1]] = m[2]
		}
		all[name] = append(all[name], sample{name, labels, uint64(s.number(series))})
	}
	return all
}

// sumBy adds the values of series by some of their labels.
func sumBy(samples []sample, labels ...string) map[string]uint64 {
	sums := map[string]uint64{}
	for _, s := range samples {
		var key []string
		for _, l := range labels {
			key = append(key, s.labels[l])
		}
		if s.value > 0 {
			sums[strings.Join(key, " ")] += s.value
		}
	}
	return sums
}

// checkFlood tests that the daemon has counted so many replies, that no family exceeds
// its limit, that sums agree, and that everything folded is counted.
func (d *daemon) checkFlood(counted int) {
	d.Helper()
	s := d.scrapeAll()
	all := s.samples()
	for family, samples := range all {
		if len(samples) > limitOf[family] {
			d.Errorf("%s has %d series, more than %d", family, len(samples), limitOf[family])
		}
		var folded uint64
		for _, s := range samples {
			if isFolded(s) {
				folded += s.value
			}
		}
		if got := s.number(`smtp_reply_exporter_folded_total{family="` + family + `",source="mail"}`); got != float64(folded) {
			d.Errorf("%s: %v folded, want %d", family, got, folded)
		}
	}
	total := uint64(0)
	for _, dir := range []string{"sent", "received"} {
		narrow, byReason, detail := all["smtp_replies_"+dir+"_total"], all["smtp_replies_"+dir+"_by_reason_total"], all["smtp_replies_"+dir+"_detail_total"]
		d.same(sumBy(narrow, "mta", "peer", "code"), sumBy(byReason, "mta", "peer", "code"))
		d.same(sumBy(byReason, "mta", "peer", "code", "reason"), sumBy(detail, "mta", "peer", "code", "reason"))
		total += sumBy(narrow)[""]
	}
	if total != uint64(counted) {
		d.Errorf("%d replies, want %d", total, counted)
	}
	d.same(sumBy(all["smtp_replies_received_total"], "class"), sumBy(all["smtp_deliveries_total"], "class"))
}

func (d *daemon) same(want, got map[string]uint64) {
	d.Helper()
	for key, n := range want {
		if got[key] != n {
			d.Errorf("the sum of %s is %d, want %d", key, got[key], n)
		}
	}
	if len(want) != len(got) {
		d.Errorf("%d sums, want %d", len(got), len(want))
	}
}

func isFolded(s sample) bool {
	for _, l := range []string{"program", "provider", "command", "code", "enhanced_code", "reason"} {
		if s.labels[l] == "other" {
			return true
		}
	}
	return false
}

// checkGenuine tests that the lines are counted in series of their own.
func (d *daemon) checkGenuine(lines []floodLine) {
	d.Helper()
	all := d.scrapeAll().samples()
	for _, l := range lines {
		dir := map[bool]string{true: "received", false: "sent"}[l.received]
		if n := sumBy(all["smtp_replies_"+dir+"_total"], "code")[fmt.Sprint(l.code)]; n != 1 {
			d.Errorf("%d replies %d %s, want 1", n, l.code, dir)
		}
		if n := sumBy(all["smtp_replies_"+dir+"_by_reason_total"], "code", "reason")[fmt.Sprint(l.code, " ", l.reason)]; n != 1 {
			d.Errorf("%d replies %d %s for %s, want 1", n, l.code, dir, l.reason)
		}
	}
}

// measure logs what the flood costs.
func (d *daemon) measure() {
	d.Helper()
	_, body := d.get("/metrics")
	d.Logf("%d bytes a scrape, %d series", len(body), strings.Count(body, "\n"))
	for family, samples := range d.scrape().samples() {
		d.Logf("%s: %d series", family, len(samples))
	}
	if info, err := os.Stat(filepath.Join(d.dir, "state")); err == nil {
		d.Logf("state file of %d bytes", info.Size())
	}
	if status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.process.Pid)); err == nil {
		d.Logf("%s", regexp.MustCompile(`VmRSS:.*`).Find(status))
	}
}
