package explore

import (
	"math/bits"
	"sort"
)

// spread is an order of the numbers below n in which neighbours are far from
// each other, so that any beginning of it is taken evenly from everywhere: the
// golden ratio's steps around a circle. No list of them is kept.
type spread struct{ n, step, from uint64 }

func newSpread(n, seed uint64) spread {
	if n == 0 {
		return spread{}
	}
	hi, _ := bits.Mul64(n, 0x9e3779b97f4a7c15)
	s := spread{n: n, step: max(hi, 1), from: (seed * 0xbf58476d1ce4e5b9) % n}
	for gcd(s.step, n) != 1 {
		s.step++
	}
	return s
}

func gcd(a, b uint64) uint64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// at is the ith number, i below n.
func (s spread) at(i uint64) uint64 {
	hi, lo := bits.Mul64(s.step, i)
	lo, carry := bits.Add64(lo, s.from, 0)
	return bits.Rem64(hi+carry, lo, s.n)
}

// choose is how many ways there are to take k of n.
func choose(n uint64, k int) uint64 {
	switch {
	case k == 0:
		return 1
	case n < uint64(k):
		return 0
	case k == 1:
		return n
	case k == 2:
		return n * (n - 1) / 2
	}
	ways := uint64(1)
	for i := range uint64(k) {
		ways = ways * (n - i) / (i + 1)
	}
	return ways
}

// combination is the rth way to take k of n, ascending, by the combinatorial
// number system: r is the sum of choose(c, i) over its members.
func combination(r, n uint64, k int) []int {
	all := make([]int, k)
	for i := k; i > 0; i-- {
		// The largest c with choose(c, i) ≤ r.
		c := uint64(sort.Search(int(n), func(c int) bool { return choose(uint64(c)+1, i) > r }))
		all[i-1] = int(c)
		r -= choose(c, i)
		n = c
	}
	return all
}
