package shrink

import (
	"fmt"
	"slices"
	"strings"
)

// few is how many lines may be left for every pair of them to be tried.
const few = 14

// words drops all lines that share a word: a node, an application, a fault.
func (t *trial) words(d draft) draft {
	for _, word := range shared(d.lines) {
		c := d.keep(func(line string) bool {
			return command(line) == "nodes" || !slices.Contains(strings.Fields(line)[1:], word)
		})
		if len(c.lines) < len(d.lines) {
			d = t.better(d, c)
		}
	}
	return d
}

// shared lists the arguments that more than one line has, the rarest first:
// what is everywhere is seldom to be missed.
func shared(lines []string) []string {
	var all []string
	in := map[string]int{}
	for _, line := range lines {
		args := strings.Fields(line)[1:]
		slices.Sort(args)
		for _, word := range slices.Compact(args) {
			if in[word]++; in[word] == 2 {
				all = append(all, word)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b string) int { return in[a] - in[b] })
	return all
}

// blocks drops lines that follow each other, fewer and fewer at a time, from
// the end: commands build on those before them.
func (t *trial) blocks(d draft) draft {
	for size := max(len(d.lines)/2, 1); ; size /= 2 {
		for to := len(d.lines); to > 0; {
			from := max(to-size, 0)
			d = t.better(d, d.without(from, to))
			to = min(from, len(d.lines))
		}
		if size <= 1 {
			return d
		}
	}
}

// pairs drops two lines that are nothing without each other: a node goes down
// and comes back, a request and the wait for it.
func (t *trial) pairs(d draft) draft {
	for i := len(d.lines) - 1; i > 0 && len(d.lines) <= few; i-- {
		for k := i - 1; k >= 0 && i < len(d.lines); k-- {
			d = t.better(d, d.without(i, i+1).without(k, k+1))
		}
	}
	return d
}

func (t *trial) files(d draft) draft {
	for i := len(d.files) - 1; i >= 0; i-- {
		d = t.better(d, d.unfiled(i))
	}
	return d
}

// nodes drops nodes, and the line that names them where the usual ones do.
func (t *trial) nodes(d draft) draft {
	at, names := d.nodes()
	if at < 0 {
		return d
	}
	for i := len(names) - 1; i >= 0 && len(names) > 1; i-- {
		left := slices.Concat(names[:i], names[i+1:])
		if c := d.with(at, "nodes "+strings.Join(left, " ")); t.fails(c) {
			d, names = c, left
		}
	}
	usual := map[string]string{}
	for i, name := range slices.Sorted(slices.Values(names)) {
		usual[name] = fmt.Sprintf("n%d", i+1)
	}
	if len(usual) <= 3 {
		if c := d.without(at, at+1).renamed(usual); t.fails(c) {
			return c
		}
	}
	return d
}

// turns takes chance away: who is next in a fixed order, or by a smaller draw.
func (t *trial) turns(d draft) draft {
	for i, line := range d.lines {
		if command(line) != "strategy" {
			continue
		}
		for _, simpler := range []string{
			"strategy turns", "strategy pct 1 depth 1", "strategy pct 1 depth 2", "strategy pct 2 depth 2",
			"strategy random 1", "strategy random 2", "strategy random 3",
		} {
			if line == simpler {
				break
			}
			if c := d.with(i, simpler); t.fails(c) {
				return c
			}
		}
	}
	return d
}
