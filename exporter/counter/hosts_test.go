package counter

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"smtp_reply_exporter/exporter/classify"
	"smtp_reply_exporter/exporter/classify/peer"
	"smtp_reply_exporter/exporter/config"
	"smtp_reply_exporter/logparse"
)

// from feeds an event of a host.
func from(s *Source, host string, e logparse.Event, l classify.Labels) {
	r := logparse.Result{
		Outcome: logparse.Understood, MTA: "postfix", Program: []byte("postfix/smtp"), Events: []logparse.Event{e},
		Envelope: logparse.Envelope{Host: []byte(host)},
	}
	s.Line(&r, []classify.Labels{l}, later)
}

// received returns the replies received by host.
func received(c *Snapshot) map[string]uint64 {
	return sums(c.Received, func(k Reply) string { return k.Host })
}

// Who can write to a log can write any name into it. None may break a scrape.
func TestHostLabel(t *testing.T) {
	long := strings.Repeat("x", config.MaxHostName)
	for name, tc := range map[string]struct {
		hosts     Hosts
		log, want string
	}{
		"off":              {Hosts{}, "mx1", ""},
		"any":              {Hosts{Any: true}, "mx1", "mx1"},
		"upper case":       {Hosts{Any: true}, "MX1.Example", "mx1.example"},
		"no host":          {Hosts{Any: true}, "", ""},
		"listed":           {Hosts{Names: []string{"mx1"}}, "MX1", "mx1"},
		"not listed":       {Hosts{Names: []string{"mx1"}}, "mx2", "other"},
		"called other":     {Hosts{Any: true}, "Other", "other"},
		"longest":          {Hosts{Any: true}, long, long},
		"too long":         {Hosts{Any: true}, long + "x", "other"},
		"not UTF-8":        {Hosts{Any: true}, "mx\xff", "other"},
		"control":          {Hosts{Any: true}, "mx\x00", "other"},
		"an address":       {Hosts{Any: true}, "2001:db8::1", "2001:db8::1"},
		"of another alpha": {Hosts{Any: true}, "почта", "почта"},
	} {
		t.Run(name, func(t *testing.T) {
			s := NewSource([]string{"postfix"}, tc.hosts, start)
			from(s, tc.log, deferred, external)
			if diff := cmp.Diff(map[string]uint64{tc.want: 1}, received(s.Snapshot())); diff != "" {
				t.Errorf("replies by host (-want +got):\n%s", diff)
			}
		})
	}
}

// TestHostsAreBounded logs under ever new names. The last ones are other, which each family
// counts as folded.
func TestHostsAreBounded(t *testing.T) {
	s := NewSource([]string{"postfix"}, Hosts{Any: true}, start)
	const more = 50
	for range 2 {
		for i := range config.MaxHosts + more {
			from(s, fmt.Sprint("mx", i), deferred, external)
		}
	}
	c := s.Snapshot()
	if hosts := received(c); len(hosts) != config.MaxHosts+1 || hosts[other] != 2*more {
		t.Errorf("%d hosts, %d replies of other", len(hosts), hosts[other])
	}
	for _, family := range []Family{Received, ReceivedByReason, ReceivedDetail, Deliveries} {
		if got := c.Folded[family].Value; got != 2*more {
			t.Errorf("%s folded %d, want %d", family, got, 2*more)
		}
	}
	checkSums(t, c)
	after := restored(t, s, "postfix")
	if diff := cmp.Diff(c, after.Snapshot()); diff != "" {
		t.Errorf("a restart (-before +after):\n%s", diff)
	}
}

// TestHostsStartAtZero tests which series a host has before its first event.
func TestHostsStartAtZero(t *testing.T) {
	zeros := func(c *Snapshot, host string) (byReason, others int) {
		count := func(n *int, is bool) {
			if is {
				*n++
			}
		}
		for k := range c.SentByReason {
			count(&byReason, k.Host == host)
		}
		for k := range c.ReceivedByReason {
			count(&byReason, k.Host == host)
		}
		for k := range c.Received {
			count(&others, k.Host == host)
		}
		for k := range c.DialogueSent {
			count(&others, k.Host == host)
		}
		for k := range c.Refusals {
			count(&others, k.Host == host)
		}
		return byReason, others
	}
	want := len(sentPeers)*len(sentAlerts) + len(receivedPeers)*len(receivedAlerts)
	listed := NewSource([]string{"postfix"}, Hosts{Names: []string{"mx1"}}, start)
	seen := NewSource([]string{"postfix"}, Hosts{Any: true}, start)
	if n, _ := zeros(seen.Snapshot(), "mx1"); n != 0 {
		t.Errorf("%d series of a host that did not log", n)
	}
	seen.Line(&logparse.Result{Outcome: logparse.Other, MTA: "postfix", Envelope: logparse.Envelope{Host: []byte("mx1")}}, nil, later)
	for name, s := range map[string]*Source{"listed": listed, "seen": seen} {
		if n, others := zeros(s.Snapshot(), "mx1"); n != want || others != 0 {
			t.Errorf("%s: %d pairs, want %d; %d other series", name, n, want, others)
		}
		s = restored(t, s, "postfix")
		from(s, "mx1", deferred, external)
		checkSums(t, s.Snapshot())
	}
}

