package canary

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// change is what a diff does to one file.
type change struct {
	path  string // from the module's root
	hunks []hunk
}

// hunk replaces lines of a file by others. All its old lines, the context too,
// must be there as they stand: nothing is applied by resemblance.
type hunk struct {
	at       int // line of the first old one, from 1
	old, new []string
}

var header = regexp.MustCompile(`^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@`)

// parseDiff reads the lines from at on. An error begins with the line's number.
func parseDiff(lines []string, at int) (all []change, err error) {
	for at < len(lines) {
		if len(all) == 0 && strings.TrimSpace(lines[at]) == "" {
			at++
			continue
		}
		c := change{}
		if c.path, err = parseFile(lines, at); err != nil {
			return nil, fmt.Errorf("%d: %w", at+1, err)
		}
		for at += 2; at < len(lines) && strings.HasPrefix(lines[at], "@@"); {
			h, next, err := parseHunk(lines, at)
			if err != nil {
				return nil, err
			}
			c.hunks, at = append(c.hunks, h), next
		}
		if len(c.hunks) == 0 {
			return nil, fmt.Errorf("%d: \"@@ -LINE,COUNT +LINE,COUNT @@\" must follow", at+1)
		}
		if slices.ContainsFunc(all, func(o change) bool { return o.path == c.path }) {
			return nil, fmt.Errorf("%d: %s is changed twice; put its hunks together", at+1, c.path)
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%d: there is no diff", at)
	}
	return all, nil
}

// parseFile reads the two lines that name the file.
func parseFile(lines []string, at int) (string, error) {
	from, ok := strings.CutPrefix(lines[at], "--- a/")
	if !ok || at+1 >= len(lines) {
		return "", errors.New("\"--- a/FILE\" and \"+++ b/FILE\" must follow")
	}
	if to, ok := strings.CutPrefix(lines[at+1], "+++ b/"); !ok || to != from {
		return "", fmt.Errorf("\"+++ b/%s\" must follow: a canary changes files, it makes and renames none", from)
	}
	switch {
	case path.Clean(from) != from || !strings.HasPrefix(from, "handler/") || path.Ext(from) != ".go":
		return "", fmt.Errorf("%s is not production code (handler/….go)", from)
	case strings.HasSuffix(from, "_test.go"), strings.HasPrefix(from, "handler/adapter/"), strings.HasPrefix(from, "handler/port/"):
		return "", fmt.Errorf("%s is not what the simulator runs", from)
	}
	return from, nil
}

// parseHunk reads one hunk and returns the line after it.
func parseHunk(lines []string, at int) (h hunk, next int, err error) {
	m := header.FindStringSubmatch(lines[at])
	if m == nil {
		return h, at, fmt.Errorf("%d: must be \"@@ -LINE,COUNT +LINE,COUNT @@\"", at+1)
	}
	h.at = number(m[1], 0)
	was, is := number(m[2], 1), number(m[4], 1)
	for next = at + 1; next < len(lines) && (len(h.old) < was || len(h.new) < is); next++ {
		kind, text := lines[next][:min(1, len(lines[next]))], lines[next][min(1, len(lines[next])):]
		switch kind {
		case " ", "": // editors take the blank of an empty line away
			h.old, h.new = append(h.old, text), append(h.new, text)
		case "-":
			h.old = append(h.old, text)
		case "+":
			h.new = append(h.new, text)
		default:
			return h, next, fmt.Errorf("%d: a line of a hunk begins with a blank, - or +", next+1)
		}
	}
	switch {
	case len(h.old) != was || len(h.new) != is:
		return h, next, fmt.Errorf("%d: the hunk has %d old and %d new lines, its head says %d and %d", at+1, len(h.old), len(h.new), was, is)
	case was == 0:
		return h, next, fmt.Errorf("%d: the hunk has no line of the file, so nothing says where it belongs", at+1)
	case slices.Equal(h.old, h.new):
		return h, next, fmt.Errorf("%d: the hunk changes nothing", at+1)
	}
	return h, next, nil
}

// number is that of the digits, or what is meant where there are none.
func number(digits string, none int) int {
	n, err := strconv.Atoi(digits)
	if err != nil {
		return none
	}
	return n
}

// apply changes content. Lines may have moved since the diff was written, if
// what the hunk replaces is in one place only. at is the line that an error is
// about.
func (c change) apply(content string) (changed string, at int, err error) {
	lines := strings.Split(content, "\n")
	var out []string
	done := 0 // lines that are copied or replaced
	for _, h := range c.hunks {
		i, err := h.find(lines, done)
		if err != nil {
			return "", h.at, err
		}
		out = append(append(out, lines[done:i]...), h.new...)
		done = i + len(h.old)
	}
	return strings.Join(append(out, lines[done:]...), "\n"), 0, nil
}

// find is where the old lines are, from line from (counted from 0) on.
func (h hunk) find(lines []string, from int) (int, error) {
	is := func(i int) bool { return i+len(h.old) <= len(lines) && slices.Equal(lines[i:i+len(h.old)], h.old) }
	if h.at-1 >= from && is(h.at-1) {
		return h.at - 1, nil
	}
	found := -1
	for i := from; i < len(lines); i++ {
		switch {
		case !is(i):
		case found >= 0:
			return 0, fmt.Errorf("its lines are at %d and at %d", found+1, i+1)
		default:
			found = i
		}
	}
	if found < 0 {
		return 0, errors.New("its lines are not there")
	}
	return found, nil
}
