package caddyfile

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// redir answers with another address: from must be the whole path, or / for
// all; nothing of the request is kept that the target does not name.
func redir(t *translation, n node) {
	args := n.args()
	rules := [][]word{}
	var ifs []node
	any := false
	for _, o := range n.block {
		switch o.name() {
		case "if":
			ifs = append(ifs, o)
		case "if_op":
			any = any || len(o.args()) == 1 && o.args()[0].text == "or"
		default:
			rules = append(rules, o.words)
		}
	}
	code := "301"
	if len(rules) == 0 {
		rules = append(rules, args)
	} else if len(args) == 1 {
		code = args[0].text
	}
	conditions := t.conditions(ifs, any)
	for _, words := range rules {
		if len(words) > 0 {
			t.line = n.line
		}
		t.redirect(words, code, conditions)
	}
}

// redirect is one rule of a redir.
func (t *translation) redirect(words []word, code string, conditions []node) {
	from, to := "/", word{}
	switch {
	case len(words) == 1:
		to = words[0]
	case len(words) == 2 && isCode(words[1].text):
		to, code = words[0], words[1].text
	case len(words) == 2:
		from, to = words[0].text, words[1]
	case len(words) == 3:
		from, to, code = words[0].text, words[1], words[2].text
	default:
		t.refuse(fmt.Sprintf("redir has %d arguments", len(words)), "redir /from https://example.com{uri} 301")
		return
	}
	if !isCode(code) {
		t.refuse(fmt.Sprintf("%q is not the status of a redirect", clip(code)), "301, 302, 303, 307, 308 or meta")
		return
	}
	if code == "meta" {
		code = "html"
	}
	matcher := ""
	switch t.prefix(from); {
	case len(conditions) > 0 && from != "/":
		matcher = t.matcher("redir", append([]node{t.make("path", from)}, conditions...)...)
	case len(conditions) > 0:
		matcher = t.matcher("redir", conditions...)
	case from != "/":
		matcher = from
	}
	target := t.text(to)
	t.always = t.always || matcher == ""
	if strings.HasPrefix(target, "/") && matcher == "" {
		matcher = "*"
	}
	t.redir = append(t.redir, t.make(with(matcher, "redir", target, code)...))
}

func isCode(s string) bool {
	return s == "meta" || slices.Contains([]string{"300", "301", "302", "303", "304", "305", "307", "308"}, s)
}

// conditions translates the if lines of a block: each compares one placeholder.
// Everything is said with regular expressions, and each in a matcher of its own:
// side by side v2 would take them for alternatives.
func (t *translation) conditions(ifs []node, any bool) (list []node) {
	var denied []node // the conditions the other way round
	for _, n := range ifs {
		t.line = n.line
		placeholder, expression, yes, ok := t.condition(n)
		if !ok {
			continue
		}
		test := t.make("vars_regexp", placeholder, expression)
		not := opened(t.make("not"), test)
		switch {
		case yes && len(list) == 0:
			list, denied = append(list, test), append(denied, not)
		case yes:
			list, denied = append(list, opened(t.make("not"), not)), append(denied, not)
		default:
			list, denied = append(list, not), append(denied, opened(t.make("not"), not))
		}
	}
	if any && len(denied) > 0 {
		return []node{opened(t.make("not"), denied...)}
	}
	return list
}

// condition reads one if: a placeholder, how to compare, a text.
func (t *translation) condition(n node) (placeholder, expression string, yes, ok bool) {
	const way = "if {path} starts_with /path"
	args := n.args()
	if len(args) != 3 {
		t.refuse("if needs a placeholder, a comparison and a text", way)
		return "", "", false, false
	}
	placeholder = t.text(args[0])
	operator, negative := strings.CutPrefix(args[1].text, "not_")
	if !isPlaceholder(placeholder) || strings.ContainsAny(args[2].text, "{}") && operator != "match" {
		t.refuse("if compares one placeholder with a fixed text", way)
		return "", "", false, false
	}
	if operator == "not" {
		operator, negative = "is", true
	}
	quoted := regexp.QuoteMeta(args[2].text)
	switch operator {
	case "is":
		expression = "^" + quoted + "$"
	case "has":
		expression = quoted
	case "starts_with":
		expression = "^" + quoted
	case "ends_with":
		expression = quoted + "$"
	case "match":
		expression = args[2].text
	default:
		t.refuse(fmt.Sprintf("%q is not a comparison of Caddy v1", clip(args[1].text)), "is, not, has, starts_with, ends_with or match")
		return "", "", false, false
	}
	return placeholder, expression, !negative, true
}

