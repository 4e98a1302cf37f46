package caddyfile

import (
	"fmt"
	"maps"
	"regexp"
	"strings"
	"sync"
)

// matchers are the conditions that a named matcher of v2 may have. expression
// is not among them: it can read any placeholder.
var matchers = sync.OnceValue(func() []rule {
	list := []rule{
		{name: "path", more: pathArg, way: "path /path/*"},
		{name: "path_regexp", once: true, args: []kind{either(pattern, name), pattern}, least: 1, way: "path_regexp ^/path/(.*)$"},
		{name: "host", more: shaped("a domain", "example.com", matches(`^[A-Za-z0-9.*-]+$`)), way: "host example.com"},
		{name: "method", more: method, way: "method GET POST"},
		{name: "protocol", args: []kind{fixed("http", "https", "grpc", "http/1.0", "http/1.1", "http/2", "http/2+", "http/3")}, least: 1, way: "protocol https"},
		{name: "header", args: []kind{shaped("a header field", "X-Name", matches(`^!?[\w-]+$`)), text}, least: 1, check: valued, way: "header X-Name value"},
		{name: "header_regexp", args: []kind{shaped("a name", "X-Name", matches(`^[\w-]+$`)), either(pattern, field), pattern}, least: 2, way: "header_regexp X-Name ^value"},
		{name: "query", more: shaped("a query", "key=value", matches(`^[^{}=]+=[^{}]*$`)), way: "query key=value"},
		{name: "remote_ip", more: address, way: "remote_ip 192.0.2.0/24"},
		{name: "client_ip", more: address, way: "client_ip 192.0.2.0/24"},
		{name: "vars_regexp", args: []kind{shaped("a placeholder", "{path}", isPlaceholder), pattern}, least: 2, way: "vars_regexp {path} ^/path"},
	}
	return append(list, rule{name: "not", block: list, more: text, way: "not path /path/*"})
})

var matcherName = regexp.MustCompile(`^@[A-Za-z_][\w-]*$`)

func isPlaceholder(s string) bool {
	return strings.HasPrefix(s, "{") && strings.HasSuffix(s, "}") && known.MatchString(s[1:len(s)-1])
}

// matcher judges the definition of a named matcher: one line, or a block.
func (r *reader) matcher(n *node) {
	if !matcherName.MatchString(n.name()) {
		r.refuse(n.line, fmt.Sprintf("%q is not the name of a matcher", clip(n.name())), "@name path /path/*")
	}
	switch args := n.args(); {
	case len(args) > 0 && n.open:
		r.refuse(n.line, "a matcher has either conditions on its line or a block", "@name path /path/*")
	case len(args) > 0:
		r.condition(&node{line: n.line, words: args})
	case len(n.block) == 0:
		r.refuse(n.line, "a matcher without conditions matches everything", "@name path /path/*")
	}
	r.conditions(n.block)
}

// conditions judges the lines of a matcher.
func (r *reader) conditions(nodes []node) {
	for i := range nodes {
		r.again(matchers(), nodes[:i], nodes[i])
		r.condition(&nodes[i])
	}
}

// valued finds a header without its value; only that there is none needs none.
func valued(n node) string {
	if args := n.args(); len(args) == 1 && !strings.HasPrefix(args[0].text, "!") {
		return "the condition header has no value"
	}
	return ""
}

// condition judges one line of a matcher. The words behind not are a condition.
func (r *reader) condition(n *node) {
	if n.name() == "not" && len(n.args()) > 0 {
		if n.open {
			r.refuse(n.line, "not has either a condition on its line or a block", "not path /path/*")
		}
		r.condition(&node{line: n.line, words: n.args()})
		return
	}
	if n.name() == "not" {
		r.conditions(n.block)
		return
	}
	r.judge(n, matchers(), "the condition %s", func(name string) (string, string) {
		if name == "expression" || strings.ContainsAny(name, "`{}()=") {
			return "can read what is not the app's", "path, header, query, method and not"
		}
		return "is not one that is allowed", "path, header, query, method and not"
	})
}

// scope is the matchers that the lines may name: those around them and their
// own, wherever these stand.
func (r *reader) scope(nodes []node) map[string]bool {
	names := maps.Clone(r.matchers)
	for _, n := range nodes {
		if !strings.HasPrefix(n.name(), "@") {
			continue
		}
		if names[n.name()] {
			r.refuse(n.line, "the matcher "+clip(n.name())+" is there twice", "another name")
		}
		names[n.name()] = true
	}
	return names
}
