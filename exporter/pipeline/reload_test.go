package pipeline

import (
	"testing"

	"smtp_reply_exporter/exporter/counter"
)

func TestReload(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.write("kept.log", refused)
	h.write("removed.log", "")
	h.run("[{name: kept, file: DIR/kept.log}, {name: removed, file: DIR/removed.log}]")
	h.write("kept.log", refused+refused)
	h.write("removed.log", refused)
	h.waitReplies("kept", 2)
	h.waitReplies("removed", 1)
	before := h.source("kept")

	h.write("added.log", refused)
	h.write("kept.log", refused)
	h.reload("[{name: added, file: DIR/added.log}, {name: kept, file: DIR/kept.log}]")
	if s := h.source("kept"); !s.Stats.Up {
		t.Error("the source that was kept is down until the next poll")
	}
	h.waitUp()
	h.write("kept.log", refused)
	h.write("added.log", refused)
	h.waitReplies("kept", 4)
	h.waitReplies("added", 1)
	if s := h.source("removed"); s != nil {
		t.Errorf("the source that was removed is there: %+v", s)
	}
	after := h.source("kept")
	if !after.CaughtUp.Equal(before.CaughtUp) {
		t.Errorf("caught up at %v, before the reload %v: alerts would hold off", after.CaughtUp, before.CaughtUp)
	}
	key := counter.Reply{MTA: "postfix", Peer: "external", Code: 554}
	if at := after.Sent[key].Created; !at.Equal(before.Sent[key].Created) {
		t.Errorf("created at %v, before the reload %v", at, before.Sent[key].Created)
	}
	if got, want := after.Stats.ReadBytes, int64(4*len(refused)); got != want {
		t.Errorf("%d bytes read, want %d", got, want)
	}

	h.reload("[{name: removed, file: DIR/removed.log}]")
	h.write("removed.log", refused)
	h.waitReplies("removed", 1) // starts again from 0, at the end of its file
}

// TestReloadKeepsSessions reads a session that logs in before a reload and has its
// summary after it.
func TestReloadKeepsSessions(t *testing.T) {
	t.Parallel()
	const mail = "[{name: mail, file: DIR/mail.log}]"
	const smtpd = "Nov 23 14:16:22 mx1 postfix/submission/smtpd[77]: "
	h := newHost(t)
	h.write("mail.log", "")
	h.run(mail)
	h.write("mail.log", smtpd+"connect from laptop.example[203.0.113.9]\n"+
		smtpd+"5C65B9A5D67: client=laptop.example[203.0.113.9], sasl_method=PLAIN, sasl_username=anna\n"+refused)
	h.waitReplies("mail", 1)
	h.reload(mail)
	h.write("mail.log", smtpd+"disconnect from laptop.example[203.0.113.9] ehlo=2 auth=1 mail=1 rcpt=1 data=1 quit=1 commands=7\n"+refused)
	h.waitReplies("mail", 2)
	key := counter.Reply{MTA: "postfix", Peer: "authenticated", Code: 250}
	if got := h.source("mail").Sent[key].Value; got != 1 {
		t.Errorf("%d messages accepted from users, want 1", got)
	}
}

// A reload that keeps the logs keeps them open: a storm of reloads must not open
// thousands of files again and again.
func TestReloadKeepsFiles(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.write("mail.log", "")
	h.run("[{name: mail, file: DIR/mail.log}]")
	h.write("mail.log", refused)
	h.waitReplies("mail", 1)
	follower := h.pipeline.follower
	for i, mta := range []string{"auto", "postfix", "auto"} {
		h.reload("[{name: mail, file: DIR/mail.log, mta: " + mta + "}]")
		if h.pipeline.follower != follower {
			t.Error("a new Follower after a reload")
		}
		h.write("mail.log", refused)
		h.waitReplies("mail", uint64(2+i))
	}
	if got, want := h.source("mail").Stats.ReadBytes, int64(4*len(refused)); got != want {
		t.Errorf("%d bytes read, want %d", got, want)
	}
	h.reload("[{name: other, file: DIR/mail.log}]")
	if h.pipeline.follower == follower {
		t.Error("the Follower's sums went to a source with another name")
	}
}
