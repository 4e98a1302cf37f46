package caddyfile

import (
	"fmt"
	"slices"
	"strings"
)

// The times that are added where a site says nothing of them.
const (
	patience = "300s" // until a container's answer begins
	farewell = "24h"  // for which a connection that was upgraded outlives a new configuration
)

// complete adds what every site of the cluster has: compression, and the log;
// for each proxy the client's address, a limit for the answer, and that
// websockets survive a new configuration.
func complete(body []node) []node {
	at := 0
	if len(body) > 0 {
		at = body[0].line
	}
	m := translation{line: at}
	for i := range body {
		spell(&body[i])
	}
	proxies(body)
	if serves(body, "file_server", "try_files") && !slices.ContainsFunc(body, func(n node) bool { return n.name() == "root" && rooted(n) }) {
		body = append([]node{m.make("root", "*", "/srv")}, body...)
	}
	if !serves(body, "encode") {
		body = append([]node{m.make("encode", "zstd", "gzip")}, body...)
	}
	return append(body, opened(m.make("log"), m.make("output", "stdout"), m.make("format", "json")))
}

// rooted reports a root for all requests.
func rooted(n node) bool { return len(n.args()) == 1 || n.args()[0].text == "*" }

// spell gives each directive the one name and form that is written.
func spell(n *node) {
	if n.name() == "basicauth" {
		n.words[0].text = "basic_auth"
	}
	for i := range routed(*n) {
		spell(&n.block[i])
	}
}

// serves reports that a directive is among the lines, however deep.
func serves(nodes []node, names ...string) bool {
	return slices.ContainsFunc(nodes, func(n node) bool { return slices.Contains(names, n.name()) || serves(routed(n), names...) })
}

// routed are the directives in the block of another.
func routed(n node) []node {
	if i := slices.IndexFunc(directives(), func(u rule) bool { return u.name == n.name() }); i >= 0 && directives()[i].routes {
		return n.block
	}
	return nil
}

// proxies completes every reverse_proxy.
func proxies(nodes []node) {
	for i := range nodes {
		n := &nodes[i]
		if n.name() != "reverse_proxy" {
			proxies(routed(*n))
			continue
		}
		n.open = true
		n.block = proxied(translation{line: n.line}, n.block)
	}
}

// proxied adds to the options of a reverse_proxy what is not among them, its
// transport last.
func proxied(m translation, options []node) []node {
	at := slices.IndexFunc(options, func(o node) bool { return o.name() == "transport" })
	transport := opened(m.make("transport", "http"))
	if at >= 0 {
		transport = options[at]
		transport.open = true
		options = slices.Delete(options, at, at+1)
	}
	if !slices.ContainsFunc(options, realIP) {
		options = append(options, m.make("header_up", "X-Real-IP", "{remote_host}"))
	}
	if !has(options, "stream_close_delay") {
		options = append(options, m.make("stream_close_delay", farewell))
	}
	if !has(transport.block, "response_header_timeout") {
		transport.block = append(transport.block, m.make("response_header_timeout", patience))
	}
	return append(options, transport)
}

func has(nodes []node, name string) bool {
	return slices.ContainsFunc(nodes, func(n node) bool { return n.name() == name })
}

func realIP(n node) bool {
	return n.name() == "header_up" && len(n.args()) > 0 && strings.EqualFold(strings.Trim(n.args()[0].text, "+-:"), "X-Real-IP")
}

// logs takes out what a site says of its access log, which is the cluster's.
func (r *reader) logs(body []node) []node {
	return slices.DeleteFunc(body, func(n node) bool {
		if n.name() != "log" || n.words[0].quoted {
			return false
		}
		for _, o := range n.block {
			switch args := texts(o.args()); {
			case o.name() == "output" && len(args) == 1 && slices.Contains([]string{"stdout", "stderr"}, args[0]):
			case o.name() == "output":
				r.refuse(o.line, fmt.Sprintf("log output %s is not allowed", clip(strings.Join(args, " "))), "nothing: the log goes to the standard output of the proxy")
			case o.name() == "format" && len(args) == 1 && args[0] == "json":
			case o.name() == "import":
				r.refuse(o.line, "import reads another file or a snippet", "its lines here")
			default:
				r.warn(o.line, "the log is the cluster's; "+clip(o.name())+" is ignored", "")
			}
		}
		return true
	})
}
