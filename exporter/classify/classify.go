// Package classify takes parsed events and returns their labels: peer, provider and
// reason.
package classify

import (
	"errors"
	"fmt"

	"smtp_reply_exporter/exporter/classify/peer"
	"smtp_reply_exporter/exporter/classify/provider"
	"smtp_reply_exporter/exporter/classify/reason"
	"smtp_reply_exporter/exporter/config"
	"smtp_reply_exporter/logparse"
)

// Labels replace an event's addresses and text. Each value is from a closed list.
type Labels struct {
	Peer     string // peer.External, peer.Internal or peer.Authenticated
	Provider string // provider.Other if the remote host belongs to no known provider
	Reason   string // one of reason.Names for a reply or refusal, a logparse.Cause for a delivery without a reply
}

// A Classifier finds the labels of events. It is safe for concurrent use.
type Classifier struct {
	peers     *peer.Classifier
	providers *provider.Table
	reasons   *reason.Classifier
}

// New returns a Classifier with the configuration's networks, providers and reasons, in
// addition to the built-in ones. Errors in the configuration name file, line and field.
// New reads the addresses of this host, and may fail to.
func New(cfg *config.Config) (*Classifier, error) {
	own, err := peer.OwnAddresses()
	if err != nil {
		return nil, err
	}
	providers, err := provider.New(cfg.Providers)
	if bad := (*provider.Error)(nil); errors.As(err, &bad) {
		err = cfg.Errorf("providers."+bad.Provider, "%w", bad.Err)
	}
	if err != nil {
		return nil, err
	}
	rules := make([]reason.Rule, len(cfg.Reasons))
	for i, r := range cfg.Reasons {
		rules[i] = reason.Rule(r)
	}
	reasons, err := reason.New(rules)
	if bad := (*reason.Error)(nil); errors.As(err, &bad) {
		err = cfg.Errorf(fmt.Sprintf("reasons[%d].%s", bad.Rule, bad.Field), "%w", bad.Err)
	}
	if err != nil {
		return nil, err
	}
	return &Classifier{peers: peer.New(cfg.InternalNetworks, own), providers: providers, reasons: reasons}, nil
}

// Labels returns the labels of an event that the program logged. It does not allocate.
func (c *Classifier) Labels(program []byte, e *logparse.Event) Labels {
	l := Labels{Peer: c.peers.Of(e.Addr, e.Authenticated), Provider: provider.Other}
	if e.Direction == logparse.Received {
		l.Provider = c.providers.Of(e.Remote)
	}
	switch e.Kind {
	case logparse.Reply, logparse.Refusal:
		if l.Reason = e.Cause.String(); l.Reason == "" {
			r := reply(program, e, l.Provider)
			l.Reason = c.reasons.Reason(&r)
		}
	case logparse.Delivery:
		l.Reason = e.Cause.String()
		if e.Cause == logparse.CauseLocal {
			l.Peer = peer.Internal
		}
	}
	return l
}

// Explain returns the labels of an event, as Labels does, and what decided its reason.
// That is the zero Judgement where the reason is a cause.
func (c *Classifier) Explain(program []byte, e *logparse.Event) (Labels, reason.Judgement) {
	l := c.Labels(program, e)
	if e.Kind == logparse.Delivery || e.Cause.String() != "" {
		return l, reason.Judgement{}
	}
	r := reply(program, e, l.Provider)
	return l, c.reasons.Explain(&r)
}

// reply returns what the reason of an event is found by.
func reply(program []byte, e *logparse.Event, provider string) reason.Reply {
	text := e.Text
	if e.Said != nil {
		text = e.Said
	}
	return reason.Reply{
		Direction: e.Direction, Code: judged(e), Enhanced: e.Enhanced, Command: e.Command,
		Provider: provider, Program: program, Text: text,
	}
}

// judged returns the code that a reason may be found by. Where the log shows neither a
// code nor a text, the code that the MTA falls back on gives no reason; 450 and 550
// stand for their classes, since no rule takes one of them for a reason by itself. A
// failed login is 535 or 454, which have one reason.
func judged(e *logparse.Event) logparse.Code {
	class := e.Class
	if e.Kind == logparse.Reply {
		if !e.Implied || e.Text != nil || e.Enhanced.Class != 0 {
			return e.Code
		}
		class = e.Code.Class()
	}
	switch class {
	case 4:
		return 450
	case 5:
		return 550
	}
	if e.Kind == logparse.Refusal && e.Command == logparse.Auth {
		return 535
	}
	return e.Code
}
