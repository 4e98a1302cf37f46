package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

// module is what the files of a profile begin with.
const module = "github.com/mlfmonde/cluster/"

// block is a run of statements that a profile counts.
type block struct {
	from, to place
	count    int
}

// coverage is the blocks of each file.
type coverage map[string][]block

// load adds profiles up.
func load(names []string) (coverage, error) {
	all := coverage{}
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		lines := bufio.NewScanner(f)
		for n := 1; lines.Scan(); n++ {
			if strings.HasPrefix(lines.Text(), "mode:") {
				continue
			}
			if err := all.line(lines.Text()); err != nil {
				return nil, fmt.Errorf("%s:%d: %w", name, n, err)
			}
		}
		if err := lines.Err(); err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		if err := f.Close(); err != nil {
			return nil, err
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("the profiles count nothing")
	}
	return all, nil
}

// line reads "file:line.column,line.column statements count".
func (c coverage) line(text string) error {
	file, rest, ok := strings.Cut(text, ":")
	var b block
	var statements int
	_, err := fmt.Sscanf(rest, "%d.%d,%d.%d %d %d", &b.from.line, &b.from.column, &b.to.line, &b.to.column, &statements, &b.count)
	if !ok || err != nil {
		return fmt.Errorf("%q is no line of a coverage profile", text)
	}
	file = strings.TrimPrefix(file, module)
	c[file] = append(c[file], b)
	return nil
}

// count is how often the statement at p of file ran, by the innermost block
// around it; known is false when no block is.
func (c coverage) count(file string, p place) (n int, known bool) {
	var best block
	for _, b := range c[file] {
		switch {
		case p.before(b.from) || !p.before(b.to) && p != b.from:
		case !known || best.from.before(b.from):
			best, n, known = b, b.count, true
		case best.from == b.from:
			n += b.count
		}
	}
	return n, known
}
