package pipeline

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"smtp_reply_exporter/exporter/counter"
	"smtp_reply_exporter/logparse"
)

const oneLog = "[{name: mail, file: DIR/mail.log}]"

// TestCommitBeforeReady commits in the middle of what a restart has to read, as the
// daemon does from time to time. A scrape once the Pipeline is ready must not share that
// snapshot, whose counts are behind those of the last scrape before the restart.
func TestCommitBeforeReady(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.write("mail.log", "")
	first := h.live(oneLog)
	h.wantDurable(h.commit(CommitTime), true, 0)
	first.kill()
	const lines = 2
	h.write("mail.log", refused+backlog(10<<20)+refused) // more than one poll reads

	file, payload := h.openState()
	cfg, classifier := h.configure(oneLog)
	p, err := New(cfg, classifier, slog.New(slog.NewTextHandler(&h.logged, nil)), file, payload)
	if err != nil {
		t.Fatal(err)
	}
	h.pipeline = p
	defer p.Close()
	replies := func() uint64 { return p.Commit(CommitTime).Sources[0].Sent[sent554].Value }
	for more, again := true, false; more; again = true {
		if more, err = p.poll(time.Now()); err != nil {
			t.Fatal(err)
		}
		if !again && (p.Ready() || !more || replies() == lines) {
			t.Fatal("all was read in one poll")
		}
	}
	if !p.Ready() {
		t.Fatal("not ready")
	}
	if got := replies(); got != lines {
		t.Errorf("%d replies shown, %d logged", got, lines)
	}
}

// TestRestart changes the logs between two lives. The second life must count each line
// once, and everything else must be as in the first.
func TestRestart(t *testing.T) {
	for _, tc := range []struct {
		name string
		down func(*host)
		want uint64 // in addition to the 2 from before
	}{
		{name: "nothing", down: func(*host) {}},
		{name: "lines", down: func(h *host) { h.write("mail.log", refusals(2)) }, want: 2},
		{name: "half a line", down: func(h *host) { h.write("mail.log", refusals(2)[:len(refused)+80]) }, want: 1},
		{name: "a rotation", down: func(h *host) {
			h.write("mail.log", refusals(1))
			h.rename("mail.log", "mail.log.1")
			h.write("mail.log", refusals(2))
		}, want: 3},
		{name: "a rotation compressed with gzip", down: func(h *host) {
			h.write("mail.log", refusals(1))
			h.rename("mail.log", "mail.log.1")
			h.compress("mail.log.1", ".gz")
			h.write("mail.log", refusals(2))
		}, want: 3},
		{name: "a rotation compressed with zstd", down: func(h *host) {
			h.write("mail.log", refusals(1))
			h.rename("mail.log", "mail.log-20261123")
			h.compress("mail.log-20261123", ".zst")
			h.write("mail.log", refusals(2))
		}, want: 3},
		{name: "three rotations", down: func(h *host) {
			h.write("mail.log", refusals(1))
			h.rename("mail.log", "mail.log.1")
			h.write("mail.log", refusals(2))
			h.rename("mail.log.1", "mail.log.2")
			h.rename("mail.log", "mail.log.1")
			h.compress("mail.log.2", ".gz")
			h.write("mail.log", refusals(3))
			h.rename("mail.log.2.gz", "mail.log.3.gz")
			h.rename("mail.log.1", "mail.log.2")
			h.rename("mail.log", "mail.log.1")
			h.compress("mail.log.2", ".gz")
			h.write("mail.log", refusals(1))
		}, want: 7},
		{name: "a rotation without a new log", down: func(h *host) {
			h.write("mail.log", refusals(1))
			h.rename("mail.log", "mail.log.1")
		}, want: 1},
	} {
		for how, end := range ends {
			t.Run(tc.name+" "+how, func(t *testing.T) {
				t.Parallel()
				h := newHost(t)
				h.write("mail.log", refusals(1))
				first := h.live(oneLog)
				h.write("mail.log", refusals(2))
				h.waitReplies("mail", 2)
				before := h.source("mail")
				end(first)

				tc.down(h)
				h.live(oneLog)
				after := h.source("mail") // it is ready, so nothing is behind
				if got := after.Sent[sent554].Value; got != 2+tc.want {
					t.Errorf("%d replies, want %d; logged:\n%s", got, 2+tc.want, &h.logged)
				}
				if got, want := after.Stats.ReadBytes, before.Stats.ReadBytes+int64(tc.want)*int64(len(refused)); got != want {
					t.Errorf("%d bytes read, want %d", got, want)
				}
				if !after.CaughtUp.Equal(before.CaughtUp) {
					t.Errorf("caught up at %v, before the restart %v: alerts would hold off", after.CaughtUp, before.CaughtUp)
				}
				if diff := cmp.Diff(created(before.Snapshot), created(after.Snapshot)); diff != "" {
					t.Errorf("created timestamps (-before +after):\n%s", diff)
				}
			})
		}
	}
}

