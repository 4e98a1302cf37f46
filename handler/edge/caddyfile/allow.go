package caddyfile

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// directives are those of v2 that an app may use, and their shape. What is not
// here is refused: new ones of Caddy too.
var directives = sync.OnceValue(func() []rule {
	return []rule{
		{name: "encode", matcher: true, more: fixed("zstd", "gzip"), lone: true, way: "encode zstd gzip", block: []rule{
			{name: "zstd", args: []kind{fixed("fastest", "better", "best", "default")}},
			{name: "gzip", args: []kind{level}},
			{name: "minimum_length", args: []kind{number}, least: 1},
		}},
		{name: "header", matcher: true, args: []kind{field, text, text}, check: oneForm, way: "header X-Name value", block: []rule{
			{name: "defer"}, {first: field, args: []kind{text, text}, check: replaced},
		}},
		{name: "request_header", matcher: true, args: []kind{field, text, text}, least: 1, check: replacing, way: "request_header X-Name value"},
		{name: "request_body", matcher: true, way: "request_body { max_size 10MB }", block: []rule{{name: "max_size", args: []kind{size}, least: 1}}},
		{name: "redir", matcher: true, args: []kind{text, either(status, fixed("permanent", "temporary", "html"))}, least: 1, way: "redir https://example.com{uri} permanent"},
		{name: "rewrite", matcher: true, args: []kind{text}, least: 1, way: "rewrite /old /new"},
		{name: "uri", matcher: true, args: []kind{fixed("strip_prefix", "strip_suffix", "replace", "path_regexp"), text, text, number}, least: 2, check: changing, way: "uri strip_prefix /path"},
		{name: "method", matcher: true, args: []kind{method}, least: 1, way: "method GET"},
		basicAuth("basic_auth"), basicAuth("basicauth"),
		{name: "respond", matcher: true, args: []kind{text, status}, least: 1, way: `respond "text" 404`},
		{name: "error", matcher: true, args: []kind{text, status}, least: 1, way: `error "text" 404`},
		{name: "abort", matcher: true, lone: true, way: "abort"},
		{name: "handle", matcher: true, routes: true, way: "handle /path/* { … }"},
		{name: "handle_path", matcher: true, routes: true, check: below, way: "handle_path /path/* { … }"},
		{name: "route", matcher: true, routes: true, way: "route { … }"},
		{name: "handle_errors", top: true, more: statuses, routes: true, way: "handle_errors 404 { … }"},
		{name: "root", matcher: true, args: []kind{folder}, least: 1, way: "root * /srv/…"},
		{name: "try_files", more: text, way: "try_files {path} /index.html"},
		{name: "file_server", matcher: true, args: []kind{fixed("browse")}, lone: true, check: browsed, way: "file_server", block: []rule{
			{name: "root", args: []kind{folder}, least: 1}, {name: "index", more: shaped("a file name", "index.html", matches(`^[\w.-]+$`))},
			{name: "hide", more: text}, {name: "browse", once: true}, {name: "pass_thru"}, {name: "precompressed", more: fixed("br", "zstd", "gzip"), lone: true},
		}},
		{name: "tls", top: true, args: []kind{either(email, fixed("internal"))}, way: "tls internal", block: []rule{
			{name: "protocols", args: []kind{fixed("tls1.2", "tls1.3"), fixed("tls1.2", "tls1.3")}, least: 1},
		}},
		{name: "log_skip", matcher: true, lone: true, way: "log_skip /path/*"},
		{name: "reverse_proxy", matcher: true, more: upstream, block: proxyOptions(), check: reaching, way: "reverse_proxy $CONTAINER:80"},
		{name: "forward_auth", matcher: true, args: []kind{upstream}, least: 1, check: asking, way: "forward_auth $CONTAINER:80 { uri /check }", block: append(proxyOptions(),
			rule{name: "uri", once: true, args: []kind{text}, least: 1}, rule{name: "copy_headers", more: shaped("a header field", "X-User", matches(`^[\w>-]+$`)), block: []rule{{first: field}}})},
	}
})

// oneForm finds a header that has fields on its line and in its block.
func oneForm(n node) string {
	if n.open && (len(n.args()) > 1 || len(n.args()) == 1 && !isMatcher(n.args()[0])) {
		return "header has fields on its line or in its block, not both"
	}
	return replacing(n)
}

// replacing finds a field whose value is to be replaced by a pattern that is
// none, replaced the same in the block of a header.
func replacing(n node) string {
	words := n.args()
	if len(words) > 0 && isMatcher(words[0]) {
		words = words[1:]
	}
	return replaced(node{words: words})
}

func replaced(n node) string {
	if len(n.words) < 3 {
		return ""
	}
	if _, err := regexp.Compile(n.words[1].text); err != nil {
		return fmt.Sprintf("%q is not a regular expression", clip(n.words[1].text))
	}
	return ""
}

