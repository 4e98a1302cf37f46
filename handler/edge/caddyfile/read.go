package caddyfile

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Read reads a text in either syntax, found out by itself. It is good when
// there is no problem; else the sites have their addresses only.
func Read(text string, o Options) (File, []Problem) {
	if p, ok := unreadable(text); !ok {
		return File{}, []Problem{p}
	}
	nodes, problems := parse(text, false)
	old := !isV2(nodes)
	if old {
		nodes, problems = parse(text, true)
	}
	if len(problems) > 0 {
		return File{}, problems[:min(len(problems), maxProblems)]
	}
	r := reader{options: o}
	var f File
	seen := map[string]bool{}
	var pending []word
	alone := false // the line before has addresses and no brace
	for _, n := range nodes {
		pending = append(pending, n.words...)
		switch {
		case n.open && alone && len(n.words) == 0:
			alone = false
		case n.open:
			s := Site{Line: n.line}
			if r.addresses(&s, pending, old, seen) {
				s.body = n.block
				r.site(&s, old)
				f.Sites = append(f.Sites, s)
			}
			pending, alone = nil, false
		case !strings.HasSuffix(n.words[len(n.words)-1].text, ","):
			r.headless(n)
			pending, alone = nil, true
		}
	}
	if len(pending) > 0 {
		r.refuse(nodes[len(nodes)-1].line, "addresses without a block", "https://example.com { … }")
	}
	slices.SortStableFunc(r.problems, func(a, b Problem) int { return a.Line - b.Line })
	f.Warnings = r.warnings
	if len(r.problems) > 0 {
		for i := range f.Sites {
			f.Sites[i].body = nil // nobody is to write what was not judged good
		}
	}
	return f, r.problems
}

// parse makes lines and blocks of a text; single as in lexer.
func parse(text string, single bool) ([]node, []Problem) {
	sentences, problems := lex(text, single)
	nodes, more := blocks(sentences, 1+strings.Count(strings.TrimRight(text, "\n"), "\n"))
	problems = append(problems, more...)
	slices.SortStableFunc(problems, func(a, b Problem) int { return a.Line - b.Line })
	return nodes, problems
}

// unreadable finds what no line of a text may hold.
func unreadable(text string) (Problem, bool) {
	i := strings.IndexFunc(text, func(c rune) bool { return unicode.IsControl(c) && c != '\n' && c != '\t' && c != '\r' })
	if i < 0 && utf8.ValidString(text) && !strings.Contains(strings.ReplaceAll(text, "\r\n", "\n"), "\r") {
		return Problem{}, true
	}
	return Problem{Line: 1 + strings.Count(text[:max(i, 0)], "\n"), Why: "a control character, or what is not UTF-8 text", Way: "it without"}, false
}

// headless refuses a line that is neither an address with its block nor part
// of one.
func (r *reader) headless(n node) {
	if n.name() == "import" {
		r.refuse(n.line, "import reads another file or a snippet", "its lines here")
		return
	}
	r.refuse(n.line, "an address needs an opening brace at the end of its line", clip(n.name())+" {")
}

// addresses takes the addresses of a block. In v1 the path of an address meant
// everything below it too. It reports whether the block is a site at all.
func (r *reader) addresses(s *Site, words []word, old bool, seen map[string]bool) bool {
	count := 0
	for _, w := range words {
		text := strings.Trim(w.text, ",")
		if text == "" {
			continue
		}
		count++
		switch {
		case strings.HasPrefix(text, "(") || strings.HasPrefix(text, "&("):
			r.refuse(s.Line, "snippets and named routes are not allowed", "its lines where they are used")
			return false
		case text == "import":
			r.refuse(s.Line, "import reads another file or a snippet", "its lines here")
			return false
		}
		a, _, err := Address(text)
		if err != nil {
			why, way, _ := strings.Cut(err.Error(), "; write ")
			r.refuse(s.Line, why, way)
			continue
		}
		if scheme, rest, _ := strings.Cut(a, "://"); old && strings.Contains(rest, "/") && !strings.HasSuffix(a, "*") {
			a = scheme + "://" + rest + "*"
		}
		if seen[a] {
			r.refuse(s.Line, "address "+clip(text)+" is there twice", "one block for it")
			continue
		}
		seen[a] = true
		s.Addresses = append(s.Addresses, a)
	}
	if count == 0 {
		r.refuse(s.Line, "a block has no address; options for the whole server are not an app's to set", "https://example.com { … }")
	}
	return count > 0
}

// site turns the body of a block into what the cluster serves: translated,
// judged, with everything that is added.
func (r *reader) site(s *Site, old bool) {
	if old {
		s.body = r.translate(s, s.body)
	}
	s.body = r.logs(s.body)
	r.matchers = map[string]bool{}
	before := len(r.problems)
	r.routes(s.body)
	if len(r.problems) == before {
		s.body = complete(s.body)
		bare(s.body)
	}
}

// bare forgets which words were in quotes: they are put where they are needed.
func bare(nodes []node) {
	for i := range nodes {
		for j := range nodes[i].words {
			nodes[i].words[j].quoted = false
		}
		bare(nodes[i].block)
	}
}
