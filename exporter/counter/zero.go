package counter

import (
	"time"

	"smtp_reply_exporter/exporter/classify/peer"
	"smtp_reply_exporter/logparse"
)

// A CodeReason is a reply code with a reason.
type CodeReason struct {
	Code   logparse.Code
	Reason string
}

// The pairs in the bundled alert rules (dashboards/). Their series start at 0, so that
// rate() sees their first event.
var (
	sentAlerts = []CodeReason{
		{451, "system_error"},
		{451, "system_storage"},
		{451, "dns"},
		{451, "greylisted"},
		{451, "policy"},
		{452, "system_storage"},
		{452, "too_many_recipients"},
		{452, "policy"},
		{452, "mailbox_full"},
	}
	receivedAlerts = []CodeReason{
		{421, "blocklist"},
		{421, "connection_limit"},
		{421, "rate_limited"},
		{421, "system_error"},
		{451, "blocklist"},
		{451, "connection_limit"},
		{451, "dns"},
		{451, "greylisted"},
		{451, "policy"},
		{451, "rate_limited"},
		{451, "spam_content"},
		{451, "system_error"},
		{451, "system_storage"},
		{452, "mailbox_full"},
		{452, "system_storage"},
		{452, "too_many_recipients"},
		{550, "blocklist"},
		{554, "blocklist"},
	}
	sentPeers     = []string{peer.External, peer.Internal, peer.Authenticated}
	receivedPeers = []string{peer.External, peer.Internal}

	// dialogue are the replies of an ordinary session.
	dialogue = []Dialogue{
		{Command: logparse.Connect, Code: 220},
		{Command: logparse.Ehlo, Code: 250},
		{Command: logparse.StartTLS, Code: 220},
		{Command: logparse.Auth, Code: 235},
		{Command: logparse.Mail, Code: 250},
		{Command: logparse.Rcpt, Code: 250},
		{Command: logparse.Data, Code: 354},
		{Command: logparse.Rset, Code: 250},
		{Command: logparse.Quit, Code: 221},
	}
	// refused are the commands that a fault of the host refuses, refusalAlerts the reasons.
	refused       = []logparse.Command{logparse.Mail, logparse.Rcpt, logparse.Data, logparse.EndOfData}
	refusalAlerts = []string{"system_error", "system_storage", "dns"}
)

// zero creates the predictable series.
func (s *Source) zero(mtas []string, now time.Time) {
	for _, outcome := range logparse.Outcomes() {
		add(s.lines, outcome, 0, now)
	}
	for _, logger := range logparse.Loggers() {
		add(s.lost, logger, 0, now)
	}
	for _, family := range families {
		add(s.folded, family, 0, now)
	}
	for _, mta := range mtas {
		s.zeroMTA(mta, now)
		for _, name := range s.hosts.which.Names {
			s.zeroHost(s.hosts.known[name], mta, now)
		}
	}
}

// zeroHost creates the predictable series of an MTA of a host: only the pairs in the
// alerts, since there may be many hosts.
func (s *Source) zeroHost(h *host, mta string, now time.Time) {
	if !h.mtas[mta] {
		h.mtas[mta] = true
		s.sent.zeroPairs(h.label, mta, now)
		s.received.zeroPairs(h.label, mta, now)
	}
}

// zeroMTA creates the predictable series of an MTA when it becomes known.
func (s *Source) zeroMTA(mta string, now time.Time) {
	if _, known := s.mtas[mta]; known {
		return
	}
	s.mtas[mta] = now
	s.sent.zero(mta, now)
	s.received.zero(mta, now)
	for _, d := range dialogue {
		d.MTA = mta
		s.dialogueSent.zero(d, now)
		s.dialogueReceived.zero(d, now)
	}
	for _, p := range sentPeers {
		for _, c := range refused {
			for _, reason := range refusalAlerts {
				s.refusals.zero(Refusal{MTA: mta, Peer: p, Command: c, Class: 4, Reason: reason}, now)
			}
		}
	}
	for _, shape := range logparse.Shapes(mta) {
		add(s.notUnderstood, Shape{mta, shape}, 0, now)
	}
}

// standardCodes are those of the catalogue, whose series are 0 from the start.
var standardCodes = func() (codes []logparse.Code) {
	for _, info := range logparse.Codes() {
		if info.Status == "standard" {
			codes = append(codes, info.Code)
		}
	}
	return codes
}()
