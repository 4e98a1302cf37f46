package figures

import (
	"fmt"
	"math"
	"slices"
)

// Spread is what is told of several runs of one thing.
type Spread struct {
	N                int
	Median, Min, Max float64
}

// Over is the spread of values; the zero Spread for none. The median of an even
// number is the mean of the middle two.
func Over(values []float64) Spread {
	if len(values) == 0 {
		return Spread{}
	}
	v := slices.Sorted(slices.Values(values))
	n := len(v)
	return Spread{N: n, Median: (v[(n-1)/2] + v[n/2]) / 2, Min: v[0], Max: v[n-1]}
}

// String is "median (min–max)" in seconds, "–" for no run.
func (s Spread) String() string {
	if s.N == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f (%.2f–%.2f)", s.Median, s.Min, s.Max)
}

// Ratio is how many times the median of other goes into that of s, NaN when
// either is not known.
func (s Spread) Ratio(other Spread) float64 {
	if s.N == 0 || other.N == 0 || other.Median == 0 {
		return math.NaN()
	}
	return s.Median / other.Median
}

// pick collects one number of every sample that has it.
func pick[T any](all []T, of func(T) (float64, bool)) Spread {
	var values []float64
	for _, x := range all {
		if v, ok := of(x); ok {
			values = append(values, v)
		}
	}
	return Over(values)
}
