package main

import (
	_ "embed" // for the list
	"fmt"
	"maps"
	"slices"
	"strings"
)

// unreachable lists the branches that no run can take, in paragraphs: the
// branch as the table names it, then indented why.
//
//go:embed unreachable.txt
var unreachable string

// verdict is what became of the branches.
type verdict struct {
	taken   int
	excused []branch // cannot be taken
	never   []branch // could be, and were not
	wrong   []string // entries of the list that do not hold
}

// excuses reads the list: key → reason.
func excuses(text string) (map[string]string, error) {
	all := map[string]string{}
	key := ""
	for n, line := range strings.Split(text, "\n") {
		switch {
		case strings.TrimSpace(line) == "", strings.HasPrefix(line, "#"):
		case !strings.HasPrefix(line, " ") && !strings.HasPrefix(line, "\t"):
			if key != "" && all[key] == "" {
				return nil, fmt.Errorf("unreachable.txt:%d: %s has no reason", n+1, key)
			}
			if key = line; all[key] != "" {
				return nil, fmt.Errorf("unreachable.txt:%d: %s is there twice", n+1, key)
			}
		case key == "":
			return nil, fmt.Errorf("unreachable.txt:%d: a reason without a branch", n+1)
		default:
			all[key] = strings.TrimSpace(all[key] + " " + strings.TrimSpace(line))
		}
	}
	if key != "" && all[key] == "" {
		return nil, fmt.Errorf("unreachable.txt: %s has no reason", key)
	}
	return all, nil
}

// compare sorts the branches by what the counts and the list say.
func compare(found []branch, counts coverage, excused map[string]string) (v verdict, err error) {
	fits := map[string]bool{}
	for _, b := range found {
		n, known := counts.count(b.file, b.at)
		if !known {
			return v, fmt.Errorf("%s:%d: the profile does not know this line; was it made from other source?", b.file, b.line)
		}
		_, listed := excused[b.key()]
		fits[b.key()] = listed
		switch {
		case n > 0 && listed:
			v.wrong = append(v.wrong, fmt.Sprintf("%s was taken %d times", b.key(), n))
		case n > 0:
			v.taken++
		case listed:
			v.excused = append(v.excused, b)
		default:
			v.never = append(v.never, b)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(excused)) {
		if !fits[key] {
			v.wrong = append(v.wrong, "there is no branch "+key)
		}
	}
	return v, nil
}
