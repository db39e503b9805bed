package counter

import (
	"maps"
	"slices"
	"time"
	"unicode/utf8"

	"smtp_reply_exporter/exporter/config"
	"smtp_reply_exporter/logparse"
)

// Hosts says which hosts of a central log have a label of their own. The zero value says
// none: the label is empty in all series.
type Hosts struct {
	Any   bool     // the first config.MaxHosts hosts; all others are "other"
	Names []string // without Any: these, in lower case; all others are "other"
}

// A host is one whose name is a label, with the MTAs whose predictable series it has.
type host struct {
	label string
	mtas  map[string]bool
}

// hosts finds the label of an envelope's host.
type hosts struct {
	which Hosts
	known map[string]*host
	lower [config.MaxHostName]byte // of the name that is being looked up
}

// newHosts returns the hosts that have labels. saved are those of a state.
func newHosts(which Hosts, saved []string) hosts {
	h := hosts{which: which, known: map[string]*host{}}
	names := which.Names
	if len(names) == 0 {
		names = saved[:min(len(saved), config.MaxHosts)]
	}
	for _, name := range names {
		h.add(name)
	}
	return h
}

func (h *hosts) add(name string) *host {
	added := &host{name, map[string]bool{}}
	h.known[name] = added
	return added
}

// off reports whether the label is empty in all series.
func (h *hosts) off() bool { return !h.which.Any && len(h.which.Names) == 0 }

// of returns the host with a name in an envelope; nil if the label is other or, as label
// says, empty. full reports whether it is other because the source has too many hosts. Who
// can write to the log can write any name: one that cannot be a host's is other.
func (h *hosts) of(name []byte) (found *host, label string, full bool) {
	switch {
	case h.off() || len(name) == 0:
		return nil, "", false
	case len(name) > config.MaxHostName || !utf8.Valid(name):
		return nil, other, false
	}
	lower := h.lower[:len(name)]
	for i, c := range name {
		if c <= ' ' || c == 0x7f {
			return nil, other, false
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		lower[i] = c
	}
	if found = h.known[string(lower)]; found != nil {
		return found, found.label, false
	}
	if !h.which.Any || string(lower) == other {
		return nil, other, false
	}
	if len(h.known) >= config.MaxHosts {
		return nil, other, true
	}
	found = h.add(string(lower))
	return found, found.label, false
}

// names returns the names that are labels, in order.
func (h *hosts) names() []string { return slices.Sorted(maps.Keys(h.known)) }

// host returns the label of the line's host. At the first line of an MTA of a host, the
// predictable series of the two start at 0.
func (s *Source) host(r *logparse.Result, now time.Time) (label string, full bool) {
	h, label, full := s.hosts.of(r.Envelope.Host)
	if h != nil {
		s.zeroHost(h, r.MTA, now)
	}
	return label, full
}

// isOwn reports whether a label is the name of one host.
func isOwn(host string) bool { return host != "" && host != other }
