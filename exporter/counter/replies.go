package counter

import (
	"time"

	"smtp_reply_exporter/logparse"
)

// The keys of the counters are labels of a source's series. They omit labels that
// follow from others, such as class from code. Host is "" where the source does not count
// by host.
type (
	// Detail holds the labels of the widest reply families. Provider is "" for replies
	// sent.
	Detail struct {
		Host, MTA, Peer, Program, Provider string
		Command                            logparse.Command
		Code                               logparse.Code
		Enhanced                           logparse.EnhancedCode
		Reason                             string
	}
	// ByReason holds the labels of replies by code and reason.
	ByReason struct {
		Host, MTA, Peer string
		CodeReason
	}
	// Reply holds the labels of replies by code.
	Reply struct {
		Host, MTA, Peer string
		Code            logparse.Code
	}
)

func (d Detail) byReason() ByReason {
	return ByReason{d.Host, d.MTA, d.Peer, CodeReason{d.Code, d.Reason}}
}

func (d Detail) narrow() Reply { return Reply{d.Host, d.MTA, d.Peer, d.Code} }

// replies counts the replies of one direction in three families.
//
// A label set gets series of its own if all three families have room for it. If not, it
// is folded in all three alike, so that their sums agree by all labels that they share.
// There is one exception: if the logs of so many MTAs come from one source that even the
// room for the catalogue is used up, the family by detail folds the code too, while the
// narrower ones keep it as long as they can. Then only the sums by host, MTA and peer agree.
type replies struct {
	narrow   family[Reply]
	byReason family[ByReason]
	detail   family[Detail]
	peers    []string
	alerts   []CodeReason
}

func newReplies(narrow, byReason, detail Family, detailLimits limits, peers []string, alerts []CodeReason) replies {
	return replies{
		narrow: newFamily(narrow, replyLimits, func(r Reply) scope { return ofMTA(r.Host, r.MTA) },
			func(r Reply) tier { return r.tier(alerts) }, nil),
		byReason: newFamily(byReason, byReasonLimits, func(r ByReason) scope { return ofSource(r.Host) },
			func(r ByReason) tier { return r.tier(alerts) }, nil),
		detail: newFamily(detail, detailLimits, func(d Detail) scope { return ofSource(d.Host) },
			func(d Detail) tier { return d.tier(alerts) }, Detail.fold),
		peers: peers, alerts: alerts,
	}
}

// zero creates the predictable series of an MTA.
func (r *replies) zero(mta string, now time.Time) {
	for _, p := range r.peers {
		for _, code := range standardCodes {
			r.narrow.zero(Reply{MTA: mta, Peer: p, Code: code}, now)
		}
	}
	r.zeroPairs("", mta, now)
}

// zeroPairs creates the series of the pairs in the alerts.
func (r *replies) zeroPairs(host, mta string, now time.Time) {
	for _, p := range r.peers {
		for _, pair := range r.alerts {
			r.byReason.zero(ByReason{host, mta, p, pair}, now)
		}
	}
}

// labels are the keys under which a reply counts.
type labels struct {
	detail   Detail
	byReason ByReason
	narrow   Reply
}

// place folds a label set until it fits.
func (r *replies) place(full Detail) labels {
	l := labels{detail: full}
	for ok := true; ok; l.detail, ok = l.detail.fold() {
		l.byReason, l.narrow = l.detail.byReason(), l.detail.narrow()
		if l.detail.Code == otherCode {
			l.narrow.Code = otherOfClass(full.Code)
		}
		if r.detail.fits(l.detail) && r.byReason.fits(l.byReason) && r.narrow.fits(l.narrow) {
			return l
		}
	}
	// The code is one of the catalogue, whose room is used up.
	full.Host = l.detail.Host
	for _, l.byReason = range []ByReason{full.byReason(), l.byReason, {full.Host, full.MTA, full.Peer, CodeReason{otherCode, l.detail.Reason}}} {
		if r.byReason.fits(l.byReason) {
			break
		}
	}
	l.detail.Code = otherCode
	return l
}

// add adds a count under its labels. The series of a code that was not folded become
// parts of one another.
func (r *replies) add(l labels, count Count) {
	detail := r.detail.get(l.detail, count.Created)
	byReason := r.byReason.get(l.byReason, count.Created)
	narrow := r.narrow.get(l.narrow, count.Created)
	if l.detail.Code != otherCode {
		detail.part = byReason
	}
	if l.byReason.Code != otherCode {
		byReason.part = narrow
	}
	detail.merge(count)
	byReason.merge(count)
	narrow.merge(count)
}
