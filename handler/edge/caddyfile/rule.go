package caddyfile

import (
	"fmt"
	"slices"
	"strings"
)

// rule says what one directive or sub-directive of v2 may look like.
type rule struct {
	name    string
	matcher bool                // an optional matcher comes first
	args    []kind              // in order
	least   int                 // how many of args are needed
	more    kind                // of any number after them, nil for none
	block   []rule              // sub-directives; one named "" stands for every other name
	first   kind                // judges the name where the rule's name is ""
	routes  bool                // the block holds directives
	lone    bool                // needs neither arguments nor block
	top     bool                // in the site itself only
	once    bool                // in one block
	check   func(n node) string // what is wrong with the line as a whole
	way     string              // how to write it
}

// reader reads one text.
type reader struct {
	options  Options
	problems []Problem
	warnings []Problem
	matchers map[string]bool // defined where the lines stand, by name with @
	depth    int             // of the block in its site
}

// maxProblems is how many problems, and warnings, are told of one text.
const maxProblems = 50

func (r *reader) refuse(line int, why, way string) {
	p := Problem{Line: line, Why: why, Way: way}
	if len(r.problems) < maxProblems && !slices.Contains(r.problems, p) {
		r.problems = append(r.problems, p)
	}
}

func (r *reader) warn(line int, why, way string) {
	if p := (Problem{Line: line, Why: why, Way: way}); len(r.warnings) < maxProblems && !slices.Contains(r.warnings, p) {
		r.warnings = append(r.warnings, p)
	}
}

// routes judges a list of directives.
func (r *reader) routes(nodes []node) {
	around := r.matchers
	r.matchers = r.scope(nodes)
	r.depth++
	defer func() { r.matchers, r.depth = around, r.depth-1 }()
	for i := range nodes {
		n := &nodes[i]
		switch rules := directives(); {
		case strings.HasPrefix(n.name(), "@"):
			r.matcher(n)
		case n.words[0].quoted:
			r.refuse(n.line, fmt.Sprintf("the directive %q is in quotes", clip(n.name())), "it without")
		default:
			r.judge(n, rules, "the directive %s", outside)
		}
	}
}

// judge finds the rule of a line among rules and judges the line by it. label is
// what a message calls the line; other says what to write where there is no rule.
func (r *reader) judge(n *node, rules []rule, label string, other func(string) (why, way string)) {
	i := slices.IndexFunc(rules, func(u rule) bool { return u.name == n.name() })
	if i < 0 {
		i = slices.IndexFunc(rules, func(u rule) bool { return u.name == "" })
	}
	if i < 0 || n.name() == "import" {
		why, way := other(n.name())
		if why == "" {
			why = "is not allowed"
		}
		r.refuse(n.line, fmt.Sprintf(label, clip(n.name()))+" "+why, way)
		return
	}
	u := rules[i]
	if u.top && r.depth > 1 {
		r.refuse(n.line, n.name()+" belongs to the site as a whole", "it outside of the block")
	}
	if u.first != nil {
		if why, way := u.first(r, &n.words[0]); why != "" {
			r.refuse(n.line, why, way)
		}
	}
	r.arguments(n, u)
	switch {
	case !n.open:
	case u.routes:
		r.routes(n.block)
	case u.block == nil:
		r.refuse(n.line, n.name()+" has no block", u.way)
	default:
		for i := range n.block {
			r.again(u.block, n.block[:i], n.block[i])
			r.judge(&n.block[i], u.block, "the option %s of "+strings.ReplaceAll(clip(n.name()), "%", "%%"), outsideOption)
		}
	}
	if u.check != nil {
		if why := u.check(*n); why != "" {
			r.refuse(n.line, why, u.way)
		}
	}
}

// again refuses an option that may be there once only and was before.
func (r *reader) again(rules []rule, before []node, n node) {
	once := slices.ContainsFunc(rules, func(u rule) bool { return u.once && u.name == n.name() })
	if once && has(before, n.name()) {
		r.refuse(n.line, "the option "+n.name()+" is there twice", "one of them")
	}
}

// arguments judges the words after the name.
func (r *reader) arguments(n *node, u rule) {
	args := n.args()
	if u.matcher && len(args) > 0 && isMatcher(args[0]) && (u.name != "root" || len(args) > 1) {
		r.inline(n.line, args[0])
		args = args[1:]
	}
	if len(args) < u.least || len(args) > len(u.args) && u.more == nil {
		r.refuse(n.line, fmt.Sprintf("%s has %d arguments", clip(n.name()), len(args)), u.way)
		return
	}
	if len(args) == 0 && !n.open && !u.lone && (u.block != nil || u.routes || u.more != nil) {
		r.refuse(n.line, n.name()+" says nothing", u.way)
	}
	for i := range args {
		k := u.more
		if i < len(u.args) {
			k = u.args[i]
		}
		why, way := k(r, &args[i])
		if why == "" && !representable(args[i].text) {
			why, way = fmt.Sprintf("%q mixes quotes and backslashes in a way that cannot be written again", clip(args[i].text)), ""
		}
		if why != "" {
			r.refuse(n.line, why, way)
		}
	}
}

// isMatcher reports that a first argument chooses requests.
func isMatcher(w word) bool {
	return w.text == "*" || strings.HasPrefix(w.text, "/") || strings.HasPrefix(w.text, "@")
}

func (r *reader) inline(line int, w word) {
	switch {
	case w.text[0] == '/':
		if why, way := pathArg(r, &w); why != "" {
			r.refuse(line, why, way)
		}
	case w.text[0] == '@' && !r.matchers[w.text]:
		r.refuse(line, "the matcher "+clip(w.text)+" is not defined in this site", w.text+" path /…")
	}
}