var sent554 = counter.Reply{MTA: "postfix", Peer: "external", Code: 554}

// created returns the created timestamp of every series of replies.
func created(c *counter.Snapshot) map[any]time.Time {
	at := map[any]time.Time{}
	for k, n := range c.Sent {
		at[k] = n.Created
	}
	for k, n := range c.Received {
		at[k] = n.Created
	}
	for k, n := range c.SentDetail {
		at[k] = n.Created
	}
	for k, n := range c.ReceivedDetail {
		at[k] = n.Created
	}
	return at
}

// TestKilledBeforeCommit counts lines without a scrape, is killed, and counts them again.
func TestKilledBeforeCommit(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.write("mail.log", "")
	first := h.live(oneLog)
	h.write("mail.log", refused)
	h.waitReplies("mail", 1)
	h.write("mail.log", refused+refused)
	h.wait("3 replies, not committed", func() bool {
		h.pipeline.mu.Lock()
		defer h.pipeline.mu.Unlock()
		return h.pipeline.sources[0].counts.Snapshot().Sent[sent554].Value == 3
	})
	first.kill()
	h.live(oneLog)
	h.waitReplies("mail", 3)
}

// TestParserGoesOn reads lines that are complete only together with lines from before
// a restart.
func TestParserGoesOn(t *testing.T) {
	const (
		smtpd  = "Nov 23 14:16:22 mx1 postfix/submission/smtpd[77]: "
		bounce = ": to=<%@example.net>, relay=mx.example.net[203.0.113.9]:25, delay=1.2, delays=0.1/0.1/0.5/0.5, dsn=5.7.1, " +
			"status=bounced (host mx.example.net[203.0.113.9] said: 550 5.7.1 Spam (in reply to end of DATA command))\n"
		delivery = "Nov 23 14:16:22 mx1 postfix/smtp[78]: 4C65B9A5D67" + bounce
	)
	part := func(text string) string {
		return `{"log":"` + text + `","stream":"stdout","time":"2026-11-23T14:16:23.000000001Z"}` + "\n"
	}
	line := strings.TrimSuffix(refused, "\n")
	for _, tc := range []struct {
		name          string
		before, after string
		counted       func(*counter.Snapshot) uint64
		want          uint64
	}{
		{
			name:   "the second recipient of one reply",
			before: strings.Replace(delivery, "%", "a", 1), after: strings.Replace(delivery, "%", "b", 1),
			counted: func(c *counter.Snapshot) uint64 {
				return c.Received[counter.Reply{MTA: "postfix", Peer: "external", Code: 550}].Value
			},
			want: 1,
		},
		{
			name: "the summary of a session with a login",
			before: smtpd + "connect from laptop.example[203.0.113.9]\n" +
				smtpd + "5C65B9A5D67: client=laptop.example[203.0.113.9], sasl_method=PLAIN, sasl_username=anna\n",
			after: smtpd + "disconnect from laptop.example[203.0.113.9] ehlo=2 auth=1 mail=1 rcpt=1 data=1 quit=1 commands=7\n",
			counted: func(c *counter.Snapshot) uint64 {
				return c.Sent[counter.Reply{MTA: "postfix", Peer: "authenticated", Code: 250}].Value
			},
			want: 1,
		},
		{
			name: "the summary of a session with a refusal",
			before: strings.ReplaceAll(refused, "25062", "77") +
				strings.ReplaceAll(refused, "25062", "77"),
			after: strings.ReplaceAll(smtpd, "submission/", "") + "disconnect from unknown[203.0.113.7] ehlo=1 mail=1 rcpt=0/3 quit=1 commands=3/6\n",
			counted: func(c *counter.Snapshot) uint64 {
				return c.Refusals[counter.Refusal{MTA: "postfix", Peer: "external", Command: logparse.Rcpt, Reason: "other"}].Value
			},
			want: 1, // the third reply, which no line showed
		},
		{
			name:   "a line that Docker split",
			before: part(line[:90]), after: part(line[90:] + `\n`),
			counted: func(c *counter.Snapshot) uint64 { return c.Sent[sent554].Value },
			want:    1,
		},
	} {
		for how, end := range ends {
			t.Run(tc.name+" "+how, func(t *testing.T) {
				t.Parallel()
				h := newHost(t)
				h.write("mail.log", "")
				first := h.live(oneLog)
				h.write("mail.log", tc.before)
				h.waitRead("mail", len(tc.before))
				end(first)
				h.write("mail.log", tc.after)
				h.live(oneLog)
				if got := tc.counted(h.source("mail").Snapshot); got != tc.want {
					t.Errorf("counted %d, want %d", got, tc.want)
				}
			})
		}
	}
}

