package counter

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// A series is a counter and, for a reply, the counter of the next narrower family that
// counts the same.
type series struct {
	Count
	part *series
}

// add counts n in the series and in all that it is a part of.
func (c *series) add(n int) {
	for ; c != nil; c = c.part {
		c.Value += uint64(n)
	}
}

// A tier says how much a label set deserves a series of its own. Each tier has room that
// no other tier takes. So neither the number of the other label sets nor the order in
// which they come can cost a label set its series.
type tier int

const (
	free       tier = iota // all others
	paired                 // a code of the catalogue with any reason, everything else folded
	catalogue              // a code of the catalogue, everything else folded
	wanted                 // 451 and 452 by reason, the pairs in the alerts
	hostPaired             // a code of the catalogue with any reason, of one host, everything else folded
	ofHost                 // the pairs in the alerts, of one host, everything else folded
	last                   // everything folded but perhaps a host that all others share: fits always
	tiers
)

// rooms are numbers of series by tier. A tier whose room is full may use the free room.
type rooms [tiers]int

// inFree returns how much of the free room of r is used.
func (used *rooms) inFree(r *rooms) int {
	n := used[free]
	for t := paired; t < last; t++ {
		n += max(0, used[t]-r[t])
	}
	return n
}

// A scope is what a family's rooms are for.
type scope struct {
	mta    string // "" for all
	byHost bool   // the label sets with a host; the rooms of the others are as if there were none
}

// ofSource is the scope of a family whose rooms are for a source.
func ofSource(host string) scope { return scope{byHost: host != ""} }

// ofMTA is the scope of a family that has rooms for each MTA. Those with a host share one.
func ofMTA(host, mta string) scope {
	if host != "" {
		return scope{byHost: true}
	}
	return scope{mta: mta}
}

// limits are the rooms of each scope of a family.
type limits struct{ rooms, byHost rooms }

func (l *limits) of(s scope) *rooms {
	if s.byHost {
		return &l.byHost
	}
	return &l.rooms
}

// A family counts by label sets of one kind.
type family[K comparable] struct {
	name   Family
	series map[K]*series
	limits limits
	used   map[scope]*rooms
	scope  func(K) scope
	tier   func(K) tier                // of a label set
	fold   func(K) (folded K, ok bool) // folds one more label; ok is false if none is left
}

func newFamily[K comparable](name Family, l limits, scoped func(K) scope, tier func(K) tier, fold func(K) (K, bool)) family[K] {
	return family[K]{name, map[K]*series{}, l, map[scope]*rooms{}, scoped, tier, fold}
}

// fits reports whether k has a series or may have one.
func (f *family[K]) fits(k K) bool {
	scope := f.scope(k)
	used := f.used[scope]
	if used == nil || f.series[k] != nil {
		return true
	}
	t, limit := f.tier(k), f.limits.of(scope)
	return t == last || t != free && used[t] < limit[t] || used.inFree(limit) < limit[free]
}

// place folds k until it fits.
func (f *family[K]) place(k K) K {
	for !f.fits(k) {
		folded, ok := f.fold(k)
		if !ok {
			break
		}
		k = folded
	}
	return k
}

// get returns the series of k. It creates one if there is none, even if that does not fit.
func (f *family[K]) get(k K, created time.Time) *series {
	c := f.series[k]
	if c == nil {
		c = &series{Count: Count{Created: created}}
		f.series[k] = c
		f.take(k)
	}
	return c
}

// take counts a new series as used.
func (f *family[K]) take(k K) {
	scope := f.scope(k)
	used := f.used[scope]
	if used == nil {
		used = &rooms{}
		f.used[scope] = used
	}
	used[f.tier(k)]++
}

// count counts n under k, or under what k is folded to. It returns how many it folded.
func (f *family[K]) count(k K, n int, now time.Time) (folded int) {
	if c := f.series[k]; c != nil {
		c.add(n)
		return 0
	}
	place := f.place(k)
	f.get(place, now).add(n)
	if place == k {
		return 0
	}
	return n
}

// zero creates a series, unless that does not fit. That of a host takes no room from series
// that count.
func (f *family[K]) zero(k K, now time.Time) {
	if !f.fits(k) {
		return
	}
	scope := f.scope(k)
	if used := f.used[scope]; used != nil && f.tier(k) == ofHost && used[ofHost] >= f.limits.of(scope)[ofHost] {
		return
	}
	f.get(k, now)
}

// restore adds the series of a saved state. It reports whether they are within the
// limits. If they are not, the caller has to fold them.
func (f *family[K]) restore(saved map[K]Count) (fits bool) {
	for k, count := range saved {
		f.get(k, count.Created).Count = count
	}
	for scope, used := range f.used {
		if limit := f.limits.of(scope); used.inFree(limit) > limit[free] {
			return false
		}
	}
	return true
}

// clear drops all series.
func (f *family[K]) clear() {
	clear(f.series)
	clear(f.used)
}

// refold adds the series of a saved state that exceeds the limits. It returns the sum of
// what it folded.
func (f *family[K]) refold(saved map[K]Count) (folded uint64) {
	f.clear()
	for _, s := range byValue(saved) {
		place := f.place(s.key)
		f.get(place, s.Created).merge(s.Count)
		if place != s.key {
			folded += s.Value
		}
	}
	return folded
}

// merge adds a count that was another series'.
func (c *series) merge(more Count) {
	c.Value += more.Value
	if more.Created.Before(c.Created) {
		c.Created = more.Created
	}
}

type savedSeries[K comparable] struct {
	key K
	Count
	text string // of the key
}

// byValue returns the series of a saved state, the largest first, so that these keep
// their labels. The order is the same at each start.
func byValue[K comparable](saved map[K]Count) []savedSeries[K] {
	all := make([]savedSeries[K], 0, len(saved))
	for k, count := range saved {
		all = append(all, savedSeries[K]{k, count, fmt.Sprint(k)})
	}
	slices.SortFunc(all, func(a, b savedSeries[K]) int {
		return cmp.Or(cmp.Compare(b.Value, a.Value), cmp.Compare(a.text, b.text))
	})
	return all
}

// clone returns a copy of the counts.
func (f *family[K]) clone() map[K]Count {
	c := make(map[K]Count, len(f.series))
	for k, s := range f.series {
		c[k] = s.Count
	}
	return c
}
