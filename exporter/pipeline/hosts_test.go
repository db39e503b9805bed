package pipeline

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"smtp_reply_exporter/exporter/counter"
)

// TestHosts reads a central log of two hosts. A reload turns hosts on: new counts have the
// label, older ones stay as they are.
func TestHosts(t *testing.T) {
	t.Parallel()
	both := strings.Replace(refused, "mx1", "MX1", 1) + strings.Replace(refused, "mx1", "mx2", 1)
	h := newHost(t)
	h.write("mail.log", "")
	h.run("[{name: mail, file: DIR/mail.log}]")
	counted := func() map[string]uint64 {
		got := map[string]uint64{}
		for k, n := range h.source("mail").Sent {
			if k.Code == 554 && n.Value > 0 {
				got[k.Host] += n.Value
			}
		}
		return got
	}
	for _, tc := range []struct {
		hosts string
		want  map[string]uint64
	}{
		{"false", map[string]uint64{"": 2}},
		{"true", map[string]uint64{"": 2, "mx1": 1, "mx2": 1}},
		{"[Mx2]", map[string]uint64{"": 2, "mx1": 1, "mx2": 2, "other": 1}},
	} {
		h.reload("[{name: mail, file: DIR/mail.log, hosts: " + tc.hosts + "}]")
		h.write("mail.log", both)
		h.wait("hosts: "+tc.hosts, func() bool { return cmp.Equal(tc.want, counted()) })
	}
	pair := counter.ByReason{Host: "mx2", MTA: "postfix", Peer: "external", CodeReason: counter.CodeReason{Code: 452, Reason: "system_storage"}}
	if _, ok := h.source("mail").SentByReason[pair]; !ok {
		t.Error("the pairs in the alerts do not start at 0")
	}
}

// TestHeader reads a log whose header only the configuration knows, and a line with a known
// one.
func TestHeader(t *testing.T) {
	t.Parallel()
	_, message, _ := strings.Cut(refused, "]: ")
	h := newHost(t)
	h.write("mail.log", "")
	h.run("[{name: mail, file: DIR/mail.log, hosts: true, header: '(?P<host>\\w+)/(?P<program>\\S+)/(?P<pid>\\d+) (?P<message>.*)', " +
		"samples: [{line: mx1/postfix/smtpd/12 connect from x, host: mx1, pid: 12}]}]")
	h.write("mail.log", "mx3/postfix/smtpd/12 "+message+refused)
	h.wait("two hosts", func() bool {
		got := map[string]uint64{}
		for k, n := range h.source("mail").Sent {
			if k.Code == 554 && n.Value > 0 {
				got[k.Host] += n.Value
			}
		}
		return cmp.Equal(map[string]uint64{"mx1": 1, "mx3": 1}, got)
	})
}
