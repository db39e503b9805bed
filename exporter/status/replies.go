package status

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"smtp_reply_exporter/exporter/classify/peer"
	"smtp_reply_exporter/exporter/classify/reason"
	"smtp_reply_exporter/logparse"
)

// tiles are the codes that people look for first.
var tiles = []logparse.Code{220, 221, 250, 354, 451, 452}

// watched are the codes that stand out.
func watched(code logparse.Code) bool { return code == 451 || code == 452 }

// A Direction is the replies sent, or those received.
type Direction struct {
	logparse.Direction
	Tiles    []Tile
	Refused  List[Row] // 4xx, 5xx and refusals without a code, the worst first
	Positive []Row
}

// A Tile is one of the codes that people look for first. 250 is the acceptance of messages,
// without the replies in the dialogue.
type Tile struct {
	Code    logparse.Code
	Meaning string
	Watched bool
	pair
	Bars string // an SVG path: the counts of 60 minutes in a box of 60 x 12
}

// A Row is a code.
type Row struct {
	Code, Class, Meaning string
	Description          string // "" for a code that the catalogue lacks
	Dialogue             bool   // positive replies within a session
	Watched              bool
	pair
	Internal uint64 // of the total, with internal hosts
	Reason   string // the most frequent one; "" for positive replies
	Share    uint64 // how many have it, of the recent ones if there are any
	Advice   *reason.Advice
}

// Of returns how many replies Share is a part of.
func (r *Row) Of() uint64 { return r.main() }

// Open reports whether the page shows at once what to do.
func (r *Row) Open() bool { return r.Watched && r.Recent > 0 }

func (c *counts) direction(d logparse.Direction) Direction {
	v := Direction{Direction: d}
	for _, code := range tiles {
		v.Tiles = append(v.Tiles, c.tile(d, code))
	}
	var refused []Row
	for k := range c.total {
		if k.direction != d {
			continue
		}
		switch {
		case k.kind == dialogue:
			v.Positive = append(v.Positive, c.row(d, k.code, true))
		case k.kind != replies || k.name != "" && c.total[key{replies, d, k.code, "", ""}] > 0: // counted with those of other peers
		case isRefusal(k.code):
			refused = append(refused, c.row(d, k.code, false))
		default:
			v.Positive = append(v.Positive, c.row(d, k.code, false))
		}
	}
	if row := c.withoutCode(); d == logparse.Sent && row.Total > 0 {
		refused = append(refused, row)
	}
	slices.SortFunc(refused, worse)
	slices.SortFunc(v.Positive, func(a, b Row) int {
		return cmp.Or(cmp.Compare(a.Code, b.Code), strings.Compare(fmt.Sprint(a.Dialogue), fmt.Sprint(b.Dialogue)))
	})
	v.Refused = first(maxRows, refused)
	return v
}

// isRefusal reports whether a code, folded or not, is 4xx or 5xx, or any.
func isRefusal(code logparse.Code) bool {
	class := classOf(code)
	return class != 2 && class != 3
}

// worse orders 451 and 452 first, then by what is most frequent.
func worse(a, b Row) int {
	if a.Watched != b.Watched {
		if a.Watched {
			return -1
		}
		return 1
	}
	return cmp.Or(less(a.pair, b.pair), cmp.Compare(a.Code, b.Code))
}

func (c *counts) tile(d logparse.Direction, code logparse.Code) Tile {
	t := Tile{Code: code, Meaning: code.Meaning(), Watched: watched(code)}
	keys := []key{{replies, d, code, "", ""}, {replies, d, code, peer.Internal, ""}}
	if code != 250 {
		keys = append(keys, key{kind: dialogue, direction: d, code: code})
	}
	for _, k := range keys {
		t.add(c.of(k))
	}
	t.Bars = c.bars(keys)
	return t
}

// The box of a tile's bars.
const (
	barsWide = 60 // minutes
	barsHigh = 12
)

// bars draws what was counted in each of the last 60 minutes.
func (c *counts) bars(keys []key) string {
	var bars [barsWide]uint64
	most := uint64(0)
	for i := range c.minutes {
		m := &c.minutes[i]
		x := barsWide - 1 - int(c.end.Sub(m.end)/time.Minute)
		if x < 0 || x >= barsWide {
			continue
		}
		for _, k := range keys {
			bars[x] += m.counts[k]
		}
		most = max(most, bars[x])
	}
	var path strings.Builder
	for x, n := range bars {
		if n > 0 {
			// Even one reply is seen beside a thousand.
			fmt.Fprintf(&path, "M%d.5 %dv-%.1f", x, barsHigh, max(1, barsHigh*float64(n)/float64(most)))
		}
	}
	return path.String()
}

// row returns the row of a code.
func (c *counts) row(d logparse.Direction, code logparse.Code, inDialogue bool) Row {
	r := Row{Code: code.String(), Class: code.ClassLabel(), Meaning: code.Meaning(), Dialogue: inDialogue, Watched: watched(code)}
	switch {
	case code == 1: // of codes that the catalogue lacks, see package counter
		r.Code, r.Class, r.Meaning = "other", "none", "other codes"
	case code < 10:
		r.Code, r.Class, r.Meaning = "other", (100 * code).ClassLabel(), "other codes"
	}
	if info, ok := code.Info(); ok {
		r.Description = info.Description
	}
	if inDialogue {
		r.pair = c.of(key{kind: dialogue, direction: d, code: code})
		return r
	}
	inside := c.of(key{replies, d, code, peer.Internal, ""})
	r.pair = c.of(key{replies, d, code, "", ""})
	r.add(inside)
	r.Internal = inside.Total
	if isRefusal(code) {
		r.judge(d, c.reasons(r.Recent > 0, func(k key) bool { return k.kind == reasons && k.direction == d && k.code == code }))
	}
	return r
}

// withoutCode returns the row of the refusals without a code.
func (c *counts) withoutCode() Row {
	r := Row{Code: "none", Class: "none", Meaning: "refusals without a code", Description: "The log shows that a client was refused, and not with which code."}
	is := func(k key) bool { return k.kind == refusals }
	for k := range c.total {
		if is(k) {
			r.add(c.of(k))
		}
	}
	r.judge(logparse.Sent, c.reasons(r.Recent > 0, is))
	return r
}

// reasons returns how many of the keys, recently or in all, have which reason.
func (c *counts) reasons(recently bool, is func(key) bool) map[string]uint64 {
	from, all := c.total, map[string]uint64{}
	if recently {
		from = c.recent
	}
	for k, n := range from {
		if is(k) {
			all[k.reason] += n
		}
	}
	return all
}

// judge sets the most frequent reason and what to do about it.
func (r *Row) judge(d logparse.Direction, all map[string]uint64) {
	r.Reason, r.Share = most(all)
	if advice, ok := reason.AdviceOn(d, r.Reason); ok {
		r.Advice = &advice
	}
}

// most returns the name with the highest count, the first one of several.
func most(all map[string]uint64) (name string, n uint64) {
	for _, candidate := range slices.Sorted(maps.Keys(all)) {
		if all[candidate] > n {
			name, n = candidate, all[candidate]
		}
	}
	return name, n
}
