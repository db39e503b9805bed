package status

import (
	"cmp"
	"slices"
)

// A Provider is what became of the deliveries to one.
type Provider struct {
	Name string
	pair
	// These are of the recent deliveries, or of all if there were none recently.
	Delivered, Deferred, Refused, NoAnswer uint64
	Reason                                 string // the most frequent one of what was not delivered; "" if there is none
	Share                                  uint64 // how many have it
}

// providers returns the providers with the most deliveries.
func (c *counts) providers() List[Provider] {
	sums := map[string]*pair{}
	for k := range c.total {
		if k.kind == deliveries {
			if sums[k.name] == nil {
				sums[k.name] = &pair{}
			}
			sums[k.name].add(c.of(k))
		}
	}
	var all []Provider
	for name, n := range sums {
		all = append(all, Provider{Name: name, pair: *n})
	}
	slices.SortFunc(all, func(a, b Provider) int { return cmp.Or(less(a.pair, b.pair), cmp.Compare(a.Name, b.Name)) })
	top := first(maxProviders, all)
	for i := range top.Items {
		c.outcomes(&top.Items[i])
	}
	return top
}

// outcomes sets what became of the deliveries to a provider.
func (c *counts) outcomes(p *Provider) {
	from := c.total
	if p.Recent > 0 {
		from = c.recent
	}
	failed := map[string]uint64{}
	for k, n := range from {
		if k.kind != deliveries || k.name != p.Name {
			continue
		}
		switch k.code {
		case 2:
			p.Delivered += n
			continue
		case 4:
			p.Deferred += n
		case 5:
			p.Refused += n
		default:
			p.NoAnswer += n
		}
		failed[k.reason] += n
	}
	p.Reason, p.Share = most(failed)
}

// A Part is a part of a bar that is 100 wide.
type Part struct {
	Class    string
	At, Wide float64
}

// Parts returns the bar of the outcomes.
func (p *Provider) Parts() (parts []Part) {
	all, at := float64(p.main()), 0.0
	for _, outcome := range []struct {
		class string
		n     uint64
	}{{"ok", p.Delivered}, {"later", p.Deferred}, {"no", p.Refused}, {"none", p.NoAnswer}} {
		if outcome.n > 0 {
			wide := 100 * float64(outcome.n) / all
			parts = append(parts, Part{outcome.class, at, wide})
			at += wide
		}
	}
	return parts
}

// A Shape is a form of lines that is not understood.
type Shape struct {
	MTA, Shape string
	pair
}

func (c *counts) shapes() List[Shape] {
	var all []Shape
	for k := range c.total {
		if k.kind == notUnderstood {
			all = append(all, Shape{k.name, k.reason, c.of(k)})
		}
	}
	slices.SortFunc(all, func(a, b Shape) int {
		return cmp.Or(less(a.pair, b.pair), cmp.Compare(a.MTA, b.MTA), cmp.Compare(a.Shape, b.Shape))
	})
	return first(maxShapes, all)
}
