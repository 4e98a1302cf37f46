package shrink

import (
	"slices"
	"strings"

	"golang.org/x/tools/txtar"
)

// draft is a scenario as it is made smaller: nothing changes one in place.
type draft struct {
	lines []string // commands and settings, without comments and empty lines
	files []txtar.File
}

func read(text []byte) draft {
	a := txtar.Parse(text)
	d := draft{files: a.Files}
	for line := range strings.SplitSeq(string(a.Comment), "\n") {
		if line = bare(line); line != "" {
			d.lines = append(d.lines, line)
		}
	}
	return d
}

// bare is a line without its comment. Where there are quotes nothing is taken
// for one.
func bare(line string) string {
	line = strings.TrimSpace(line)
	if strings.HasPrefix(line, "#") {
		return ""
	}
	if i := strings.Index(line, " #"); i >= 0 && !quoted(line) {
		line = strings.TrimSpace(line[:i])
	}
	return line
}

func quoted(line string) bool { return strings.ContainsAny(line, `"'`) }

// command is the first word of a line.
func command(line string) string {
	word, _, _ := strings.Cut(line, " ")
	return word
}

func (d draft) text() []byte {
	return txtar.Format(&txtar.Archive{Comment: []byte(strings.Join(d.lines, "\n") + "\n"), Files: d.files})
}

// size is what a person reads: lines and files.
func (d draft) size() int { return len(d.lines) + len(d.files) }

// expects counts the lines that expect something.
func (d draft) expects() (n int) {
	for _, line := range d.lines {
		if command(line) == "expect" {
			n++
		}
	}
	return n
}

// keep is d with those lines that take takes.
func (d draft) keep(take func(line string) bool) draft {
	d.lines = slices.DeleteFunc(slices.Clone(d.lines), func(l string) bool { return !take(l) })
	return d
}

// without is d without lines from to to.
func (d draft) without(from, to int) draft {
	d.lines = slices.Concat(d.lines[:from], d.lines[to:])
	return d
}

// with is d with another line i.
func (d draft) with(i int, line string) draft {
	d.lines = slices.Clone(d.lines)
	d.lines[i] = line
	return d
}

// unfiled is d without file i.
func (d draft) unfiled(i int) draft {
	d.files = slices.Concat(d.files[:i], d.files[i+1:])
	return d
}

// renamed is d with other words: those that are keys of to.
func (d draft) renamed(to map[string]string) draft {
	d.lines = slices.Clone(d.lines)
	for i, line := range d.lines {
		words := strings.Fields(line)
		changed := false
		for k, w := range words {
			if name, ok := to[w]; ok {
				words[k], changed = name, true
			}
		}
		if changed {
			d.lines[i] = strings.Join(words, " ")
		}
	}
	return d
}

// nodes are those that the scenario asks for, and where they stand.
func (d draft) nodes() (at int, names []string) {
	for i, line := range d.lines {
		if command(line) == "nodes" {
			return i, strings.Fields(line)[1:]
		}
	}
	return -1, []string{"n1", "n2", "n3"}
}

// apps are the applications that the commands name.
func (d draft) apps() (all []string) {
	for _, line := range d.lines {
		words := strings.Fields(line)
		if slices.Contains([]string{"deploy", "destroy", "write", "writer", "legacy"}, words[0]) && len(words) > 1 {
			all = append(all, words[1])
		}
		if words[0] == "migrate" {
			all = append(all, words[1:]...)
		}
	}
	return all
}
