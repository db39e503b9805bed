package counter

import (
	"time"

	"smtp_reply_exporter/logparse"
)

// The keys of the counters are labels of a source's series. They omit labels that
// follow from others, such as class from code.
type (
	// Detail holds the labels of the widest reply families. Provider is "" for replies
	// sent.
	Detail struct {
		MTA, Peer, Program, Provider string
		Command                      logparse.Command
		Code                         logparse.Code
		Enhanced                     logparse.EnhancedCode
		Reason                       string
	}
	// ByReason holds the labels of replies by code and reason.
	ByReason struct {
		MTA, Peer string
		CodeReason
	}
	// Reply holds the labels of replies by code.
	Reply struct {
		MTA, Peer string
		Code      logparse.Code
	}
)

func (d Detail) byReason() ByReason {
	return ByReason{d.MTA, d.Peer, CodeReason{d.Code, d.Reason}}
}

// replies counts the replies of one direction in three families.
//
// A label set gets series of its own if all three families have room for it. If not, it
// is folded in all three alike, so that their sums agree by all labels that they share.
// There is one exception: if the logs of so many MTAs come from one source that even the
// room for the catalogue is used up, the family by detail folds the code too, while the
// narrower ones keep it as long as they can. Then only the sums by MTA and peer agree.
type replies struct {
	narrow   family[Reply]
	byReason family[ByReason]
	detail   family[Detail]
	peers    []string
	alerts   []CodeReason
}

func newReplies(narrow, byReason, detail Family, detailRooms rooms, peers []string, alerts []CodeReason) replies {
	return replies{
		narrow: newFamily(narrow, replyRooms, func(r Reply) string { return r.MTA }, Reply.tier, nil),
		byReason: newFamily(byReason, byReasonRooms, wholeSource[ByReason],
			func(r ByReason) tier { return r.tier(alerts) }, nil),
		detail: newFamily(detail, detailRooms, wholeSource[Detail],
			func(d Detail) tier { return d.tier(alerts) }, Detail.fold),
		peers: peers, alerts: alerts,
	}
}

// zero creates the predictable series of an MTA.
func (r *replies) zero(mta string, now time.Time) {
	for _, p := range r.peers {
		for _, code := range standardCodes {
			r.narrow.zero(Reply{mta, p, code}, now)
		}
		for _, pair := range r.alerts {
			r.byReason.zero(ByReason{mta, p, pair}, now)
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
	l := labels{detail: full, narrow: Reply{full.MTA, full.Peer, full.Code}}
	for ok := true; ok; l.detail, ok = l.detail.fold() {
		if l.detail.Code == otherCode {
			l.narrow.Code = otherOfClass(full.Code)
		}
		l.byReason = l.detail.byReason()
		if r.detail.fits(l.detail) && r.byReason.fits(l.byReason) && r.narrow.fits(l.narrow) {
			return l
		}
	}
	// The code is one of the catalogue, whose room is used up.
	for _, l.byReason = range []ByReason{full.byReason(), l.byReason, {full.MTA, full.Peer, CodeReason{otherCode, l.detail.Reason}}} {
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
