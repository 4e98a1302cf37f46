package sim

import (
	"cmp"
	"slices"
)

// pairing says which index of the fakes' Consul stands for which recorded one.
// Numbers mean nothing, their order does: both sides grow together.
type pairing struct{ pairs []pairOf }

type pairOf struct{ was, is uint64 }

func byWas(p pairOf, was uint64) int { return cmp.Compare(p.was, was) }

// is is the fake's index for a recorded one.
func (g pairing) is(was uint64) (uint64, bool) {
	i, ok := slices.BinarySearchFunc(g.pairs, was, byWas)
	if !ok {
		return 0, false
	}
	return g.pairs[i].is, true
}

// with is g with more pairs, false when one does not fit. 0 stands for 0.
func (g pairing) with(more ...pairOf) (pairing, bool) {
	next, own := g.pairs, false
	for _, p := range more {
		if p.was == 0 || p.is == 0 {
			if p.was != p.is {
				return g, false
			}
			continue
		}
		i, known := slices.BinarySearchFunc(next, p.was, byWas)
		switch {
		case known && next[i].is == p.is:
			continue
		case known, i > 0 && next[i-1].is >= p.is, i < len(next) && next[i].is <= p.is:
			return g, false
		}
		if !own {
			next, own = slices.Clone(next), true
		}
		next = slices.Insert(next, i, p)
	}
	return pairing{next}, true
}