// TestHostsTurnedOn counts without hosts, with them, with another list, and without again.
// No series changes that counted before.
func TestHostsTurnedOn(t *testing.T) {
	s := NewSource([]string{"postfix"}, Hosts{}, start)
	want := map[string]uint64{}
	for i, step := range []struct {
		hosts Hosts
		label string
	}{
		{Hosts{}, ""}, {Hosts{Any: true}, "mx1"}, {Hosts{Names: []string{"mx2"}}, "other"}, {Hosts{Names: []string{"mx1"}}, "mx1"}, {Hosts{}, ""},
	} {
		before := s.Snapshot()
		var changed []Family
		if s, changed = Restore(before, []string{"postfix"}, step.hosts, later); changed != nil {
			t.Errorf("step %d changed %v", i, changed)
		}
		growing(t, before.Received, s.Snapshot().Received)
		growing(t, before.ReceivedByReason, s.Snapshot().ReceivedByReason)
		from(s, "MX1", deferred, external)
		want[step.label]++
		if diff := cmp.Diff(want, received(s.Snapshot())); diff != "" {
			t.Errorf("step %d (-want +got):\n%s", i, diff)
		}
		checkSums(t, s.Snapshot())
	}
}

// TestFloodOfHosts floods a source with more hosts than have a label. Each of those keeps
// the pairs in the alerts, the others the catalogue, and what counted without a host before
// stays as it is.
func TestFloodOfHosts(t *testing.T) {
	f := newFlood(t, 0, "postfix")
	f.anything("postfix", logparse.Sent, peer.External, 2000)
	f.anything("postfix", logparse.Received, peer.External, 2000)
	f.verifyOne()
	f.source, _ = Restore(f.snapshot, []string{"postfix"}, Hosts{Any: true}, later)
	name := func(i int) string { return fmt.Sprintf("mx%d.example", i) }
	for range 2 {
		for i := range config.MaxHosts + 10 {
			f.host = name(i)
			f.anything("postfix", logparse.Received, peer.External, 80)
			f.anything("postfix", logparse.Sent, peer.External, 80)
		}
		f.verify()
		checkSums(t, f.snapshot)
	}
	for _, family := range []Family{Sent, Received, SentByReason, ReceivedByReason, SentDetail, ReceivedDetail, Deliveries} {
		if f.snapshot.Folded[family].Value < 1000 {
			t.Errorf("%s is not full", family)
		}
	}
	want := map[ByReason]uint64{}
	own := func(k ByReason) ByReason {
		if !isOwn(k.Host) || k.Code != 451 || k.Reason != "rate_limited" {
			return ByReason{}
		}
		return k
	}
	before := sums(f.snapshot.ReceivedByReason, own)
	for i := range config.MaxHosts {
		f.host = name(i)
		for _, p := range receivedPeers {
			e := logparse.Event{Kind: logparse.Reply, Direction: logparse.Received, Command: logparse.Rcpt, Code: 451, Count: 1, Deliveries: 1}
			f.say("postfix", "postfix/smtp", e, classify.Labels{Peer: p, Provider: "gmx", Reason: "rate_limited"})
			key := ByReason{f.host, "postfix", p, CodeReason{451, "rate_limited"}}
			want[key] = before[key] + 1
		}
	}
	f.host = "mx-new.example"
	for _, w := range waves("postfix") {
		f.catalogue(w.mta, w.dir, w.p)
	}
	f.verify()
	checkSums(t, f.snapshot)
	got := sums(f.snapshot.ReceivedByReason, own)
	delete(got, ByReason{})
	agree(t, "451 of each host", want, got)
	f.restart()
}

func TestHostsDoNotAllocate(t *testing.T) {
	s := NewSource([]string{"postfix"}, Hosts{Any: true}, start)
	r := logparse.Result{
		Outcome: logparse.Understood, MTA: "postfix", Program: []byte("postfix/smtp"), Events: []logparse.Event{deferred},
		Envelope: logparse.Envelope{Host: []byte("MX1.example")},
	}
	labels := []classify.Labels{external}
	if n := testing.AllocsPerRun(100, func() { s.Line(&r, labels, later) }); n > 0 {
		t.Errorf("%v allocations a line", n)
	}
}