// rewriting changes the request before anything else sees it. The first rule
// with the longest path that fits is the only one.
func rewriting(t *translation, n node) {
	args := n.args()
	if len(args) >= 2 && !n.open {
		negative := args[0].text == "not" && len(args) > 2
		if negative {
			args = args[1:]
		}
		if len(args) != 2 {
			t.refuse("rewrite has one target", "rewrite ^/old$ /new, or try_files in v2")
			return
		}
		kind := []string{"path_regexp", t.capture(), args[0].text}
		if negative {
			kind = append([]string{"not"}, kind...)
		}
		t.rewritten("/", t.make(kind...), nil, args[1])
		return
	}
	if len(args) > 1 || len(n.block) == 0 {
		t.refuse("rewrite needs a pattern and a target", "rewrite ^/old$ /new")
		return
	}
	base := "/"
	if len(args) == 1 {
		base = args[0].text
	}
	t.rewriteBlock(n, base)
}

// capture is the name that the next matcher of a rewrite has, and its groups.
func (t *translation) capture() string { return "rewrite" + strconv.Itoa(t.named+1) }

func (t *translation) rewriteBlock(n node, base string) {
	var test node
	var target word
	var conditions, ifs []node
	any := false
	for _, o := range n.block {
		t.line = o.line
		switch args := texts(o.args()); {
		case (o.name() == "r" || o.name() == "regexp") && len(args) == 1:
			test = t.make("path_regexp", t.capture(), t.under(base, args[0]))
		case o.name() == "to" && len(args) == 1:
			target = o.args()[0]
		case o.name() == "to":
			t.refuse("rewrite to has one target: the proxy has no files to look for", "to {path}, or try_files in v2")
		case o.name() == "ext" && len(args) > 0:
			conditions = append(conditions, t.suffixes(args)...)
		case o.name() == "if":
			ifs = append(ifs, o)
		case o.name() == "if_op" && len(args) == 1:
			any = args[0] == "or"
		default:
			t.option(n, o)
		}
	}
	t.line = n.line
	if target.text == "" {
		t.refuse("rewrite needs a target", "to /path")
		return
	}
	if m := t.prefix(base); test.words == nil && m != "" {
		test = t.make("path", m)
	}
	t.rewritten(base, test, append(conditions, t.conditions(ifs, any)...), target)
}

// under is a pattern for what comes after base, as one for the whole path.
func (t *translation) under(base, expression string) string {
	base = strings.TrimSuffix(base, "/")
	rest, anchored := strings.CutPrefix(expression, "^")
	switch {
	case base == "":
		return expression
	case strings.ContainsAny(rest, "^|"):
		t.refuse("a pattern with | or a second ^ below a path", "the whole path in the pattern")
		return expression
	case anchored:
		return "^" + regexp.QuoteMeta(base) + rest
	}
	return "^" + regexp.QuoteMeta(base) + ".*?(?:" + rest + ")"
}

// suffixes are conditions on the extension of the path.
func (t *translation) suffixes(list []string) (conditions []node) {
	var with []string
	for _, e := range list {
		if without, not := strings.CutPrefix(e, "!"); not {
			conditions = append(conditions, t.make("not", "path", t.extensions([]string{without})[0]))
		} else {
			with = append(with, t.extensions([]string{e})...)
		}
	}
	if len(with) > 0 {
		conditions = append(conditions, t.make(append([]string{"path"}, with...)...))
	}
	return conditions
}

var group = regexp.MustCompile(`\{(\d+)\}`)

// rewritten adds one rule.
func (t *translation) rewritten(base string, test node, conditions []node, target word) {
	name := t.capture()
	target.text = group.ReplaceAllString(target.text, "{re."+name+".$1}")
	to := t.target(target)
	if !strings.HasPrefix(to, "/") && !strings.HasPrefix(to, "{") && !strings.HasPrefix(to, "?") {
		to = "/" + to
	}
	if test.words != nil {
		conditions = append([]node{test}, conditions...)
	}
	matcher := "*"
	if len(conditions) > 0 {
		matcher = t.matcher("rewrite", conditions...)
	}
	t.rewrite = append(t.rewrite, based{path: base, lines: []node{t.make("rewrite", matcher, to)}})
}

// target translates the placeholders of a target, but those of the pattern.
func (t *translation) target(w word) string {
	var groups []string
	w.text = ofPattern.ReplaceAllStringFunc(w.text, func(s string) string {
		groups = append(groups, s)
		return "{0}"
	})
	out := t.text(w)
	for _, g := range groups {
		out = strings.Replace(out, "{0}", g, 1)
	}
	return out
}

var ofPattern = regexp.MustCompile(`\{re\.rewrite\d+\.\d+\}`)
