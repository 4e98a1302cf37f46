// Package canary keeps known mistakes and shows that the harness finds them. A
// mistake is a diff against the production source, which has no hook for it.
// What comes in is a source tree with fixtures/canaries; what goes out is, for
// each mistake, the plan that found it, or that it survived.
package canary

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Folder is where a source tree keeps its canaries, one NAME.diff each.
const Folder = "fixtures/canaries"

// Canary is one known mistake.
type Canary struct {
	Name    string
	Mistake string // what somebody got wrong
	From    string // the counterexample or defect that it stands for
	Breaks  string // what follows, and must be noticed
	Diff    string // the change, as a person reads it
	changes []change
}

// Load reads the canaries of a source tree, by name.
func Load(tree string) ([]Canary, error) {
	names, err := filepath.Glob(filepath.Join(tree, Folder, "*.diff"))
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("no canary in %s", filepath.Join(tree, Folder))
	}
	var all []Canary
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		c, err := Parse(strings.TrimSuffix(filepath.Base(name), ".diff"), string(data))
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// Choose takes those that patterns name, in the order of all (none: all). A
// pattern that names none is an error.
func Choose(all []Canary, patterns []string) (chosen []Canary, err error) {
	for _, p := range patterns {
		if !slices.ContainsFunc(all, func(c Canary) bool { return fits(p, c.Name) }) {
			return nil, fmt.Errorf("no canary is called %q; known are: %s", p, strings.Join(Names(all), ", "))
		}
	}
	for _, c := range all {
		if len(patterns) == 0 || slices.ContainsFunc(patterns, func(p string) bool { return fits(p, c.Name) }) {
			chosen = append(chosen, c)
		}
	}
	return chosen, nil
}

func fits(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return err == nil && ok
}

// Names lists the names of all.
func Names(all []Canary) []string {
	names := make([]string, len(all))
	for i, c := range all {
		names[i] = c.Name
	}
	return names
}

// Parse reads a canary: comment lines "# mistake: …", "# from: …" and
// "# breaks: …", each of which may go on in the next comment lines, then a
// unified diff.
func Parse(name, text string) (Canary, error) {
	c := Canary{Name: name}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	says := map[string]*string{"mistake": &c.Mistake, "from": &c.From, "breaks": &c.Breaks}
	var field *string
	at := 0
	for ; at < len(lines) && strings.HasPrefix(lines[at], "#"); at++ {
		line := strings.TrimSpace(strings.TrimPrefix(lines[at], "#"))
		if word, rest, ok := strings.Cut(line, ":"); ok && says[word] != nil {
			field, line = says[word], strings.TrimSpace(rest)
		}
		if field == nil {
			return c, fmt.Errorf("%s.diff:%d: must begin with \"# mistake: \"", name, at+1)
		}
		*field = strings.TrimSpace(*field + " " + line)
	}
	for _, word := range []string{"mistake", "from", "breaks"} {
		if *says[word] == "" {
			return c, fmt.Errorf("%s.diff: the comment at its head has no \"# %s: \"", name, word)
		}
	}
	c.Diff = strings.Join(lines[at:], "\n") + "\n"
	var err error
	if c.changes, err = parseDiff(lines, at); err != nil {
		return c, fmt.Errorf("%s.diff:%w", name, err)
	}
	return c, nil
}

// Changed returns the files that the canary changes, with the mistake in them,
// by their path in the tree. read gives a file of the tree.
func (c Canary) Changed(read func(path string) ([]byte, error)) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, ch := range c.changes {
		content, err := read(ch.path)
		if err != nil {
			return nil, fmt.Errorf("canary %s changes %s: %w", c.Name, ch.path, err)
		}
		changed, at, err := ch.apply(string(content))
		if err != nil {
			return nil, fmt.Errorf("canary %s does not fit %s:%d any more (%w): write it again", c.Name, ch.path, at, err)
		}
		files[ch.path] = []byte(changed)
	}
	return files, nil
}
