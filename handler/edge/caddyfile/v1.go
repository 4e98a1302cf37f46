package caddyfile

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// translation is one site of v1 on its way to v2: what its directives ask for,
// by the place where v1 did it, whatever the order of the lines.
type translation struct {
	r       *reader
	table   []Entry
	site    *Site
	line    int  // being translated
	plain   bool // the request is never rewritten
	named   int  // matchers made so far
	defs    []node
	first   []node // tls, root: no handlers
	rewrite []based
	encode  []node
	header  []node
	auth    []login
	redir   []node
	status  []based
	proxy   []based
	files   bool
	always  bool   // a redir takes every request
	timeout string // how long a container may take to begin its answer
}

// based are lines for one path; in v1 the longest path that fits decides.
type based struct {
	path  string
	lines []node
	whole bool // it takes every request with that path
}

// make is a line of v2, in the place of the v1 line being translated.
func (t *translation) make(words ...string) node {
	n := node{line: t.line}
	for _, w := range words {
		n.words = append(n.words, word{text: w})
	}
	return n
}

// opened is a line of v2 that opens a block.
func opened(n node, block ...node) node {
	n.open, n.block = true, block
	return n
}

func (t *translation) refuse(why, way string) { t.r.refuse(t.line, why, way) }

// text translates the placeholders of a v1 word.
func (t *translation) text(w word) string {
	out, why, way := modern(w.text, t.plain)
	if why != "" {
		t.refuse(why, way)
	}
	return out
}

// matcher defines a named matcher and returns its name.
func (t *translation) matcher(kind string, conditions ...node) string {
	t.named++
	name := fmt.Sprintf("@%s%d", kind, t.named)
	t.defs = append(t.defs, opened(t.make(name), conditions...))
	return name
}

var v1Path = regexp.MustCompile(`^/[A-Za-z0-9._~!$&()+,;=:@/-]*$`)

// prefix is the v2 matcher of everything that begins with a v1 path, "" for all.
func (t *translation) prefix(path string) string {
	if !v1Path.MatchString(path) {
		t.refuse(fmt.Sprintf("%q is not a plain path", clip(path)), "/path")
		return ""
	}
	if path == "/" {
		return ""
	}
	return path + "*"
}

// with is words with a matcher behind the first, if there is one.
func with(matcher string, words ...string) []string {
	if matcher == "" {
		return words
	}
	return slices.Concat(words[:1], []string{matcher}, words[1:])
}

// site translates the directives of a v1 site.
func (r *reader) translate(s *Site, body []node) []node {
	t := translation{r: r, table: Table(), site: s, timeout: "300s", plain: !rewrites(body)}
	for _, n := range body {
		t.line = n.line
		e, ok := entry(t.table, n.name())
		switch {
		case n.words[0].quoted, n.name() == "import":
			t.refuse(fmt.Sprintf("the directive %s %s", clip(n.name()), "is not allowed"), "its lines here")
		case ok && t.flat(n):
			e.translate(&t, n)
		case ok:
		default:
			t.unknown(n.name())
		}
	}
	return t.body()
}

// rewrites reports that a v1 site changes the request before it is answered.
func rewrites(body []node) bool {
	return slices.ContainsFunc(body, func(n node) bool {
		return n.name() == "rewrite" || n.name() == "proxy" && slices.ContainsFunc(n.block, func(o node) bool { return o.name() == "without" })
	})
}

// flat refuses blocks in the options of a directive, which v1 did not have.
func (t *translation) flat(n node) bool {
	flat := true
	for _, o := range n.block {
		if o.open {
			t.r.refuse(o.line, fmt.Sprintf("the option %s of %s has no block", clip(o.name()), clip(n.name())), "")
			flat = false
		}
	}
	return flat
}

func (t *translation) unknown(name string) {
	instead, known := v1Outside()[name]
	rules := directives()
	switch {
	case known:
		t.refuse(fmt.Sprintf("the directive %s of Caddy v1 is not translated", clip(name)), instead)
	case strings.HasPrefix(name, "@") || slices.ContainsFunc(rules, func(u rule) bool { return u.name == name }):
		t.refuse(fmt.Sprintf("%s is of Caddy v2, and the text has lines of v1", clip(name)), "the whole text for one of them")
	default:
		why, way := outside(name)
		t.refuse(fmt.Sprintf("the directive %s %s", clip(name), why), way)
	}
}

// longest sorts by path, the longest first, equal ones as they were written.
func longest(list []based) []based {
	slices.SortStableFunc(list, func(a, b based) int { return cmp.Compare(len(b.path), len(a.path)) })
	return list
}

func lines(list []based) (all []node) {
	for _, b := range list {
		all = append(all, b.lines...)
	}
	return all
}

// body puts the site together in v1's order: rewrite, gzip, header, basicauth,
// redir, status, proxy, files. v2 has another one, so what could be
// seen of the difference goes into a route, which keeps the order written.
func (t *translation) body() []node {
	for _, b := range t.proxy {
		patient(b.lines, t.timeout)
	}
	all := t.always || slices.ContainsFunc(t.proxy, func(b based) bool { return b.whole && b.path == "/" })
	last := t.make("respond", "404")
	if t.files {
		last = t.make("file_server")
	}
	order := slices.Concat(lines(longest(t.rewrite)), t.encode, t.header, t.logins(), t.redir, lines(longest(t.status)), lines(longest(t.proxy)))
	if !all {
		order = append(order, last)
	}
	simple := len(t.rewrite)+len(t.auth)+len(t.status) == 0 && len(t.redir) <= 1 && len(t.encode) <= 1 && (len(t.proxy) == 0 || len(t.proxy) == 1 && all)
	if !simple {
		if len(t.encode) == 0 {
			order = slices.Insert(order, len(lines(t.rewrite)), t.make("encode", "zstd", "gzip"))
		}
		order = []node{opened(t.make("route"), order...)}
	}
	return slices.Concat(t.first, t.defs, order)
}
