// Package classify gives what a log told its labels.
package classify

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"smtp_reply_exporter/exporter/classify/peer"
	"smtp_reply_exporter/exporter/classify/provider"
	"smtp_reply_exporter/exporter/classify/reason"
	"smtp_reply_exporter/exporter/config"
	"smtp_reply_exporter/logparse"
)

// Labels are what an event's addresses and text are boiled down to. All are
// from closed lists.
type Labels struct {
	Peer     string // external, internal or authenticated
	Provider string // "other" where the remote host is nobody's known
	Reason   string
}

// A Classifier finds labels. It is safe for concurrent use.
type Classifier struct {
	peers     *peer.Classifier
	providers *provider.Table
	reasons   *reason.Classifier
}

// New returns a classifier with the configuration's networks, providers and
// reasons beside the built-in ones. Its errors name file, line and field.
func New(cfg *config.Config) (*Classifier, error) {
	own, err := peer.OwnAddresses()
	if err != nil {
		return nil, fmt.Errorf("this host's own addresses: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.Providers)) {
		if _, err := provider.New(map[string][]string{name: cfg.Providers[name]}); err != nil {
			return nil, cfg.Errorf("providers."+name, "%w", err)
		}
	}
	providers, err := provider.New(cfg.Providers)
	if err != nil {
		return nil, cfg.Errorf("providers", "%w", err)
	}
	rules := make([]reason.Rule, len(cfg.Reasons))
	for i, r := range cfg.Reasons {
		if !slices.Contains(reason.Names(), r.Reason) {
			return nil, cfg.Errorf(fmt.Sprintf("reasons[%d].reason", i), "%q is not one of %s", r.Reason, strings.Join(reason.Names(), ", "))
		}
		rules[i] = reason.Rule{Reason: r.Reason, Pattern: r.Pattern}
	}
	reasons, err := reason.New(rules)
	if err != nil {
		return nil, cfg.Errorf("reasons", "%w", err)
	}
	return &Classifier{peers: peer.New(cfg.InternalNetworks, own), providers: providers, reasons: reasons}, nil
}

// Labels returns the labels of an event. It does not allocate.
func (c *Classifier) Labels(e *logparse.Event) Labels {
	l := Labels{Peer: c.peers.Of(e.Addr, e.Authenticated), Provider: "other"}
	if e.Direction == logparse.Received {
		l.Provider = c.providers.Of(e.Remote)
	}
	switch e.Kind {
	case logparse.Reply:
		l.Reason = c.reasons.Reason(e.Direction, e.Code, e.Enhanced, l.Provider, e.Text)
	case logparse.Delivery:
		l.Reason = e.Cause.String()
		if e.Cause == logparse.CauseLocal {
			l.Peer = "internal"
		}
	}
	return l
}