// below finds a handle_path without a path.
func below(n node) string {
	if len(n.args()) != 1 || !strings.HasPrefix(n.args()[0].text, "/") {
		return "handle_path needs one path"
	}
	return ""
}

// changing finds a uri with arguments too few or too many.
func changing(n node) string {
	args := n.args()
	if len(args) > 0 && isMatcher(args[0]) {
		args = args[1:]
	}
	if len(args) == 0 {
		return ""
	}
	least, most := 2, 2
	if _, err := regexp.Compile(args[min(1, len(args)-1)].text); err != nil && args[0].text == "path_regexp" {
		return fmt.Sprintf("%q is not a regular expression", clip(args[1].text))
	}
	switch args[0].text {
	case "replace":
		least, most = 3, 4
	case "path_regexp":
		least, most = 3, 3
	}
	if len(args) < least || len(args) > most {
		return fmt.Sprintf("uri %s has %d arguments", clip(args[0].text), len(args)-1)
	}
	return ""
}

// asking finds a forward_auth that does not say what to ask.
func asking(n node) string {
	if !has(n.block, "uri") {
		return "forward_auth has no uri"
	}
	return ""
}

// accounts finds a user that is there twice, and a hash of the other kind.
func accounts(n node) string {
	prefix := "$2"
	if slices.ContainsFunc(n.args(), func(w word) bool { return w.text == "argon2id" }) {
		prefix = "$argon2id$"
	}
	for i, o := range n.block {
		switch {
		case has(n.block[:i], o.name()):
			return "the user " + clip(o.name()) + " is there twice"
		case len(o.args()) > 0 && strings.HasPrefix(o.args()[0].text, "$") && !strings.HasPrefix(o.args()[0].text, prefix):
			return "the hash of " + clip(o.name()) + " is not of the kind that basic_auth is told"
		}
	}
	return ""
}

// browsed finds a file_server that is told twice to show folders.
func browsed(n node) string {
	if args := n.args(); len(args) > 0 && args[len(args)-1].text == "browse" && has(n.block, "browse") {
		return "file_server has browse twice"
	}
	return ""
}

// reaching finds a proxy without a container.
func reaching(n node) string {
	args := n.args()
	if len(args) > 0 && isMatcher(args[0]) {
		args = args[1:]
	}
	if len(args) == 0 && n.open && !slices.ContainsFunc(n.block, func(o node) bool { return o.name() == "to" && len(o.args()) > 0 }) {
		return "reverse_proxy has no container"
	}
	for _, o := range n.block {
		if o.name() == "to" {
			args = slices.Concat(args, o.args())
		}
	}
	for _, a := range args {
		if schemeOf(a) != schemeOf(args[0]) {
			return "the containers of a reverse_proxy are not all asked by http, or all by https"
		}
	}
	return ""
}

func schemeOf(w word) string {
	scheme, _, ok := strings.Cut(w.text, "://")
	if !ok {
		return ""
	}
	return scheme
}

func basicAuth(name string) rule {
	return rule{name: name, matcher: true, args: []kind{fixed("bcrypt", "argon2id"), text}, check: accounts, way: "basic_auth { user hash }",
		block: []rule{{first: user, args: []kind{hash}, least: 1}}}
}

// proxyOptions are the options of reverse_proxy. Whatever reaches further than
// the app's own containers, or into a file, is not among them.
func proxyOptions() []rule {
	header := []kind{field, text, text}
	policies := fixed("random", "random_choose", "first", "round_robin", "least_conn", "ip_hash", "client_ip_hash", "uri_hash", "header", "cookie", "query")
	return []rule{
		{name: "to", more: upstream},
		{name: "lb_policy", once: true, args: []kind{policies, shaped("a name", "X-Name", matches(`^[\w-]+$`))}, least: 1, way: "lb_policy round_robin"},
		{name: "lb_retries", args: []kind{tries}, least: 1}, {name: "lb_try_duration", args: []kind{duration}, least: 1}, {name: "lb_try_interval", args: []kind{atLeast(10 * time.Millisecond)}, least: 1},
		{name: "health_uri", args: []kind{local}, least: 1}, {name: "health_interval", args: []kind{atLeast(time.Second)}, least: 1}, {name: "health_timeout", args: []kind{duration}, least: 1},
		{name: "health_port", args: []kind{shaped("a port", "8080", matches(`^[1-9]\d{0,4}$`))}, least: 1}, {name: "health_status", args: []kind{statuses}, least: 1},
		{name: "health_body", args: []kind{pattern}, least: 1}, {name: "health_passes", args: []kind{number}, least: 1}, {name: "health_fails", args: []kind{number}, least: 1},
		{name: "health_method", args: []kind{method}, least: 1}, {name: "health_headers", way: "health_headers { X-Name value }", block: []rule{{first: field, args: []kind{text}, least: 1}}},
		{name: "fail_duration", args: []kind{duration}, least: 1}, {name: "max_fails", args: []kind{number}, least: 1}, {name: "unhealthy_status", args: []kind{statuses}, least: 1, more: statuses},
		{name: "unhealthy_latency", args: []kind{duration}, least: 1}, {name: "unhealthy_request_count", args: []kind{number}, least: 1},
		{name: "flush_interval", args: []kind{either(atLeast(time.Millisecond), fixed("-1"))}, least: 1}, {name: "request_buffers", args: []kind{buffer}, least: 1}, {name: "response_buffers", args: []kind{buffer}, least: 1},
		{name: "stream_timeout", args: []kind{duration}, least: 1}, {name: "stream_close_delay", args: []kind{duration}, least: 1},
		{name: "header_up", args: header, least: 1, check: replacing, way: "header_up X-Name value"}, {name: "header_down", args: header, least: 1, check: replacing, way: "header_down X-Name value"},
		{name: "method", args: []kind{method}, least: 1}, {name: "rewrite", args: []kind{text}, least: 1},
		{name: "transport", once: true, args: []kind{fixed("http")}, least: 1, way: "transport http { … }", block: transportOptions()},
	}
}

