package shrink

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/mlfmonde/cluster/recette"
)

// reason is why a scenario does not hold, as far as it must stay the same.
type reason struct {
	kind  recette.Kind
	rules []string // of each line of the error, the first decides
	exact bool     // something that the scenario itself expects
}

// reasonOf is the kind of err and its words without names and numbers. What an
// "expect" says is meant exactly, so there it is the whole line.
func reasonOf(err error, name string, d draft) reason {
	r := reason{kind: recette.KindOf(err)}
	if at := lineOf(err, name); at > 0 && at <= len(d.lines) {
		r.exact = command(d.lines[at-1]) == "expect"
	}
	_, nodes := d.nodes()
	names := slices.Concat(nodes, d.apps())
	for line := range strings.SplitSeq(plain(err, name), "\n") {
		if r.kind == recette.Liveness {
			line, _, _ = strings.Cut(line, ";") // what else waits may change
		}
		rule := line
		if !r.exact {
			rule = general(line, names)
		}
		r.rules = append(r.rules, rule)
		if r.kind == recette.Panicked {
			break // a stack follows
		}
	}
	return r
}

// same reports that other is for the same reason.
func (r reason) same(other reason) bool {
	return r.kind == other.kind && r.exact == other.exact && slices.Contains(other.rules, r.rules[0])
}

// general is a line without what differs from run to run: names, numbers,
// times, quoted texts. Of a key or a path its first part stays.
func general(line string, names []string) string {
	var rule []string
	for _, word := range strings.Fields(line) {
		word = strings.Trim(word, `,.;:()[]{}"'`)
		first, _, path := strings.Cut(word, "/")
		if word == "" || slices.Contains(names, first) || strings.ContainsFunc(first, odd) {
			continue
		}
		if path {
			first += "/"
		}
		rule = append(rule, first)
	}
	return strings.Join(rule, " ")
}

// odd are the characters of names and values.
func odd(r rune) bool { return unicode.IsDigit(r) || strings.ContainsRune(`_=@#"'{}\:`, r) }

// plain is the text of err without the place and the command at which it came.
func plain(err error, name string) string {
	if lineOf(err, name) > 0 {
		if inner := errors.Unwrap(err); inner != nil {
			return inner.Error()
		}
	}
	return err.Error()
}

// lineOf is the line of the scenario that err names, 0 when it names none.
func lineOf(err error, name string) int {
	rest, ok := strings.CutPrefix(err.Error(), name+":")
	if !ok {
		return 0
	}
	number, _, _ := strings.Cut(rest, ":")
	n, bad := strconv.Atoi(number)
	if bad != nil {
		return 0
	}
	return n
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// refused reports that a command was not understood or cannot be carried out:
// that is no failure of the cluster.
func refused(err error) bool {
	return errors.Is(err, recette.ErrUsage) || errors.Is(err, recette.ErrCannot)
}
