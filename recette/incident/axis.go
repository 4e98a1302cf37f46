package incident

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"
)

// Measures of the picture, in pixels.
const (
	labelHeight = 15
	most        = 58.0             // between two things, however long that was
	tail        = 52.0             // below the last thing: how everything stands at the end
	folded      = 20 * time.Second // a longer time in which nothing happens is folded
)

// anchor is a moment that has a place of its own on the picture.
type anchor struct {
	Moment
	column string  // where its label must not cover the one before; "": it has none
	y      float64 // after lay
}

// fold is a long time in a short space.
type fold struct {
	y, height float64
	text      string
}

// axis is virtual time from top to bottom. It is not to scale: what happens at
// one moment stands below each other, and long times are short.
type axis struct {
	anchors []*anchor
	folds   []fold
	height  float64
}

func (x *axis) add(m Moment, column string) *anchor {
	a := &anchor{Moment: m, column: column}
	x.anchors = append(x.anchors, a)
	return a
}

// lay gives every anchor its place.
func (x *axis) lay() {
	slices.SortStableFunc(x.anchors, func(a, b *anchor) int { return cmp.Or(cmp.Compare(a.Place, b.Place), cmp.Compare(a.At, b.At)) })
	y := 6.0
	bottom := map[string]float64{}
	for i, a := range x.anchors {
		if i > 0 {
			if gap := a.At - x.anchors[i-1].At; gap > 0 {
				h := stretch(gap)
				if gap > folded {
					x.folds = append(x.folds, fold{y: y, height: h, text: fmt.Sprintf("⋯ %v", gap.Round(100*time.Millisecond))})
				}
				y += h
			}
		}
		if a.column != "" {
			y = max(y, bottom[a.column])
			bottom[a.column] = y + labelHeight
		}
		a.y = y
	}
	x.height = y + tail
}

// stretch is how much space a time gets.
func stretch(gap time.Duration) float64 {
	return min(3+9*math.Log2(1+gap.Seconds()*4), most)
}

// at is the place of a time, between the anchors around it.
func (x *axis) at(t time.Duration) float64 {
	i, _ := slices.BinarySearchFunc(x.anchors, t, func(a *anchor, t time.Duration) int { return cmp.Compare(a.At, t) })
	switch {
	case len(x.anchors) == 0:
		return 0
	case i == len(x.anchors):
		return x.height
	case i == 0 || x.anchors[i].At == t:
		return x.anchors[i].y
	}
	a, b := x.anchors[i-1], x.anchors[i]
	return a.y + (b.y-a.y)*float64(t-a.At)/float64(b.At-a.At)
}
