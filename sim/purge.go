package sim

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// purge deletes snapshots as the driver does: of each frame of age the oldest
// survives, everything younger than the smallest component, nothing older
// than the largest. Markers are ordinary candidates.
func (n *node) purge(volume, pattern string, now time.Time) {
	parts := components(pattern)
	if len(parts) == 0 {
		return
	}
	all := n.driver.of(volume)
	names := make([]string, len(all))
	for i, s := range all {
		names[i] = s.Name
	}
	for _, name := range expired(names, parts, now) {
		n.c.thin(n.driver.snap(name))
		n.driver.unsnap(name)
		n.c.changes.Data++
	}
}

// thin notes which records a purge has taken a copy of.
func (c *Cluster) thin(s *snapshot) {
	for _, r := range s.records {
		if c.thinned[s.Volume] == nil {
			c.thinned[s.Volume] = map[uint64]bool{}
		}
		c.thinned[s.Volume][r.Number] = true
	}
}

// Thinned reports whether a purge has ever taken a snapshot of volume that had
// the record with that number.
func (c *Cluster) Thinned(volume string, number uint64) bool { return c.thinned[volume][number] }

// components are a pattern's minutes, ascending, each once; nil when it is none.
func components(pattern string) []int {
	unit := map[byte]int{'m': 1, 'h': 60, 'd': 1440, 'w': 10080, 'y': 525600}
	var parts []int
	for _, p := range strings.Split(pattern, ":") {
		if len(p) < 2 || unit[p[len(p)-1]] == 0 {
			return nil
		}
		v, err := strconv.Atoi(p[:len(p)-1])
		if err != nil || v < 0 {
			return nil
		}
		parts = append(parts, v*unit[p[len(p)-1]])
	}
	slices.Sort(parts)
	return slices.Compact(parts)
}

// expired lists the snapshots that the components let go, of names sorted.
func expired(names []string, parts []int, now time.Time) []string {
	type dated struct {
		name string
		age  int
	}
	var all []dated
	for _, name := range names {
		fields := strings.Split(name, "@")
		if len(fields) < 2 {
			continue
		}
		if at, err := time.Parse(dateForm, fields[1]); err == nil {
			all = append(all, dated{name, minutes(now.Sub(at))})
		}
	}
	largest := parts[len(parts)-1]
	var gone []string
	if len(parts) == 1 {
		for _, s := range all {
			if s.age > largest {
				gone = append(gone, s.name)
			}
		}
		return gone
	}
	for i := len(parts) - 1; i > 0; i-- {
		upper, lower, last := parts[i], parts[i-1], -1
		for _, s := range all {
			if s.age < lower || s.age > upper && upper != largest {
				continue
			}
			frame := -1
			if lower > 0 {
				frame = s.age / lower
			}
			if frame == last && lower > 0 || s.age > largest {
				gone = append(gone, s.name)
			}
			last = frame
		}
	}
	slices.Sort(gone)
	return slices.Compact(gone)
}

// minutes is whole seconds of age in minutes, towards the past.
func minutes(d time.Duration) int {
	s := int(d / time.Second)
	if s < 0 {
		return -1
	}
	return s / 60
}