// TestRestartWithAnotherConfiguration has two logs with 1 and 2 replies before the
// restart, and one more in each while the exporter is down.
func TestRestartWithAnotherConfiguration(t *testing.T) {
	const both = "[{name: in, file: DIR/in.log}, {name: out, file: DIR/out.log}]"
	for _, tc := range []struct {
		name, sources string
		want          map[string]uint64
	}{
		{"the same", both, map[string]uint64{"in": 2, "out": 3}},
		{"other order", "[{name: out, file: DIR/out.log}, {name: in, file: DIR/in.log}]", map[string]uint64{"in": 2, "out": 3}},
		{"removed", "[{name: out, file: DIR/out.log}]", map[string]uint64{"out": 3}},
		// Positions belong to a file, counts to the source's name.
		{"renamed", "[{name: mx, file: DIR/in.log}, {name: out, file: DIR/out.log}]", map[string]uint64{"mx": 1, "out": 3}},
		{"files swapped", "[{name: in, file: DIR/out.log}, {name: out, file: DIR/in.log}]", map[string]uint64{"in": 2, "out": 3}},
		{
			"added", "[{name: in, file: DIR/in.log}, {name: new, file: DIR/new.log, start: beginning}, {name: end, file: DIR/end.log}, {name: out, file: DIR/out.log}]",
			map[string]uint64{"in": 2, "new": 1, "end": 0, "out": 3},
		},
		{"another mta", "[{name: in, file: DIR/in.log, mta: postfix}, {name: out, file: DIR/out.log}]", map[string]uint64{"in": 2, "out": 3}},
		{"start", "[{name: in, file: DIR/in.log, start: beginning}, {name: out, file: DIR/out.log}]", map[string]uint64{"in": 2, "out": 3}},
	} {
		for how, end := range ends {
			t.Run(tc.name+" "+how, func(t *testing.T) {
				t.Parallel()
				h := newHost(t)
				h.write("in.log", refused)
				h.write("out.log", refused)
				first := h.live(both)
				h.write("in.log", refused)
				h.write("out.log", refused+refused)
				h.waitReplies("in", 1)
				h.waitReplies("out", 2)
				end(first)
				for _, log := range []string{"in.log", "out.log", "new.log", "end.log"} {
					h.write(log, refused)
				}
				h.live(tc.sources)
				got := map[string]uint64{}
				for _, s := range h.pipeline.Commit(CommitTime).Sources {
					got[s.Name] = s.Sent[sent554].Value
				}
				if diff := cmp.Diff(tc.want, got); diff != "" {
					t.Errorf("replies (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// TestRemovedAndAddedAgain tests that a source that was removed for one life starts
// from zero.
func TestRemovedAndAddedAgain(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.write("mail.log", "")
	h.write("other.log", "")
	first := h.live(oneLog)
	h.write("mail.log", refused)
	h.waitReplies("mail", 1)
	first.kill()
	second := h.live("[{name: other, file: DIR/other.log}]")
	h.write("other.log", refused)
	h.waitReplies("other", 1)
	second.kill()
	h.write("mail.log", refused)
	h.live(oneLog)
	h.write("mail.log", refused)
	h.waitReplies("mail", 1)
}

// TestReloadAfterRestart tests that a reload keeps what was restored from the state.
func TestReloadAfterRestart(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.write("mail.log", "")
	first := h.live(oneLog)
	h.write("mail.log", refused)
	h.waitReplies("mail", 1)
	first.kill()
	h.write("mail.log", refused)
	second := h.live(oneLog)
	h.reload(oneLog)
	h.write("mail.log", refused)
	h.waitReplies("mail", 3)
	second.kill()
	h.live(oneLog)
	h.waitReplies("mail", 3)
}

// TestReadyAfterRestart has a longer backlog than one poll reads.
func TestReadyAfterRestart(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		log   string
		polls int
		after time.Duration // from the start to the last poll
		want  bool
	}{
		{"not polled", "mail.log", 0, 0, false},
		{"behind", "mail.log", 1, time.Second, false},
		{"behind for 30 seconds", "mail.log", 1, catchUpTime + time.Second, true},
		{"caught up", "mail.log", 10, time.Second, true},
		{"missing in a rotation", "", 1, time.Second, false},
		{"missing for long", "", 1, missingTime, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			payload := h.payload()
			if tc.log != "" {
				h.write(tc.log, backlog(10<<20))
			} else if err := os.Remove(h.path("mail.log")); err != nil {
				t.Fatal(err)
			}
			p, err := h.restoreFrom(payload)
			if err != nil {
				t.Fatal(err)
			}
			defer p.follower.Close()
			for range tc.polls {
				if _, err := p.poll(p.resumed.Add(tc.after)); err != nil && !errors.Is(err, fs.ErrNotExist) {
					t.Fatal(err)
				}
			}
			if got := p.Ready(); got != tc.want {
				t.Errorf("ready: %v, want %v; %+v", got, tc.want, p.sources[0].stats)
			}
		})
	}
}
