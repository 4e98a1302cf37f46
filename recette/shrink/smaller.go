package shrink

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// arguments makes what commands say smaller.
func (t *trial) arguments(d draft) draft {
	for i := 0; i < len(d.lines); {
		c := d
		for _, line := range smaller(d.lines[i]) {
			if c = d.with(i, line); t.fails(c) {
				break
			}
			c = d
		}
		if c.lines[i] == d.lines[i] {
			i++
		}
		d = c
	}
	return d
}

// optional are the commands that mean something with fewer words, and how many
// they need.
func optional() map[string]int {
	return map[string]int{
		"deploy": 3, "destroy": 1, "migrate": 3, "event": 3, "push": 1, "write": 1, "volume": 4, "legacy": 3,
		"fault": 4, "cut": 2, "join": 2, "freeze": 2, "gossip": 1, "redeliver": 1,
	}
}

// smaller lists what a line may become, the shortest first.
func smaller(line string) (all []string) {
	words := strings.Fields(line)
	if quoted(line) || slices.Contains([]string{"seed", "strategy", "nodes", "expect", "say", "writer"}, words[0]) {
		return nil
	}
	if least, ok := optional()[words[0]]; ok {
		all = shorter(words, least)
	}
	if words[0] == "fault" && len(words) > 3 && strings.Contains(words[2], ".") && words[3] != "error" {
		all = append(all, replaced(words, 3, "error"))
	}
	for i := 1; i < len(words); i++ {
		for _, less := range lower(words[i]) {
			all = append(all, replaced(words, i, less))
		}
	}
	return all
}

// shorter drops the words at the end, then one, then two that belong together.
func shorter(words []string, least int) (all []string) {
	for n := least; n < len(words); n++ {
		all = append(all, strings.Join(words[:n], " "))
	}
	for width := 2; width >= 1; width-- {
		for i := least; i+width < len(words); i++ {
			all = append(all, strings.Join(slices.Concat(words[:i], words[i+width:]), " "))
		}
	}
	return all
}

func replaced(words []string, i int, by string) string {
	words = slices.Clone(words)
	words[i] = by
	return strings.Join(words, " ")
}

// lower lists what a number or a time may become.
func lower(word string) (all []string) {
	if n, err := strconv.Atoi(word); err == nil {
		for _, less := range []int{1, 2, n / 2, n - 1} {
			if less > 0 && less < n && (less != n-1 || n <= 8) {
				all = append(all, strconv.Itoa(less))
			}
		}
		return all
	}
	d, err := time.ParseDuration(word)
	if err != nil {
		return nil
	}
	for _, less := range []string{"1s", "5s", "20s", "1m", "5m", "20m"} {
		if l, err := time.ParseDuration(less); err == nil && l < d {
			all = append(all, less)
		}
	}
	return all
}
