package explore

import (
	"slices"
	"testing"
)

func TestSpread_IsAPermutation(t *testing.T) {
	for _, n := range []uint64{1, 2, 3, 10, 97, 1000, 4096} {
		for _, seed := range []uint64{0, 1, 7} {
			s, seen := newSpread(n, seed), map[uint64]bool{}
			for i := range n {
				seen[s.at(i)] = true
			}
			if uint64(len(seen)) != n {
				t.Errorf("%d of %d numbers, seed %d", len(seen), n, seed)
			}
		}
	}
}

// Any beginning takes evenly from every tenth.
func TestSpread_TakesEvenly(t *testing.T) {
	const n = 1_000_003
	s, tenths := newSpread(n, 5), [10]int{}
	for i := range uint64(200) {
		tenths[s.at(i)*10/n]++
	}
	for i, got := range tenths {
		if got < 17 || got > 23 {
			t.Errorf("%d of 200 in tenth %d", got, i)
		}
	}
}

func TestCombination_OfEveryRank(t *testing.T) {
	for k := 1; k <= 3; k++ {
		seen := map[string]bool{}
		n := uint64(9)
		for r := range choose(n, k) {
			c := combination(r, n, k)
			if len(c) != k || !slices.IsSorted(c) || len(slices.Compact(slices.Clone(c))) != k || c[k-1] >= int(n) {
				t.Fatalf("combination %d of %d: %v", r, k, c)
			}
			key := ""
			for _, i := range c {
				key += string(rune('a' + i))
			}
			seen[key] = true
		}
		if uint64(len(seen)) != choose(n, k) {
			t.Errorf("%d different ones of %d", len(seen), choose(n, k))
		}
	}
	if got := combination(choose(5000, 3)-1, 5000, 3); !slices.Equal(got, []int{4997, 4998, 4999}) {
		t.Errorf("the last of many: %v", got)
	}
}