// transportOptions are how the proxy talks to a container.
func transportOptions() []rule {
	var list []rule
	for _, n := range []string{"read_timeout", "write_timeout", "dial_timeout", "dial_fallback_delay", "response_header_timeout", "expect_continue_timeout", "tls_timeout", "keepalive_interval"} {
		list = append(list, rule{name: n, args: []kind{duration}, least: 1})
	}
	for _, n := range []string{"keepalive_idle_conns", "keepalive_idle_conns_per_host", "max_conns_per_host"} {
		list = append(list, rule{name: n, args: []kind{number}, least: 1})
	}
	for _, n := range []string{"read_buffer", "write_buffer", "max_response_header"} {
		list = append(list, rule{name: n, args: []kind{buffer}, least: 1})
	}
	return append(list,
		rule{name: "keepalive", args: []kind{either(duration, fixed("off"))}, least: 1}, rule{name: "compression", args: []kind{fixed("off")}, least: 1},
		rule{name: "versions", more: fixed("1.1", "2", "h2c")}, rule{name: "proxy_protocol", args: []kind{fixed("v1", "v2")}, least: 1},
		rule{name: "tls"}, rule{name: "tls_insecure_skip_verify"}, rule{name: "tls_server_name", args: []kind{shaped("a domain", "example.com", hostOK.MatchString)}, least: 1},
	)
}

// outside says why a directive of v2 is not allowed, and what to write.
func outside(name string) (why, way string) {
	const machine = "reaches into the machine of the proxy"
	switch name {
	case "import":
		return "reads another file or a snippet", "its lines here"
	case "bind":
		return "takes an address of the node", "nothing: HAProxy hands the requests over"
	case "templates", "fs", "acme_server", "metrics", "tracing", "exec", "pki":
		return machine, "it in a container of the app"
	case "php_fastcgi", "fastcgi":
		return "needs the app's files beside the proxy", "reverse_proxy to a web server in a container"
	case "expression", "map", "vars", "invoke", "intercept", "log_append", "push":
		return "is not allowed", "handle, header or rewrite"
	}
	if u, ok := entry(Table(), name); ok {
		return "is of Caddy v1, and the text has lines of v2", u.Instead
	}
	if instead, ok := v1Outside()[name]; ok {
		return "is of Caddy v1", instead
	}
	return "is not one that is allowed", "a directive of docs/caddyfile.md"
}

// outsideOption says the same of the options of a directive.
func outsideOption(name string) (why, way string) {
	switch name {
	case "import":
		return "reads another file or a snippet", "its lines here"
	case "dynamic", "health_upstream", "forward_proxy_url", "network_proxy", "local_address", "resolvers", "srv":
		return "reaches more than the app's own containers", "the containers: reverse_proxy $CONTAINER:80"
	case "tls_client_auth", "tls_trusted_ca_certs", "tls_trust_pool", "load", "ca", "ca_root", "client_auth", "dns", "get_certificate", "issuer", "eab":
		return "reads files of the proxy, or is the operator's to set", "nothing: certificates come by themselves"
	case "health_follow_redirects", "trusted_proxies", "handle_response", "replace_status", "verbose_logs":
		return "is not allowed", "it without"
	case "on_demand":
		return "lets anybody ask for certificates", "the domains as addresses"
	case "transparent", "websocket", "insecure_skip_verify", "header_upstream", "header_downstream", "without", "except", "policy":
		return "is of Caddy v1", proxyInstead()[name]
	}
	return "is not one that is allowed", "an option of docs/caddyfile.md"
}
